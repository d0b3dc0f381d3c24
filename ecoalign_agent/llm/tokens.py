"""Token counts: our estimate of a prompt, the usage that a provider reports, and corrections learnt for each endpoint.

What is booked is the provider's own count where it makes sense, else our estimate; unknown is never zero.

Published formulas for pictures are for one family of models each, and servers disagree. So each endpoint has a
:class:`TokenCalibration`: pictures are estimated by the formula times the largest ratio of reported to estimated tokens
seen there, text by the ratio over all of it, never below our estimate: how many tokens a text makes depends on its
language. A call that exceeds its estimate is an overrun of that call; what follows is estimated by what it showed.
Source: ours.
"""

import math
from collections.abc import Mapping, MutableMapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from cachetools import LRUCache
from langchain_core.messages import AIMessage

from ecoalign_agent.economics.cost import Usage
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.images.image_tokens import Detail, ImageFamily, image_tokens

PER_MESSAGE = 8
"""Tokens that a message adds to its text: its role and its ends."""

MAX_COUNT = 10_000_000
"""Tokens above which a reported count is no count."""


def text_tokens(text: str) -> int:
    """Tokens of ``text``, estimated on the high side: one for every three bytes of UTF-8, rounded up."""
    return math.ceil(len(text.encode("utf-8", "surrogatepass")) / 3)


def estimate_text_tokens(texts: Sequence[str], *, schema_tokens: int = 0) -> int:
    """Tokens of a prompt's text, one text per message, estimated on the high side, and of a schema beside them."""
    return sum(text_tokens(t) + PER_MESSAGE for t in texts) + schema_tokens


def reported_usage(message: AIMessage, estimate: Usage, output: str) -> Usage:
    """The usage of one call: as reported, else the prompt's ``estimate`` and the tokens of the reply's text."""
    reported = _reported(message)
    # A prompt of no tokens, or a reply of none that has text, is a server that does not count.
    if reported is None or reported[0] < 1 or (reported[1] < 1 and output):
        return replace(estimate, completion=max(1, text_tokens(output)), estimated=True)
    prompt, completion, cached, image = reported
    of_images = min(_image_share(estimate, prompt) if image is None else image, prompt)
    from_cache = min(cached, prompt)
    # A cache holds what comes first, and text comes first.
    text = prompt - of_images
    cached_text = min(from_cache, text)
    cached_images = from_cache - cached_text
    return Usage(text - cached_text, of_images - cached_images, from_cache, completion)


def reported_prompt(message: AIMessage) -> tuple[int, int | None] | None:
    """Tokens that the provider reported for the prompt and for its pictures; None: nothing usable, or not reported."""
    reported = _reported(message)
    return None if reported is None or reported[0] < 1 else (reported[0], reported[3])


def _image_share(estimate: Usage, prompt: int) -> int:
    """The pictures' part of a reported prompt, where parts are not reported: the estimate, scaled down if too high.

    Text and pictures are scaled alike: an estimate for an unknown model must not book the whole prompt as picture.
    """
    if estimate.prompt <= prompt or estimate.prompt == 0:
        return estimate.image
    return round(prompt * estimate.image / estimate.prompt)


_TOKEN_USAGE = ("prompt_tokens", "completion_tokens", "prompt_tokens_details", "cached_tokens", "image_tokens")
_USAGE_METADATA = ("input_tokens", "output_tokens", "input_token_details", "cache_read", "image")


def _reported(message: AIMessage) -> tuple[int, int, int, int | None] | None:
    """Tokens of prompt, completion, cache and pictures (None: not reported); None: nothing usable."""
    for usage, names in (
        (message.response_metadata.get("token_usage"), _TOKEN_USAGE),
        (message.usage_metadata, _USAGE_METADATA),
    ):
        prompt, completion, details = (usage.get(name) if isinstance(usage, Mapping) else None for name in names[:3])
        if _is_count(prompt) and _is_count(completion) and prompt + completion <= MAX_COUNT:
            cached, image = (details.get(name) if isinstance(details, Mapping) else None for name in names[3:])
            return prompt, completion, cached if _is_count(cached) else 0, image if _is_count(image) else None
    return None


def _is_count(value: object) -> TypeGuard[int]:
    # True is an int in Python, and no count.
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


MARGIN = 1.1
"""Applied to a ratio above 1, for rounding: at such an endpoint the formula is not right to the token."""

MAX_BOUNDS = 32
"""Sets of picture sizes whose counts are remembered, the latest ones."""

PictureSizes = tuple[tuple[int, int, Detail], ...]
"""The pictures of one call: width, height and detail of each, sorted."""

LOWERING_MARGIN = 1.5
"""Factor on a ratio below 1: a picture of another size may outdo it."""

MIN_TEXT_RATIO = 0.25
"""Share of the text's estimate that a tokenizer makes at the least: one token for every twelve bytes."""

MAX_TEXT_RATIO, MAX_IMAGE_RATIO = 8.0, 256.0
"""Ratios above which a report is no count: more than two tokens a byte, and more than any way of counting pictures
explains. It is booked all the same, but not learnt: one absurd report must not make every later call unaffordable."""


def picture_sizes(views: Sequence[ImageView]) -> PictureSizes:
    """The sizes of a call's pictures."""
    return tuple(sorted((view.width, view.height, view.detail) for view in views))


class ImageScale:
    """An endpoint's token counts for pictures, against our formula.

    The largest ratio that was reported for a detail counts. Where only sums are reported, within their estimates, the
    pictures of one are at most that sum without the least text: this is the estimate for pictures of the same sizes,
    and the largest such ratio that for others.
    """

    def __init__(self, family: ImageFamily) -> None:
        self.family = family
        self.ratios: dict[Detail, float] = {}
        self.bounds: MutableMapping[PictureSizes, float] = LRUCache(MAX_BOUNDS)

    @property
    def factor(self) -> float | None:
        """The largest ratio of reported to estimated tokens; None: nothing was learnt yet."""
        return max((*self.ratios.values(), *(ratio for _, ratio in self._bounded_ratios())), default=None)

    def formula(self, views: Sequence[ImageView]) -> int:
        """Tokens of ``views`` by the family's formula alone."""
        return self._formula(picture_sizes(views))

    def _bounded_ratios(self) -> list[tuple[PictureSizes, float]]:
        return [(sizes, tokens / self._formula(sizes)) for sizes, tokens in self.bounds.items()]

    def _formula(self, sizes: PictureSizes) -> int:
        return sum(image_tokens((width, height), detail, self.family) for width, height, detail in sizes)

    def estimate(self, views: Sequence[ImageView]) -> int:
        """Tokens of ``views``, corrected by what was learnt."""
        sizes = picture_sizes(views)
        bound = self.bounds.get(sizes, math.inf)
        if bound < self._formula(sizes) and not any(view.detail in self.ratios for view in views):
            return math.ceil(bound)
        return sum(self.of_size((width, height), detail) for width, height, detail in sizes)

    def of_size(self, size: tuple[int, int], detail: Detail) -> int:
        """Tokens of one picture of (width, height) pixels, corrected by what was learnt."""
        # Rounded first: 1 120 · 1.1 is a little more than 1 232 in floats.
        return math.ceil(round(image_tokens(size, detail, self.family) * self._correction(detail), 6))

    def _correction(self, detail: Detail) -> float:
        if detail in self.ratios:
            ratio = self.ratios[detail]
        else:
            ratio = max(
                (r for sizes, r in self._bounded_ratios() if any(detail == d for _, _, d in sizes)), default=1.0
            )
            # The other detail tells only that the formula is too low, never that it is too high.
            ratio = ratio if ratio < 1.0 else max(1.0, self.factor or 1.0)
        return min(1.0, LOWERING_MARGIN * ratio) if ratio <= 1.0 else MARGIN * ratio

    def learn(self, views: Sequence[ImageView], tokens: float) -> None:
        """Remember that the endpoint counted ``tokens`` for ``views`` together."""
        estimate = self.formula(views)
        if views and tokens <= MAX_IMAGE_RATIO * estimate:
            for detail in {view.detail for view in views}:
                self.ratios[detail] = max(self.ratios.get(detail, 0.0), tokens / estimate)

    def bound(self, views: Sequence[ImageView], tokens: float) -> None:
        """Remember that the endpoint counted at most ``tokens`` for ``views`` together."""
        sizes = picture_sizes(views)
        self.bounds[sizes] = max(1.0, min(tokens, self.bounds.get(sizes, self.estimate(views))))

    def lift(self, views: Sequence[ImageView]) -> bool:
        """Estimate the details of ``views`` by the formula again; False: nothing had been lowered."""
        lowered = self.estimate(views) < self.formula(views)
        self.ratios |= {view.detail: max(1.0, self.ratios.get(view.detail, 1.0)) for view in views if lowered}
        return lowered


class TextScale:
    """An endpoint's token counts for text, against our estimate: corrected upwards only.

    All text so far is taken together: a chat template makes a short prompt much longer, and a long one hardly.
    """

    def __init__(self) -> None:
        self.estimated, self.counted = 0, 0

    @property
    def factor(self) -> float:
        """The correction of an estimate, at least 1."""
        return MARGIN * self.counted / self.estimated if self.counted > self.estimated else 1.0

    def estimate(self, tokens: int) -> int:
        """``tokens`` of our estimate, corrected by what was learnt."""
        return math.ceil(round(tokens * self.factor, 6))

    def learn(self, estimated: int, counted: int) -> None:
        """Remember that the endpoint counted ``counted`` tokens for a text of ``estimated`` tokens."""
        if counted <= MAX_TEXT_RATIO * estimated:
            self.estimated += estimated
            self.counted += counted


class TokenCalibration:
    """How one endpoint counts a prompt: its pictures and its text."""

    def __init__(self, name: str, family: ImageFamily) -> None:
        self.name = name
        self.images = ImageScale(family)
        self.texts = TextScale()

    def estimate(self, text: int, views: Sequence[ImageView]) -> Usage:
        """Tokens that a prompt will use; ``text`` are those of its text, by our estimate."""
        return Usage(text=self.texts.estimate(text), image=self.images.estimate(views) if views else 0)

    def export(self) -> dict[str, list[Any]]:
        """What was learnt, as plain values for a checkpoint; empty: nothing yet."""
        text = [self.texts.estimated, self.texts.counted] if self.texts.estimated else []
        ratios = [[detail, ratio] for detail, ratio in self.images.ratios.items()]
        bounds = [[[*map(list, sizes)], tokens] for sizes, tokens in self.images.bounds.items()]
        return {kind: known for kind, known in (("text", text), ("images", ratios), ("bounds", bounds)) if known}

    def restore(self, exported: dict[str, list[Any]]) -> None:
        """Take over what another process learnt of the same endpoint, as far as nothing is known here."""
        if exported.get("text") and not self.texts.estimated:
            self.texts.estimated, self.texts.counted = exported["text"]
        for detail, ratio in exported.get("images", []):
            self.images.ratios.setdefault(detail, ratio)
        for sizes, tokens in exported.get("bounds", []):
            self.images.bounds.setdefault(tuple((width, height, detail) for width, height, detail in sizes), tokens)

    def learn(self, text: int, views: Sequence[ImageView], *, prompt: int, image: int | None) -> None:
        """Remember what a prompt with ``text`` tokens by our estimate counted; ``image`` None: not reported."""
        if text < 1 or prompt > MAX_TEXT_RATIO * text + MAX_IMAGE_RATIO * self.images.formula(views):
            return
        # A picture of no tokens is a server that names the field and does not fill it.
        if not views or (image and image <= prompt):
            self.texts.learn(text, prompt - (image or 0))
            self.images.learn(views, image or 0)
            return
        tokens = prompt - MIN_TEXT_RATIO * text
        if prompt <= self.estimate(text, views).prompt:
            self.images.bound(views, tokens)
        elif not self.images.lift(views) or prompt > self.estimate(text, views).prompt:
            # The excess may be the text's or the pictures': first it counts as the pictures', beside the least text;
            # where it comes again although they were corrected, as the text's, too.
            if all(self.images.ratios.get(view.detail, 0.0) > 1.0 for view in views):
                self.texts.learn(text, round(min(prompt, MAX_TEXT_RATIO * text)))
            self.images.learn(views, tokens)
