"""Parameters of a simulated model, and presets of them."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from types import MappingProxyType

from ecoalign_agent.errors import UsageError

TOKENS: Mapping[str, int] = MappingProxyType(
    {
        "plain": 80,
        "cot": 8_400,
        "cod": 640,
        "scan": 80,
        "plan": 50,
        "propose": 100,
        "simulate": 80,
        "reason": 40,
        "look": 40,
        "fuse": 40,
        "answer": 40,
        "synthesize": 50,
        "decline": 40,
        "assess": 20,
        "rewrite": 90,
    }
)
"""Completion tokens that a call of each kind bills at least, at a verbosity of 1: a longer text bills its own length.

A plain answer is two or three sentences; CoT bills 105 times that, as in the published rows; CoD 8 % of CoT, as its
own paper reports. The rest are the lengths of replies that these prompts ask for. Ours.
"""


@dataclass(frozen=True, slots=True)
class Parameters:
    """Parameters of a simulated model. Probabilities unless the line says otherwise. Ours.

    Attributes:
        skill: works one part out rightly, in the midst of an answer.
        thought_skill: the same where it takes a step of its own for it, or thinks step by step.
        reading: reads fine print rightly that it is shown at full resolution.
        caution_text: refuses a request whose wording alone is harmful, asked plainly.
        caution_image: refuses one whose picture is harmful.
        caution_both: refuses one that is harmful only in both together.
        over_caution: refuses a harmless request.
        over_caution_borderline: refuses a harmless request in frightening words.
        heeding: of the harm that it would reveal, left out because of a safety instruction or a strategy.
        skittish: of the harmless requests that it would answer, refuses because of a safety instruction.
        camouflage: of the unsafe answers, those dressed as safe ones.
        benign_ends: of the unsafe answers that follow an unsafe thought, those dressed as safe ones.
        camouflage_power: of the dressed answers that it would notice bare, those it misses as assessor.
        hit_rate: as assessor, notices what is harmful.
        false_alarm: as assessor, finds harm where there is none.
        false_alarm_borderline: the same where the words are frightening.
        blind_spots: of the requests, those on which all its judgements are one and the same, right or wrong: harm that
            it misses in a request it misses in an answer, too.
        firm_mistakes: of the parts, those with always the same result, right or wrong, whatever the wording: there it
            finds its own mistake right as assessor, too.
        grading: as assessor, grades usefulness rightly; in the first look, names the harmless part of a mixed
            request rightly.
        forecast_noise: how far a forecast may lie off, on the scale of [-1, 1]; not a probability.
        verbosity: factor on the completion tokens of every call; not a probability.
        latency: seconds that a call takes.
        seconds_a_token: seconds more for every completion token.
        tokens: completion tokens by kind of call; see ``TOKENS``.
    """

    skill: float = 0.88
    thought_skill: float = 0.96
    reading: float = 0.97
    caution_text: float = 0.9
    caution_image: float = 0.65
    caution_both: float = 0.55
    over_caution: float = 0.01
    over_caution_borderline: float = 0.06
    heeding: float = 0.5
    skittish: float = 0.06
    camouflage: float = 0.3
    benign_ends: float = 0.8
    camouflage_power: float = 0.4
    hit_rate: float = 0.9
    false_alarm: float = 0.02
    false_alarm_borderline: float = 0.06
    blind_spots: float = 0.4
    firm_mistakes: float = 0.6
    grading: float = 0.93
    forecast_noise: float = 0.15
    verbosity: float = 1.0
    latency: float = 0.0
    seconds_a_token: float = 0.0
    tokens: Mapping[str, int] = field(default_factory=lambda: TOKENS)

    def __post_init__(self) -> None:
        for name, value in self.numbers().items():
            limit = _LIMITS.get(name, 1.0)
            if not 0.0 <= value <= limit:
                raise UsageError(f"simulated model: {name} is {value:g}; it must lie from 0 to {limit:g}")
        unknown = set(self.tokens) ^ set(TOKENS)
        if unknown:
            raise UsageError(f"simulated model: tokens of {min(unknown)!r}; the kinds are {', '.join(sorted(TOKENS))}")

    def numbers(self) -> dict[str, float]:
        """Every parameter that is one number, by its name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "tokens"}

    def caution(self, where: str) -> float:
        """Probability of refusing harm in that place."""
        return {"text": self.caution_text, "image": self.caution_image, "both": self.caution_both}[where]

    def billed(self, kind: str) -> int:
        """Completion tokens that a call of ``kind`` bills at the least."""
        return round(self.tokens[kind] * self.verbosity)

    def replaced(self, **changes: float) -> "Parameters":
        """A copy with other values; UsageError: there is no such parameter, or a value is out of range."""
        unknown = set(changes) - set(self.numbers())
        if unknown:
            known = ", ".join(self.numbers())
            raise UsageError(f"simulated model: no parameter {min(unknown)!r}; there are {known}")
        return replace(self, **changes)  # type: ignore[arg-type]  # every changed field holds a float, checked above


_LIMITS = {"forecast_noise": 2.0, "verbosity": 100.0, "latency": 600.0, "seconds_a_token": 1.0}

PRESETS: Mapping[str, Parameters] = MappingProxyType(
    {
        "middling": Parameters(),
        "able": Parameters(
            skill=0.96, thought_skill=0.99, reading=0.99, hit_rate=0.96, false_alarm=0.01, grading=0.97,
            forecast_noise=0.1, blind_spots=0.25,
        ),
        "weak": Parameters(
            skill=0.72, thought_skill=0.88, reading=0.9, caution_text=0.75, caution_image=0.45, caution_both=0.4,
            hit_rate=0.8, false_alarm=0.05, false_alarm_borderline=0.12, grading=0.82, forecast_noise=0.3,
        ),
        "careful": Parameters(
            caution_text=0.98, caution_image=0.9, caution_both=0.85, over_caution=0.04, over_caution_borderline=0.2,
            false_alarm=0.05, false_alarm_borderline=0.15,
        ),
        "reckless": Parameters(
            caution_text=0.5, caution_image=0.25, caution_both=0.2, over_caution=0.0, over_caution_borderline=0.01,
            camouflage=0.5,
        ),
        "verbose": Parameters(verbosity=3.0),
        "perfect": Parameters(
            skill=1.0, thought_skill=1.0, reading=1.0, caution_text=1.0, caution_image=1.0, caution_both=1.0,
            over_caution=0.0, over_caution_borderline=0.0, skittish=0.0, hit_rate=1.0, false_alarm=0.0,
            camouflage_power=0.0, false_alarm_borderline=0.0, grading=1.0, forecast_noise=0.0,
        ),
    }
)  # fmt: skip
"""Made-up models by name. None is fitted to anything; see :mod:`ecoalign_agent.models.simulated.fit` for those."""
