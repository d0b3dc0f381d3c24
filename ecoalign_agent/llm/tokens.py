"""What a call used: the provider's own count where it makes sense, else our estimate. Unknown is never zero.

Source: ours ("Cost units").

How one endpoint counts prompts, learnt from what it reports: estimates at that endpoint are corrected by it.

Published formulas are for one family of models each, and servers disagree wildly. Too high an estimate leaves half of a
budget unspent, too low a one lets it slip. So an endpoint remembers what it was sent and what it counted.

What is known of a call's pictures is an interval. Where the server tells the pictures' part, both ends are that figure.
Where it tells only the sum, they can be no less than the sum without all the text that was estimated, which is on the
high side, and no more than the sum without the least text that a tokenizer can make of so many bytes. As long as the
sum stays within the estimate, the high end can only lower what was estimated; from the first sum beyond it on, the
high end itself counts: the excess may be the pictures', or the text's, and is reckoned to both.

What holds: of the calls to an endpoint that counts text by one factor and pictures by one factor, whatever they are
within the limits below, two at the most count more than was estimated, up to rounding: one for text, one for pictures.
Where all calls carry pictures it is one, and where the part of the pictures is told, or both factors are the same, it
is the first. Every count is booked, so that those calls are all that can overrun a budget.
Pictures of sizes not seen before are estimated by the greatest ratio seen, with a margin; what a server with another
formula counts beyond that is an overrun of that call, and learnt. Text is corrected upwards only: how many tokens a
text makes depends on its language, and a prompt in English says nothing of a notice in Thai. Source: ours.
"""

import math
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeGuard

from langchain_core.messages import AIMessage

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import Detail, ImageFamily, image_tokens

PER_MESSAGE = 8
"""Tokens that a message adds to its text: its role and its ends."""

ABSURD = 10_000_000
"""A count above this is no count."""


def text_tokens(text: str) -> int:
    """Tokens of ``text``, estimated on the high side: one for every three bytes of UTF-8, rounded up."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 3)


def estimate_text_tokens(texts: Sequence[str], *, schema_tokens: int = 0) -> int:
    """Tokens of a prompt's text, estimated on the high side.

    Args:
        texts: one per message.
        schema_tokens: of a schema that travels beside the messages.
    """
    return sum(text_tokens(t) + PER_MESSAGE for t in texts) + schema_tokens


def reported_usage(message: AIMessage, estimate: Usage, written: str) -> Usage:
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


def reported_prompt(message: AIMessage) -> tuple[int, int | None] | None:
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


MARGIN = 1.5
"""By how much a picture of a size not seen yet may outdo the greatest ratio seen where the formula is too high."""

EXCEEDED = 1.1
"""The same where the formula was found too low, for rounding: at such an endpoint it is not right to the token."""

LEAST_TEXT = 0.25
"""Share of the text's estimate that a tokenizer makes at the least: one token for every twelve bytes."""

MOST_TEXT, MOST_IMAGE = 8.0, 256.0
"""Ratios above which a report is no count: more than two tokens a byte, and more than any way of counting pictures
explains. It is booked all the same, but not learnt: one absurd report must not close the endpoint for good."""

_KEPT = 32
"""Sets of picture sizes remembered, the latest ones."""

Sizes = tuple[tuple[int, int, Detail], ...]
"""The pictures of one call: width, height and detail of each, sorted."""


@dataclass(slots=True)
class _Seen:
    """What is known of one set of pictures, in tokens.

    Attributes:
        estimated: by our formula.
        least: they are no less.
        most: they are no more.
        held: what they were estimated as before anything was known, while no sum has gone beyond it; then infinite.
    """

    estimated: int
    least: float
    most: float
    held: float

    @property
    def counted(self) -> float:
        # A count that varies counts with its highest.
        return max(self.least, min(self.most, self.held))


class ImageScale:
    """What an endpoint counts for pictures, against our formula.

    Attributes:
        family: whose formula the estimates begin with.
    """

    def __init__(self, family: ImageFamily) -> None:
        self.family = family
        self._seen: OrderedDict[Sizes, _Seen] = OrderedDict()

    @property
    def factor(self) -> float | None:
        """The greatest ratio of counted to estimated tokens seen lately; None: nothing was learnt yet."""
        return max((seen.counted / seen.estimated for seen in self._seen.values()), default=None)

    def formula(self, views: Sequence[ImageView]) -> int:
        """Tokens of ``views`` by the family's formula alone."""
        return sum(image_tokens(view, view.detail, self.family) for view in views)

    def estimate(self, views: Sequence[ImageView]) -> int:
        """Tokens of ``views``, corrected by what was learnt; never below what the endpoint counted for the same."""
        known = self._seen.get(_sizes(views))
        if known is not None:
            return math.ceil(known.counted)
        return sum(self.of_size((view.width, view.height), view.detail) for view in views)

    def of_size(self, size: tuple[int, int], detail: Detail) -> int:
        """Tokens of one picture of (width, height) pixels."""
        known = self._seen.get(((*size, detail),))
        if known is not None:
            return math.ceil(known.counted)
        # Rounded first: 1 120 · 0.1 · 1.5 is a little more than 168 in floats.
        return math.ceil(round(image_tokens(size, detail, self.family) * self._correction(detail), 6))

    def learn(self, views: Sequence[ImageView], *, least: float, most: float, exceeded: bool = False) -> None:
        """Remember what the endpoint counted for ``views`` together.

        Args:
            views: as they were sent.
            least: tokens that they were at the least.
            most: tokens that they were at the most.
            exceeded: the prompt counted more than was estimated, and it may be the pictures that were too low.
        """
        estimated = self.formula(views)
        if not views or least > MOST_IMAGE * estimated:
            return
        sizes = _sizes(views)
        held = self.estimate(views)
        seen = self._seen.pop(sizes, None) or _Seen(estimated, least, most, held)
        seen.least, seen.most = max(seen.least, least), min(seen.most, most)
        if exceeded:
            seen.held = math.inf
        self._seen[sizes] = seen
        if len(self._seen) > _KEPT:
            self._seen.popitem(last=False)

    def known(self) -> list[Any]:
        """What was learnt, as plain values."""
        return [
            # JSON has no infinity.
            [
                [list(s) for s in sizes],
                seen.estimated,
                seen.least,
                seen.most,
                None if seen.held == math.inf else seen.held,
            ]
            for sizes, seen in self._seen.items()
        ]

    def recall(self, known: list[Any]) -> None:
        """Take over what :meth:`known` returned elsewhere, where nothing is known of the same sizes."""
        for each, estimated, least, most, held in known[-_KEPT:]:
            sizes: Sizes = tuple((width, height, detail) for width, height, detail in each)
            self._seen.setdefault(sizes, _Seen(max(1, estimated), least, most, math.inf if held is None else held))

    def _correction(self, detail: Detail) -> float:
        alike = [seen for sizes, seen in self._seen.items() if any(each[2] == detail for each in sizes)]
        greatest = max((seen.counted / seen.estimated for seen in alike), default=1.0)
        if not alike:
            # The other detail says nothing about how low this one may be, but that the formula is too low for it.
            greatest = max(1.0, self.factor or 1.0)
        return min(1.0, MARGIN * greatest) if greatest <= 1.0 else EXCEEDED * greatest


class TextScale:
    """What an endpoint counts for text, against our estimate: learnt upwards only.

    All text so far is taken together: a chat template makes a short prompt much longer, and a long one hardly.
    """

    def __init__(self) -> None:
        self._estimated, self._least, self._most, self._exceeded = 0, 0.0, 0.0, False

    @property
    def factor(self) -> float:
        """By what the estimate of text is multiplied, at least 1."""
        counted = self._most if self._exceeded else self._least
        return 1.0 if counted <= self._estimated else EXCEEDED * counted / self._estimated

    def known(self) -> list[Any]:
        """What was learnt, as plain values."""
        return [self._estimated, self._least, self._most, self._exceeded] if self._estimated else []

    def recall(self, known: list[Any]) -> None:
        """Take over what :meth:`known` returned elsewhere, where nothing is known here."""
        if known and not self._estimated:
            self._estimated, self._least, self._most, self._exceeded = known

    def estimate(self, tokens: int) -> int:
        """``tokens`` of our estimate, corrected."""
        return math.ceil(round(tokens * self.factor, 6))

    def learn(self, tokens: int, *, least: float, most: float, exceeded: bool) -> None:
        """Remember what the endpoint counted for a text.

        Args:
            tokens: our estimate, uncorrected.
            least: tokens that it was at the least.
            most: tokens that it was at the most.
            exceeded: the whole prompt counted more than was estimated, so the text may be what was too low.
        """
        self._estimated += tokens
        self._least += least
        self._most += most
        self._exceeded = self._exceeded or exceeded


class TokenCalibration:
    """How one endpoint counts a prompt: its pictures and its text.

    Attributes:
        name: the endpoint's.
        images: of pictures.
        texts: of text.
    """

    def __init__(self, name: str, family: ImageFamily) -> None:
        self.name = name
        self.images = ImageScale(family)
        self.texts = TextScale()

    def estimate(self, text: int, views: Sequence[ImageView]) -> Usage:
        """What a prompt will use, in tokens.

        Args:
            text: tokens of its text, by our estimate.
            views: its pictures.
        """
        return Usage(text=self.texts.estimate(text), image=self.images.estimate(views) if views else 0)

    def known(self) -> dict[str, list[Any]]:
        """What was learnt, as plain values for a checkpoint; empty: nothing yet."""
        learnt = {"text": self.texts.known(), "images": self.images.known()}
        return {kind: values for kind, values in learnt.items() if values}

    def recall(self, known: dict[str, list[Any]]) -> None:
        """Take over what another process learnt of the same endpoint, as far as nothing is known here.

        Args:
            known: what :meth:`known` returned there.
        """
        self.texts.recall(known.get("text", []))
        self.images.recall(known.get("images", []))

    def learn(self, text: int, views: Sequence[ImageView], *, prompt: int, image: int | None) -> None:
        """Remember what a prompt counted.

        Args:
            text: tokens of its text, by our estimate.
            views: its pictures.
            prompt: what the endpoint reported for all of it.
            image: what it reported for the pictures; None: it did not say.
        """
        if text < 1 or prompt > MOST_TEXT * text + MOST_IMAGE * self.images.formula(views):
            return
        expected = self.estimate(text, views)
        # A picture of no tokens is a server that names the field and does not fill it.
        if not views or (image and image <= prompt):
            words = prompt - (image or 0)
            if words <= MOST_TEXT * text:
                self.texts.learn(text, least=words, most=words, exceeded=words > expected.text)
            self.images.learn(views, least=image or 0, most=image or 0)
            return
        exceeded = prompt > expected.prompt
        # What the sum exceeds the estimate by may be text or pictures: both are taken at their most.
        self.texts.learn(text, least=0, most=min(prompt, MOST_TEXT * text), exceeded=exceeded)
        least, most = max(0, prompt - expected.text), max(1.0, prompt - LEAST_TEXT * text)
        self.images.learn(views, least=least, most=most, exceeded=exceeded)


def _sizes(views: Sequence[ImageView]) -> Sizes:
    return tuple(sorted((view.width, view.height, view.detail) for view in views))
