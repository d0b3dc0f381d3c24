"""Costs of calls before they are made: forecast by the program, not by the model.

Prompt and image tokens are estimated, completion tokens are the running mean of that kind of call in the run, and the
assessment is part of a thought's cost. Source: ours.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, NamedTuple

from ecoalign_agent.assessors.base import CallSize
from ecoalign_agent.economics.cost import CALL_TOKENS, CompletionStats, Tariff, TokenRange
from ecoalign_agent.economics.reserve import AnswerReserve, assessment_share
from ecoalign_agent.images.image import ImageView
from ecoalign_agent.llm.meter import Meter
from ecoalign_agent.llm.tokens import ImageScale, TokenCalibration, text_tokens

TYPICAL_CROP = (1024, 768)
"""A look's crop, in pixels, before any was made."""

MIN_THOUGHT_COST = 1e-6
"""Cost of a thought that costs nothing, in cost units: a return needs a cost above 0."""

REREAD_FACTOR = 2
"""Prompt tokens assumed for one written token where it is read again: estimates are on the high side."""

TYPICAL_PATH_TOKENS = 120
"""Tokens of the thoughts that the final prompts carry, as reserved before any thought is known."""

ASSUMED_CHARACTERS = 600
"""Characters of caption and text in the pictures that are assumed before the scan has seen any."""


class CallFigures(NamedTuple):
    """Figures of one kind of call that are known before a run; `prompt` in tokens, with its schema."""

    prompt: int
    tokens: TokenRange
    pictures: Literal["views", "crop", "none"] = "none"


class AssessmentCall(NamedTuple):
    """An assessor's call in one run."""

    size: CallSize
    tariff: Tariff
    image: int
    """Tokens of all pictures, also where each has a call of its own."""
    times: int = 1
    """How often one assessment takes it."""


@dataclass(frozen=True, slots=True)
class PromptSizes:
    """Sizes that are known before a run."""

    calls: Mapping[str, CallFigures]
    crop: int
    assessment: Sequence[CallSize]


@dataclass(frozen=True, slots=True)
class CostModel:
    """The costs of calls in one run, in cost units. `path` is the tokens of the thoughts that a prompt carries."""

    sizes: PromptSizes
    tariff: Tariff
    """The actor's tokens → cost units, what its endpoint counts more of than we estimate included."""
    request: int
    """Tokens of question, caption and text in the pictures, which every prompt carries."""
    views: int
    """Tokens of the reduced pictures, for the actor."""
    assessment: Sequence[AssessmentCall]
    stats: CompletionStats = field(default_factory=CompletionStats)

    def tokens(self, kind: str) -> TokenRange:
        """Completion tokens of a kind of call, or of `assess`."""
        return CALL_TOKENS["assess"] if kind == "assess" else self.sizes.calls[kind].tokens

    def call(self, kind: str, *, path: int = 0, completion: float | None = None) -> float:
        """Cost of one call of `kind`, or of one assessment; `completion` in tokens, None: as many as are expected."""
        tokens = self.stats.mean(kind, self.tokens(kind).typical) if completion is None else completion
        if kind == "assess":
            return self._assessment(path, tokens)
        figures = self.sizes.calls[kind]
        image = {"views": self.views, "crop": self.sizes.crop, "none": 0}[figures.pictures]
        text = figures.prompt + self.request + path
        return self.tariff.text * text + self.tariff.image * image + self.tariff.completion * tokens

    def _assessment(self, path: int, tokens: float) -> float:
        texts = sum(
            times
            * (tariff.text * (size.prompt + self.request + path) + tariff.completion * min(tokens, size.max_tokens))
            for size, tariff, _, times in self.assessment
        )
        return texts + sum(call.tariff.image * call.image for call in self.assessment)

    def assessment_calls(self, assessments: int) -> int:
        """Prompts that carry a text that is assessed so often."""
        return assessments * sum(call.times for call in self.assessment)

    def assessments(self, *, path: int = 0, count: int = 1) -> float:
        """Amount that must be free for so many assessments, each at its maximum: one must not starve the others.

        Only the last call can be content with less.
        """
        return count * self._max_assessment(path) - self._slack()

    def _max_assessment(self, path: int) -> float:
        return self._assessment(path, CALL_TOKENS["assess"].max)

    def _slack(self) -> float:
        _, low, high = CALL_TOKENS["assess"]
        return max(0.0, *(c.tariff.completion * (min(high, c.size.max_tokens) - low) for c in self.assessment), 0.0)

    def thought(self, kind: str, *, path: int = 0, drafted: bool = False) -> float:
        """Expected cost of making and assessing a thought; of a draft the assessment alone."""
        assessing = self.call("assess", path=path)
        return max(MIN_THOUGHT_COST, assessing if drafted else assessing + self.call(kind, path=path))

    def max_thought(self, kind: str, *, path: int = 0, drafted: bool = False, assessments: int = 1) -> float:
        """Amount that must be free for a thought: room for a usable reply, and for its assessments in full.

        A thought that can't be assessed any more would be lost, so the assessments count with their maximum.
        """
        # The candidate's own text joins the assessor's prompt.
        text = self.tokens(kind).max if drafted else self.usable_length(kind)
        assessing = assessments * self._max_assessment(path + text)
        return assessing if drafted else assessing + self.call(kind, path=path, completion=text)

    def answer_reserve(self, *, path: int = 0, min_assessments: int, max_assessments: int) -> AnswerReserve:
        """Reserve for the final answer and its assessments, at most once more without its disclaimers."""
        path, text = max(path, TYPICAL_PATH_TOKENS), self.tokens("synthesize").min
        return AnswerReserve.of_costs(
            answer=self.call("synthesize", path=path, completion=text),
            assessment=self._max_assessment(path + REREAD_FACTOR * text),
            slack=self._slack(),
            min_assessments=min_assessments,
            max_assessments=max_assessments,
        )

    def longer_path(self, tokens: int, *, assessments: int = 1) -> float:
        """Extra cost of the final answer when its path is longer by `tokens`: answer and assessments read them."""
        return (self.tariff.text + self._reread(assessments)) * tokens

    def assessment_share(
        self, kind: str, free: float, *, path: int = 0, assessments: int = 1, final_readers: int = 0
    ) -> float | None:
        """Amount to hold of `free` for the assessments of a text while it is written. None: both do not fit.

        `final_readers`: prompts of the final answer that will carry the text.
        """
        max_text = max(self.tariff.text, *(call.tariff.text for call in self.assessment), 0.0)
        tokens = self.tokens(kind)
        return assessment_share(
            free,
            assessments=self.assessments(path=path, count=assessments),
            prompt=self.call(kind, path=path, completion=0),
            token=self.tariff.completion,
            reread_token=(self._reread(assessments) + final_readers * max_text) * REREAD_FACTOR,
            min_tokens=tokens.min,
            max_tokens=tokens.max,
        )

    def min_call(self, kind: str) -> float:
        """Cost of the smallest call worth making."""
        return self.call(kind, completion=self.tokens(kind).min)

    def usable_length(self, kind: str) -> int:
        """Completion tokens that must fit for a thought to be selected; the call itself gets what is free then."""
        return self.tokens(kind).min * 3 // 2

    def _reread(self, assessments: int) -> float:
        return assessments * sum(call.times * call.tariff.text for call in self.assessment)


def build_cost_model(
    sizes: PromptSizes,
    calibration: TokenCalibration,
    meter: Meter,
    *,
    question: str,
    scanned: str | None,
    views: Sequence[ImageView],
) -> CostModel:
    """The costs of one request's calls, with what its endpoints have reported so far; `scanned` None: no scan yet."""

    def calibrated(endpoint: TokenCalibration | None) -> Tariff:
        # An endpoint that counts more tokens for a text than we estimate is dearer by as much.
        tariff = meter.tariff_at(endpoint.name if endpoint is not None else "")
        factor = 1.0 if endpoint is None else endpoint.texts.factor
        return tariff if factor == 1.0 else replace(tariff, text=tariff.text * factor)

    return CostModel(
        replace(sizes, crop=calibration.images.of_size(TYPICAL_CROP, "high")) if views else sizes,
        calibrated(calibration),
        text_tokens(question) + text_tokens("x" * ASSUMED_CHARACTERS if scanned is None else scanned),
        calibration.images.estimate(views) if views else 0,
        [
            AssessmentCall(
                call,
                calibrated(call.calibration),
                _view_tokens(views, call),
                max(1, len(views)) if call.per_image else 1,
            )
            for call in sizes.assessment
        ],
    )


def _view_tokens(views: Sequence[ImageView], call: CallSize) -> int:
    if call.family is None or not views:
        return 0
    scale = ImageScale(call.family) if call.calibration is None else call.calibration.images
    if call.per_image:
        return sum(scale.of_size((view.width, view.height), view.detail) for view in views)
    return scale.estimate(views)
