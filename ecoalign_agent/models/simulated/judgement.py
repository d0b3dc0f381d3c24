"""Judgements of a simulated model: what it notices, leaves out and gets right; and its assessments.

Each judgement is one draw from the model's seed, the sample and the call. On some requests, its *blind spots*, all its
judgements depend on one draw: what it does not refuse there as actor it does not notice as assessor either. Assessments
are right as often as its parameters say, and judge by the content alone.
"""

from dataclasses import dataclass
from typing import Any

from ecoalign_agent.models.simulated import ground_truth
from ecoalign_agent.models.simulated.parameters import Parameters
from ecoalign_agent.models.simulated.prompt_input import Call
from ecoalign_agent.models.simulated.world import Sample, hash_below, uniform_hash


@dataclass(frozen=True, slots=True)
class JudgementModel:
    """The judgements that follow from parameters and a seed; another seed has other blind spots."""

    parameters: Parameters
    seed: int = 0

    def notices(self, call: Call, *, harmful: bool, frightening: bool, dressed: bool = False, about: str = "") -> bool:
        """True if it takes a text for harmful: a hit where it is, a false alarm where it is not.

        Args:
            about: the text; "": the whole call.
        """
        draw = self._judgement(call, about or call.key, "notice")
        if harmful:
            return draw < self.parameters.hit_rate * (1.0 - (self.parameters.camouflage_power if dressed else 0.0))
        alarms = self.parameters.false_alarm_borderline if frightening else self.parameters.false_alarm
        return draw >= 1.0 - alarms

    def notices_request(self, call: Call) -> bool:
        """True if it takes the request for harmful at first look: the same in every call of one search."""
        return self.notices(
            call,
            harmful=call.where != "none",
            frightening=ground_truth.sounds_dangerous(call.question),
            about="first look",
        )

    def notices_text(self, call: Call, text: str) -> bool:
        """True if it takes a reply for harmful."""
        return self.notices(
            call,
            harmful=bool(ground_truth.markers_in(text)),
            frightening=ground_truth.sounds_dangerous(call.question),
            dressed=ground_truth.is_dressed(text),
        )

    def leaves_out(self, call: Call, *, guarded: bool) -> bool:
        """True if it leaves harm out of a reply; ``guarded``: a safety instruction or a strategy asks it to."""
        caution = self.parameters.caution(call.where if call.where != "none" else "text")
        if guarded:
            caution += (1.0 - caution) * self.parameters.heeding
        return self._judgement(call, "", "caution") < caution

    def refuses_harmless(self, call: Call, *, guarded: bool) -> bool:
        """True if it refuses a harmless request."""
        frightening = ground_truth.sounds_dangerous(call.question)
        rate = self.parameters.over_caution_borderline if frightening else self.parameters.over_caution
        if guarded:
            rate += (1.0 - rate) * self.parameters.skittish
        return self.draw(call, "shy") < rate

    def part_value(self, call: Call, letter: str, value: int, *, skill: float) -> int:
        """Its result for a part: ``value`` with probability ``skill``, else a wrong one."""
        # On some parts the wording of the call makes no difference.
        key = "" if self.is_firm(call, letter) else call.key
        if uniform_hash(self.seed, "part", _id(call.sample), letter, key) < skill:
            return value
        return value + 1 + hash_below(9, self.seed, "wrong", _id(call.sample), letter, key)

    def is_firm(self, call: Call, letter: str) -> bool:
        """True if its result for a part is always the same."""
        return self.draw(call, f"is firm on {letter}") < self.parameters.firm_mistakes

    def grades_rightly(self, call: Call) -> bool:
        """True if it grades usefulness as it is."""
        return uniform_hash(self.seed, "grading", call.key) < self.parameters.grading

    def forecast(self, call: Call, value: float, name: str, *, noise: float = 1.0) -> float:
        """Its forecast of ``value``, within [-1, 1]; ``noise`` is a factor on the parameter's."""
        spread = self.parameters.forecast_noise * noise
        error = (2.0 * uniform_hash(self.seed, "forecast", name, call.key) - 1.0) * spread
        return round(min(1.0, max(-1.0, value + error)), 3)

    def draw(self, call: Call, name: str) -> float:
        """A draw that is the same for every call about one sample."""
        return uniform_hash(self.seed, name, _id(call.sample))

    def _judgement(self, call: Call, key: str, name: str) -> float:
        if self.draw(call, "is a blind spot") < self.parameters.blind_spots:
            return self.draw(call, "blind spot")
        return uniform_hash(self.seed, name, _id(call.sample), key)


def _id(sample: Sample | None) -> str:
    return "nothing" if sample is None else sample.id


def request_verdict(judge: JudgementModel, call: Call) -> dict[str, Any]:
    """The reply to the prompt that assesses a whole request."""
    harmful = call.where != "none"
    if not judge.notices(call, harmful=harmful, frightening=ground_truth.sounds_dangerous(call.question)):
        return {"hazards": [], "safety": 0.85}
    safety = (0.2 if call.content.total else -0.8) if harmful else -0.4
    return {"hazards": ["S2"], "safety": safety}


def thought_verdict(judge: JudgementModel, call: Call) -> dict[str, Any]:
    """The reply to the prompt that assesses one thought."""
    candidate = call.get("candidate")
    unsafe = judge.notices_text(call, candidate)
    harmful = bool(ground_truth.markers_in(candidate))
    safety = (-0.85 if harmful else -0.35) if unsafe else 0.85
    return {"hazards": ["S2"] if unsafe else [], "safety": safety, "utility": _thought_utility(judge, call, candidate)}


def answer_utility(judge: JudgementModel, call: Call, text: str) -> float:
    """Its grade of an answer's usefulness, in [-1, 1]: the true one where it can be checked and is graded rightly."""
    stated = ground_truth.totals_in(text)
    if not stated:
        if ground_truth.is_refusal(text):
            return -1.0 if call.where == "none" else -0.7
        return 0.6 if not call.content.total and call.sample is not None else -0.8
    total = _believed_total(judge, call)
    if total is None:
        # It can't be checked from here: anything that sounds like an answer passes for one.
        return 0.5
    right = set(stated) == {str(total)}
    return 0.9 if right == judge.grades_rightly(call) else -0.6


def step_utility(judge: JudgementModel, call: Call, step: str) -> float:
    """The gain of a step in words over the steps before it, in [-1, 1]; of an answer, its usefulness."""
    values = ground_truth.known_in(step)
    if not values or ground_truth.totals_in(step):
        return answer_utility(judge, call, step)
    before = ground_truth.known_in(call.get("steps"))
    if all(before.get(letter) == value for letter, value in values.items()):
        return -0.7
    return _parts_utility(judge, call, values)


def _thought_utility(judge: JudgementModel, call: Call, candidate: str) -> float:
    if call.candidate_role == "answer":
        return answer_utility(judge, call, candidate)
    if call.candidate_role == "strategy":
        return 0.2
    if ground_truth.markers_in(candidate):
        return 0.3
    values = ground_truth.known_in(candidate)
    new = {letter: value for letter, value in values.items() if letter not in call.known or len(values) > 1}
    return _parts_utility(judge, call, new) if new else -0.7


def _parts_utility(judge: JudgementModel, call: Call, values: dict[str, int]) -> float:
    believed = _believed(judge, call)
    wrong = any(believed.get(letter, value) != value for letter, value in values.items())
    return 0.35 if wrong != judge.grades_rightly(call) else -0.5


def _believed(judge: JudgementModel, call: Call) -> dict[str, int]:
    """Of the parts that the assessor can read: its own firm mistake, else the true value."""
    skill = judge.parameters.thought_skill
    return {
        letter: judge.part_value(call, letter, value, skill=skill) if judge.is_firm(call, letter) else value
        for letter, value in call.legible.items()
    }


def _believed_total(judge: JudgementModel, call: Call) -> int | None:
    """None where a part can be seen nowhere."""
    sample = call.sample
    if sample is None:
        return None
    values = call.known | _believed(judge, call)
    return None if any(p.letter not in values for p in sample.parts) else sum(values[p.letter] for p in sample.parts)
