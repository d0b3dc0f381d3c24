"""What a call used: the provider's own count where it makes sense, else our estimate. Unknown is never zero.

Source: ours ("Cost units").
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TypeGuard

from langchain_core.messages import AIMessage

from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.llm.image_tokens import ImageFamily, image_tokens
from ecoalign_agent.llm.picture import ImageView

PER_MESSAGE = 8
"""Tokens that a message adds to its text: its role and its ends."""

ABSURD = 10_000_000
"""A count above this is no count."""


def text_tokens(text: str) -> int:
    """Tokens of ``text``, estimated on the high side: one for every three bytes of UTF-8, rounded up."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 3)


def words_estimate(texts: Sequence[str], *, schema_tokens: int = 0) -> int:
    """Tokens of a prompt's text, estimated on the high side.

    Args:
        texts: one per message.
        schema_tokens: of a schema that travels beside the messages.
    """
    return sum(text_tokens(t) + PER_MESSAGE for t in texts) + schema_tokens


def prompt_estimate(
    texts: Sequence[str], images: Sequence[ImageView], family: ImageFamily, *, schema_tokens: int = 0
) -> Usage:
    """What a prompt will use, in tokens, at an endpoint of which nothing was learnt yet.

    Args:
        texts: one per message.
        images: as they are sent.
        family: whose image tokens.
        schema_tokens: of a schema that travels beside the messages.
    """
    text = words_estimate(texts, schema_tokens=schema_tokens)
    return Usage(text=text, image=sum(image_tokens(view, view.detail, family) for view in images))


def usage_of(message: AIMessage, estimate: Usage, written: str) -> Usage:
    """What one call used.

    Args:
        message: the reply.
        estimate: of the prompt; stands in where nothing usable is reported.
        written: the reply's text, for the estimate of its completion tokens.
    """
    reported = _from_token_usage(message.response_metadata.get("token_usage")) or _from_metadata(message.usage_metadata)
    # A prompt of no tokens, or a reply of none that has text, is a server that does not count.
    if reported is None or reported[0] < 1 or (reported[1] < 1 and written):
        return replace(estimate, completion=max(1, text_tokens(written)), estimated=True)
    prompt, completion, cached, image = reported
    of_images = min(_image_share(estimate, prompt) if image is None else image, prompt)
    from_cache = min(cached, prompt)
    # A cache holds what comes first, and text comes first.
    text = prompt - of_images
    cached_text = min(from_cache, text)
    cached_images = from_cache - cached_text
    return Usage(text - cached_text, of_images - cached_images, from_cache, completion)


def told_prompt(message: AIMessage) -> tuple[int, int | None] | None:
    """What the provider reported for the prompt and for its pictures, in tokens; None: nothing usable, or not told."""
    reported = _from_token_usage(message.response_metadata.get("token_usage")) or _from_metadata(message.usage_metadata)
    return None if reported is None or reported[0] < 1 else (reported[0], reported[3])


def _image_share(estimate: Usage, prompt: int) -> int:
    """The pictures' part of a reported prompt whose parts are not told: the estimate, scaled down where it is too high.

    Text and pictures are scaled alike: an estimate for an unknown model must not book the whole prompt as picture.
    """
    if estimate.prompt <= prompt or estimate.prompt == 0:
        return estimate.image
    return round(prompt * estimate.image / estimate.prompt)


_Reported = tuple[int, int, int, int | None]
"""prompt, completion, cached, image tokens; image None: not told."""


def _from_token_usage(usage: object) -> _Reported | None:
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("prompt_tokens_details")
    details = details if isinstance(details, Mapping) else {}
    return _sane(
        usage.get("prompt_tokens"),
        usage.get("completion_tokens"),
        details.get("cached_tokens"),
        details.get("image_tokens"),
    )


def _from_metadata(usage: object) -> _Reported | None:
    if not isinstance(usage, Mapping):
        return None
    details = usage.get("input_token_details")
    details = details if isinstance(details, Mapping) else {}
    return _sane(usage.get("input_tokens"), usage.get("output_tokens"), details.get("cache_read"), details.get("image"))


def _sane(prompt: object, completion: object, cached: object, image: object) -> _Reported | None:
    if not (_is_count(prompt) and _is_count(completion)) or prompt + completion > ABSURD:
        return None
    return prompt, completion, cached if _is_count(cached) else 0, image if _is_count(image) else None


def _is_count(value: object) -> TypeGuard[int]:
    # True is an int in Python, and no count.
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
