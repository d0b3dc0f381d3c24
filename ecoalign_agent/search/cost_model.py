"""What the next call will cost, before it is made: forecasts come from the program, not from the model.

Source: ours. Prompt and image tokens are estimated, completion tokens are the running mean of that kind of call in
    this run, and the assessment is part of what a thought costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ecoalign_agent.assessors.base import CallSize
from ecoalign_agent.economics.cost import MAX_TOKENS, MIN_TOKENS, CompletionStats, Tariff, Usage

KINDS_WITH_PICTURES = frozenset({"scan", "propose", "reason", "answer", "synthesize", "assess"})
"""Kinds of call that the reduced pictures go along with."""


TYPICAL_CROP = (1024, 768)
"""A look's crop, in pixels, as reckoned with before any was made."""


@dataclass(frozen=True, slots=True)
class PromptSizes:
    """Sizes that are known before a run.

    Attributes:
        prompts: tokens of each prompt with its schema; "assess": of all assessors' together.
        crop: tokens of one crop.
        verdict: the calls that one verdict takes, over all assessors.
    """

    prompts: Mapping[str, int]
    crop: int
    verdict: Sequence[CallSize]


@dataclass(frozen=True, slots=True)
class CostModel:
    """The costs of calls in one run, in cost units.

    Attributes:
        sizes: tokens of the prompts themselves.
        tariff: the actor's tokens → cost units, what its endpoint counts more of than we estimate included.
        scene: tokens of question, caption and text in the pictures, which every prompt carries.
        views: tokens of the reduced pictures, for the actor.
        assessor_views: the same for each of the sizes of a verdict's calls, in their order.
        experience: completion tokens by kind of call so far.
        pictures: how many there are.
        assessor_tariffs: like ``tariff``, for each of the sizes of a verdict's calls; empty: all have the actor's.
    """

    sizes: PromptSizes
    tariff: Tariff
    scene: int
    views: int
    assessor_views: Sequence[int]
    experience: CompletionStats
    pictures: int = 0
    assessor_tariffs: Sequence[Tariff] = ()

    def with_experience(self, experience: CompletionStats) -> "CostModel":
        """The same, after more calls were seen."""
        return replace(self, experience=experience)

    def call(self, kind: str, *, path: int = 0, completion: float | None = None) -> float:
        """One call of ``kind``.

        Args:
            kind: a key of the token tables; "assess": one verdict, which every assessor is asked for.
            path: tokens of the thoughts that the prompt carries.
            completion: completion tokens of each call; expected ones when None.
        """
        tokens = self.experience.expected(kind) if completion is None else completion
        if kind == "assess":
            views = zip(self._tariffs(), self.assessor_views, strict=True)
            asked = sum(
                tariff.text * (call.prompt + self.scene + path) + tariff.completion * min(tokens, call.most)
                for call, tariff in self._verdict_calls()
            )
            return asked + sum(tariff.image * seen for tariff, seen in views)
        image = self.sizes.crop if kind == "look" else self.views if kind in KINDS_WITH_PICTURES else 0
        prompt = self.tariff.cost(Usage(text=self.sizes.prompts[kind] + self.scene + path, image=image))
        return prompt + self.tariff.completion * tokens

    def readers(self, verdicts: int) -> int:
        """How many prompts will carry a text that is graded so often."""
        return verdicts * len(self._verdict_calls())

    def grading(self, *, path: int = 0, verdicts: int = 1) -> float:
        """What must be free for so many verdicts: one call may be short, the others must not starve it.

        Each is allowed the most it may write when it is asked for, so that only the last can be content with less.
        """
        spare = max(
            (
                tariff.completion * (min(MAX_TOKENS["assess"], call.most) - MIN_TOKENS["assess"])
                for call, tariff in self._verdict_calls()
            ),
            default=0,
        )
        whole = verdicts * self.call("assess", path=path, completion=MAX_TOKENS["assess"])
        return whole - max(0, spare)

    def thought(self, kind: str, *, path: int = 0, drafted: bool = False) -> float:
        """What a thought will likely cost: making and assessing it; of a draft the assessment alone."""
        assessing = self.call("assess", path=path)
        return assessing if drafted else assessing + self.call(kind, path=path)

    def thought_at_most(self, kind: str, *, path: int = 0, drafted: bool = False, verdicts: int = 1) -> float:
        """What must be free for a thought to be bought: room for a usable reply, and for its verdicts in full.

        A thought that can't be assessed any more would be lost, so the verdicts count with the most they can cost.
        """
        # The candidate's own text joins the assessor's prompt.
        text = MAX_TOKENS[kind] if drafted else self.room(kind)
        assessing = verdicts * self.call("assess", path=path + text, completion=MAX_TOKENS["assess"])
        return assessing if drafted else assessing + self.call(kind, path=path, completion=text)

    def ending(self, *, path: int = 0, verdicts: int = 1) -> float:
        """What is set aside for the final answer and its verdicts.

        Args:
            path: tokens of the thoughts that it will be written from.
            verdicts: how often it is graded.
        """
        path, text = max(path, TYPICAL_PATH_TOKENS), MIN_TOKENS["synthesize"]
        grading = self.grading(path=path + REREAD_FACTOR * text, verdicts=verdicts)
        return self.call("synthesize", path=path, completion=text) + grading

    def lengthening(self, tokens: int, *, verdicts: int = 1) -> float:
        """What the ending costs more when the path is longer by ``tokens``: its answer and verdicts read them."""
        return (self.tariff.text + self._read(verdicts)) * tokens

    def verdict_share(
        self, kind: str, free: float, *, path: int = 0, verdicts: int = 1, read_again: int = 0
    ) -> float | None:
        """What to hold of ``free`` for the verdicts on a text while it is written.

        The longer the text may get, the dearer its verdict: what is held grows with what is left to write with. None:
        a usable text and its verdict don't fit together, so the text is not worth writing.

        Args:
            kind: of the call that writes the text.
            free: cost units that both may use.
            path: tokens of the thoughts that both prompts carry.
            verdicts: how often the text is graded.
            read_again: how many prompts of the ending will carry the text.
        """
        grading = self.grading(path=path, verdicts=verdicts)
        dearest = max(self.tariff.text, *(tariff.text for tariff in self._tariffs()), 0.0)
        reading = (self._read(verdicts) + read_again * dearest) * REREAD_FACTOR
        room = free - grading - self.call(kind, path=path, completion=0)
        tokens = room / (self.tariff.completion + reading)
        return None if tokens < MIN_TOKENS[kind] else grading + reading * min(tokens, MAX_TOKENS[kind])

    def scan_at_least(self) -> float:
        """The smallest scan worth making."""
        return self.call("scan", completion=MIN_TOKENS["scan"])

    def round_at_least(self, *, verdicts: int = 1) -> float:
        """The cheapest round that begins with proposing: one proposal, then one answer with its verdicts."""
        return self.call("propose", completion=MIN_TOKENS["propose"]) + self.thought_at_most(
            "answer", verdicts=verdicts
        )

    def _read(self, verdicts: int) -> float:
        """What a token of text costs in all the prompts that so many verdicts read it in."""
        return verdicts * sum(tariff.text for _, tariff in self._verdict_calls())

    def _tariffs(self) -> Sequence[Tariff]:
        return self.assessor_tariffs or [self.tariff] * len(self.sizes.verdict)

    def _verdict_calls(self) -> list[tuple[CallSize, Tariff]]:
        """Every call that one verdict takes, those that are made for each picture as often as there are pictures."""
        each, sizes = max(1, self.pictures), zip(self.sizes.verdict, self._tariffs(), strict=True)
        return [call for size in sizes for call in [size] * (each if size[0].each_picture else 1)]

    @staticmethod
    def room(kind: str) -> int:
        """Completion tokens that must fit for a thought to be bought; when it is written, it gets what is free then."""
        return MIN_TOKENS[kind] * 3 // 2


REREAD_FACTOR = 2
"""Prompt tokens that one written token is reckoned as where it is read again: estimates are on the high side."""

TYPICAL_PATH_TOKENS = 120
"""Tokens of the thoughts that the final prompts carry, as set aside before any thought is known."""
