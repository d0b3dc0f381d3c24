"""What the next call will cost, before it is made: forecasts come from the program, not from the model.

Source: ours. Prompt and image tokens are estimated, completion tokens are the running mean of that kind of call in
    this run, and the assessment is part of what a thought costs.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ecoalign_agent.economics.experience import LEAST, MOST, Experience
from ecoalign_agent.economics.tariff import Tariff, Usage

SEES_PICTURES = frozenset({"scan", "propose", "reason", "answer", "synthesize", "assess"})
"""Kinds of call that the reduced pictures go along with."""


@dataclass(frozen=True, slots=True)
class PromptSizes:
    """Sizes that are known before a run: tokens of each prompt with its schema, and of one crop."""

    prompts: Mapping[str, int]
    crop: int


@dataclass(frozen=True, slots=True)
class Costing:
    """The costs of calls in one run, in cost units.

    Attributes:
        sizes: tokens of the prompts themselves.
        tariff: tokens → cost units.
        scene: tokens of question, caption and text in the pictures, which every prompt carries.
        views: tokens of the reduced pictures, for the actor.
        assessor_views: the same for the assessor.
        experience: completion tokens by kind of call so far.
    """

    sizes: PromptSizes
    tariff: Tariff
    scene: int
    views: int
    assessor_views: int
    experience: Experience

    def with_experience(self, experience: Experience) -> "Costing":
        """The same, after more calls were seen."""
        return replace(self, experience=experience)

    def call(self, kind: str, *, path: int = 0, completion: float | None = None) -> float:
        """One call of ``kind``.

        Args:
            kind: a key of the token tables.
            path: tokens of the thoughts that the prompt carries.
            completion: completion tokens; expected ones when None.
        """
        image = self.assessor_views if kind == "assess" else self.views
        image = self.sizes.crop if kind == "look" else image if kind in SEES_PICTURES else 0
        prompt = self.tariff.cost(Usage(text=self.sizes.prompts[kind] + self.scene + path, image=image))
        tokens = self.experience.expected(kind) if completion is None else completion
        return prompt + self.tariff.completion * tokens

    def thought(self, kind: str, *, path: int = 0, drafted: bool = False) -> float:
        """What a thought will likely cost: making and assessing it; of a draft the assessment alone."""
        assessing = self.call("assess", path=path)
        return assessing if drafted else assessing + self.call(kind, path=path)

    def thought_at_most(self, kind: str, *, path: int = 0, drafted: bool = False, verdicts: int = 1) -> float:
        """What must be free for a thought to be bought: room for a usable reply, and for its verdicts in full.

        A thought that can't be assessed any more would be lost, so the verdicts count with the most they can cost.
        """
        # The candidate's own text joins the assessor's prompt.
        text = MOST[kind] if drafted else self._room(kind)
        assessing = verdicts * self.call("assess", path=path + text, completion=MOST["assess"])
        return assessing if drafted else assessing + self.call(kind, path=path, completion=text)

    def ending(self, *, path: int = 0, verdicts: int = 1) -> float:
        """What is set aside for the final answer and its verdicts.

        Args:
            path: tokens of the thoughts that it will be written from.
            verdicts: how often it is graded.
        """
        path, text = max(path, PATH_TOKENS), LEAST["synthesize"]
        grading = self.call("assess", path=path + READ_AS * text, completion=LEAST["assess"])
        return self.call("synthesize", path=path, completion=text) + verdicts * grading

    def verdict_share(self, kind: str, free: float, *, path: int = 0, verdicts: int = 1) -> float | None:
        """What to hold of ``free`` for the verdicts on a text while it is written.

        The longer the text may get, the dearer its verdict: what is held grows with what is left to write with. None:
        a usable text and its verdict don't fit together, so the text is not worth writing.

        Args:
            kind: of the call that writes the text.
            free: cost units that both may use.
            path: tokens of the thoughts that both prompts carry.
            verdicts: how often the text is graded.
        """
        grading = verdicts * self.call("assess", path=path, completion=LEAST["assess"])
        reading = verdicts * self.tariff.text * READ_AS
        room = free - grading - self.call(kind, path=path, completion=0)
        tokens = room / (self.tariff.completion + reading)
        return None if tokens < LEAST[kind] else grading + reading * min(tokens, MOST[kind])

    def scan_at_least(self) -> float:
        """The smallest scan worth making."""
        return self.call("scan", completion=LEAST["scan"])

    def round_at_least(self) -> float:
        """The cheapest round that begins with proposing: one proposal, then one answer with its verdict."""
        return self.call("propose", completion=LEAST["propose"]) + self.thought_at_most("answer")

    @staticmethod
    def _room(kind: str) -> int:
        return (LEAST[kind] + MOST[kind]) // 2


READ_AS = 2
"""Prompt tokens that one written token is reckoned as where it is read again: estimates are on the high side."""

PATH_TOKENS = 120
"""Tokens of the thoughts that the final prompts carry, as set aside before any thought is known."""
