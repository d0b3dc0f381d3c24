"""Content blocks of a message as texts and pictures, in every form that LangChain's messages hold them in.

Read are, for pictures: ``image_url`` with a string or a mapping, OpenAI's ``input_image``, LangChain's ``image`` with
``url``, ``base64`` or ``data`` (its older form by ``source_type`` too), Anthropic's ``source``, Google's ``media``,
Bedrock's ``image`` without a type, and a ``file`` that says it is a picture. Ours.

Reading the request out of the state: the keys ``question`` and ``images``, or the last human message; and its id.
"""

import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from langchain_core.messages import AnyMessage, BaseMessage, HumanMessage

from ecoalign_agent.errors import UsageError
from ecoalign_agent.images.sources import unfetched
from ecoalign_agent.images.store import Gallery
from ecoalign_agent.images.url_policy import looks_like_address

ImageSource = bytes | str

_TEXTS = frozenset({"text", "input_text", "text-plain"})


def parts_of(message: BaseMessage) -> tuple[list[str], list[ImageSource]]:
    """Texts and pictures of a message, each in order.

    Raises:
        UsageError: an image can't be used, or a block is neither text nor image: an answer that passed over it would
            look like one to it.
    """
    texts: list[str] = []
    images: list[ImageSource] = []
    for block in [message.content] if isinstance(message.content, str) else message.content:
        if isinstance(block, str):
            texts.append(block)
        elif holds_image(block):
            images.append(_picture(block))
        elif block.get("type") in _TEXTS and isinstance(block.get("text", ""), str):
            texts.append(block.get("text", ""))
        else:
            raise UsageError(f"a message block of type {block.get('type')!r} can't be answered: give text and images")
    return texts, images


def holds_image(block: object) -> bool:
    """Whether a content block holds a picture, usable or not."""
    if not isinstance(block, Mapping):
        return False
    kind = block.get("type")
    if kind in {"image_url", "input_image", "image"}:
        return True
    if kind in {"media", "file"}:
        return str(block.get("mime_type")).startswith("image/")
    return kind is None and isinstance(block.get("image"), Mapping)


def image_of(image: object) -> ImageSource:
    """A picture as a request may name it.

    Raises:
        UsageError: it is neither bytes nor a data URL nor an address.
    """
    # A path in the state would let whoever sends JSON read files from here; a URL goes through the fetcher's door only.
    if isinstance(image, bytes) or (isinstance(image, str) and (image[:5].lower() == "data:" or is_address(image))):
        return image
    raise UsageError(f"an image in a request is bytes or a data URL, not {str(image)[:40]!r}")


def is_address(image: ImageSource) -> bool:
    """Whether a picture is named by its URL."""
    return isinstance(image, str) and looks_like_address(image)


def _picture(block: Mapping[str, Any]) -> ImageSource:
    if block.get("type") in {"image_url", "input_image"}:
        url = block.get("image_url")
        named = url.get("url") if isinstance(url, Mapping) else url
        return image_of(named if named is not None or not _by_id(block) else _no_id())
    if block.get("type") is None:
        return _bedrock(block["image"])
    source = block.get("source")
    # Anthropic's; everything else stands in the block itself.
    held = source if isinstance(source, Mapping) else block
    if (url := held.get("url")) is not None:
        return image_of(url)
    data = held.get("base64") or held.get("data")
    if isinstance(data, bytes):
        return data
    if not isinstance(data, str):
        if _by_id(held):
            _no_id()
        raise UsageError("an image block holds neither `url` nor `base64`")
    return _data_url(data, held.get("mime_type") or held.get("media_type"))


def _bedrock(image: Mapping[str, Any]) -> ImageSource:
    source = image.get("source")
    data = source.get("bytes") if isinstance(source, Mapping) else None
    if isinstance(data, bytes):
        return data
    if isinstance(data, str):
        return _data_url(data, f"image/{image.get('format') or 'png'}")
    raise UsageError("an image block holds no `bytes`: give them, or a data URL")


def _data_url(data: str, mime: object) -> str:
    # Some hand a whole data URL over where its data is asked for.
    return data if data[:5].lower() == "data:" else f"data:{mime or 'image/png'};base64,{data}"


def _by_id(block: Mapping[str, Any]) -> bool:
    return any(block.get(key) for key in ("file_id", "id")) and block.get("source_type", "id") == "id"


def _no_id() -> str:
    raise UsageError("an image block names a file by its id, which only its provider can open: give `base64` or `url`")


MAX_QUESTION = 100_000
"""Characters that a question may have; more would be spent on reading it than on answering."""

MAX_ADDRESSES = 16
"""Pictures of one request that may be named by their URLs: each takes up to ten seconds."""

MAX_RUN_ID = 128
"""Characters that a run's id may have."""

_SHOWN = 40
"""Characters of an id that are repeated where it is refused."""

_RUN_ID = re.compile(rf"[A-Za-z0-9_-]{{1,{MAX_RUN_ID}}}")


def checked_run_id(run_id: object) -> str:
    """The id as it was given.

    It names threads and files, and stands in logs: nothing in it may lead elsewhere or look like another one.

    Raises:
        UsageError: it is no text of 1 to ``MAX_RUN_ID`` of the characters A-Z, a-z, 0-9, _ and -.
    """
    # A whole match: `$` would let a line break pass at the end.
    if isinstance(run_id, str) and _RUN_ID.fullmatch(run_id):
        return run_id
    # ascii(): what it was can't be written into a terminal as it is.
    given = ascii(run_id)
    shown = given if len(given) <= _SHOWN else f"{given[:_SHOWN]}…"
    raise UsageError(f"run id {shown} can't be used: write 1 to {MAX_RUN_ID} of the characters A-Z, a-z, 0-9, _ and -")


def run_id_of(state: Mapping[str, Any]) -> str:
    """The id of the run that a state belongs to; one is drawn where it is missing or empty.

    Raises:
        UsageError: see ``checked_run_id``.
    """
    run_id = state.get("run_id")
    # An ended run leaves it empty, so that the next one of the thread draws its own.
    return uuid.uuid4().hex if run_id is None or run_id == "" else checked_run_id(run_id)


def checked_question(question: object) -> str:
    """The question, stripped.

    Raises:
        UsageError: it is no text, empty, or longer than ``MAX_QUESTION`` characters.
    """
    if not isinstance(question, str):
        raise UsageError(f"the question is of type {type(question).__name__}: give it as text")
    question = question.strip()
    if not question:
        raise UsageError("the question is empty: say what you want to know")
    if len(question) > MAX_QUESTION:
        raise UsageError(f"the question has {len(question):,} characters, the limit is {MAX_QUESTION:,}: shorten it")
    return question


def request_of(state: Mapping[str, Any], *, addresses: bool = False) -> tuple[str, Sequence[ImageSource]]:
    """Question and encoded pictures of a request.

    Args:
        state: holds the request.
        addresses: whether pictures may be named by their URLs, and stand so in what is returned.

    Raises:
        UsageError: there is neither a question nor a human message, the question is empty or too long, an image is no
            data URL, or a message holds something that is neither text nor image.
    """
    question, images = _request(state)
    if not addresses:
        for image in images:
            if is_address(image):
                raise unfetched(str(image))
    return question, images


async def with_pictures(state: Mapping[str, Any], gallery: Gallery) -> dict[str, Any]:
    """What changes in a request that names pictures by their URLs: they are fetched once, and go on as bytes.

    Raises:
        UsageError: as in :func:`request_of`; a URL that may not be fetched, or did not give a picture; or more than
            ``MAX_ADDRESSES`` of them.
    """
    question, images = request_of(state, addresses=gallery.fetches)
    named = sum(map(is_address, images))
    if not named:
        return {}
    if named > MAX_ADDRESSES:
        raise UsageError(f"{named} image URLs in one request, at most {MAX_ADDRESSES} are fetched: send files instead")
    return {"question": question, "images": [(await gallery.open(image)).data for image in images]}


def _request(state: Mapping[str, Any]) -> tuple[str, Sequence[ImageSource]]:
    beside = state.get("images") or []
    if not isinstance(beside, list | tuple):
        raise UsageError(f"images is of type {type(beside).__name__}: give a list of bytes or data URLs")
    if state.get("question"):
        return checked_question(state["question"]), [image_of(image) for image in beside]
    messages: Sequence[AnyMessage] = state.get("messages", [])
    for message in reversed(messages):
        if isinstance(message, HumanMessage):
            texts, images = parts_of(message)
            return checked_question("\n".join(texts)), [*images, *map(image_of, beside)]
    raise UsageError("nothing to answer: give `question`, or `messages` with a human message in it")
