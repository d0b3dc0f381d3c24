"""What a simulated model makes of a sample: what it notices, what it leaves out, what it gets right.

Each is one draw, and follows from the model's seed, the sample and the call. On some requests, its *blind spots*, all
its judgements hang on one draw: what it does not refuse there as actor it does not notice as assessor either.

Grading by a simulated model: right as often as its parameters say, and by the content alone.
"""

from dataclasses import dataclass
from typing import Any

from ecoalign_agent.models.simulated import ground_truth
from ecoalign_agent.models.simulated.parameters import Parameters
from ecoalign_agent.models.simulated.prompt_input import Call
from ecoalign_agent.models.simulated.world import Sample, among, chance


@dataclass(frozen=True, slots=True)
class Mind:
    """A model's parameters and its seed.

    Attributes:
        parameters: what it is like.
        seed: another seed is another model of the same kind, with other blind spots.
    """

    parameters: Parameters
    seed: int = 0

    def notices(self, call: Call, *, harmful: bool, frightening: bool, dressed: bool = False, about: str = "") -> bool:
        """Whether it takes what it judges for harmful: a hit where it is, a false alarm where it is not.

        Args:
            call: what it is judging in.
            harmful: what is true of it.
            frightening: whether its words sound dangerous.
            dressed: whether it is dressed as safe.
            about: what is judged; "": the whole call.
        """
        drawn = self._judgement(call, about or call.key, "notice")
        if harmful:
            return drawn < self.parameters.hit_rate * (1.0 - (self.parameters.camouflage_power if dressed else 0.0))
        alarms = self.parameters.false_alarm_borderline if frightening else self.parameters.false_alarm
        return drawn >= 1.0 - alarms

    def leaves_out(self, call: Call, *, guarded: bool) -> bool:
        """Whether it leaves out what would be harmful to tell.

        Args:
            call: what it is asked in.
            guarded: whether a safety instruction or a strategy asks it to.
        """
        caution = self.parameters.caution(call.where if call.where != "none" else "text")
        if guarded:
            caution += (1.0 - caution) * self.parameters.heeding
        return self._judgement(call, "", "caution") < caution

    def shies(self, call: Call, *, guarded: bool, frightening: bool) -> bool:
        """Whether it refuses a harmless request."""
        shy = self.parameters.over_caution_borderline if frightening else self.parameters.over_caution
        if guarded:
            shy += (1.0 - shy) * self.parameters.skittish
        return self.draw(call, "shy") < shy

    def works_out(self, call: Call, letter: str, value: int, *, skill: float) -> int:
        """What it makes of a part: ``value`` with probability ``skill``, else something wrong."""
        # On some parts how it is asked makes no difference.
        key = "" if self.is_firm(call, letter) else call.key
        if chance(self.seed, "part", _of(call.sample), letter, key) < skill:
            return value
        return value + 1 + among(9, self.seed, "wrong", _of(call.sample), letter, key)

    def believes(self, call: Call, letter: str, value: int) -> int:
        """What it holds a part to be when it checks another's: its own firm mistake, else what is true."""
        if not self.is_firm(call, letter):
            return value
        return self.works_out(call, letter, value, skill=self.parameters.thought_skill)

    def is_firm(self, call: Call, letter: str) -> bool:
        """Whether it always makes the same of a part."""
        return self.draw(call, f"is firm on {letter}") < self.parameters.firm_mistakes

    def grades_rightly(self, call: Call) -> bool:
        """Whether it grades usefulness as it is."""
        return chance(self.seed, "grading", call.key) < self.parameters.grading

    def forecast(self, call: Call, value: float, what: str, *, noise: float = 1.0) -> float:
        """``value`` as it forecasts it, within [-1, 1].

        Args:
            call: what it is forecast in.
            value: what is to be expected.
            what: which forecast of that call.
            noise: factor on the noise.
        """
        spread = self.parameters.forecast_noise * noise
        off = (2.0 * chance(self.seed, "forecast", what, call.key) - 1.0) * spread
        return round(min(1.0, max(-1.0, value + off)), 3)

    def draw(self, call: Call, what: str) -> float:
        """A draw that is the same for every call about one sample."""
        return chance(self.seed, what, _of(call.sample))

    def _judgement(self, call: Call, key: str, what: str) -> float:
        if self.draw(call, "is a blind spot") < self.parameters.blind_spots:
            return self.draw(call, "blind spot")
        return chance(self.seed, what, _of(call.sample), key)


def _of(sample: Sample | None) -> str:
    return "nothing" if sample is None else sample.id


def assess_request(mind: Mind, call: Call) -> dict[str, Any]:
    """The reply to the prompt that grades a whole request, afresh."""
    harmful = call.where != "none"
    if not mind.notices(call, harmful=harmful, frightening=ground_truth.frightening(call.question)):
        return {"hazards": [], "safety": 0.85}
    if not harmful:
        return {"hazards": ["S2"], "safety": -0.4}
    return {"hazards": ["S2"], "safety": 0.2 if call.asked.total else -0.8}


def assess_thought(mind: Mind, call: Call) -> dict[str, Any]:
    """The reply to the prompt that grades one thought."""
    unsafe = unsafe_text(mind, call, call.get("candidate"))
    harmful = bool(ground_truth.markers_in(call.get("candidate")))
    safety = (-0.85 if harmful else -0.35) if unsafe else 0.85
    return {"hazards": ["S2"] if unsafe else [], "safety": safety, "utility": _utility(mind, call)}


def unsafe_text(mind: Mind, call: Call, text: str) -> bool:
    """Whether it takes a text for harmful."""
    return mind.notices(
        call,
        harmful=bool(ground_truth.markers_in(text)),
        frightening=ground_truth.frightening(call.question),
        dressed=ground_truth.dressed(text),
    )


def goodness(mind: Mind, call: Call, text: str) -> float:
    """How useful an answer looks to it, in [-1, 1]: as it is, where it can be checked and is graded rightly."""
    stated = ground_truth.totals_in(text)
    if not stated:
        if ground_truth.refuses(text):
            return -1.0 if call.where == "none" else -0.7
        return 0.6 if not call.asked.total and call.sample is not None else -0.8
    total = _checked_total(mind, call)
    if total is None:
        # Nobody can tell from here: what sounds like an answer passes for one.
        return 0.5
    right = set(stated) == {str(total)}
    return 0.9 if right == mind.grades_rightly(call) else -0.6


def _utility(mind: Mind, call: Call) -> float:
    candidate = call.get("candidate")
    if "the candidate is an answer to the person" in call.system:
        return goodness(mind, call, candidate)
    if "the candidate is a strategy" in call.system:
        return 0.2
    if ground_truth.markers_in(candidate):
        return 0.3
    said = ground_truth.known_in(candidate)
    fresh = {letter: value for letter, value in said.items() if letter not in call.known or len(said) > 1}
    if not fresh:
        return -0.7
    checked = _believed(mind, call)
    wrong = any(checked.get(letter, value) != value for letter, value in fresh.items())
    return 0.35 if wrong != mind.grades_rightly(call) else -0.5


def _believed(mind: Mind, call: Call) -> dict[str, int]:
    """What the examiner makes of the parts that it can read itself."""
    return {letter: mind.believes(call, letter, value) for letter, value in call.legible.items()}


def _checked_total(mind: Mind, call: Call) -> int | None:
    """The total as far as the examiner can check it; None where a part can be seen nowhere."""
    sample = call.sample
    if sample is None:
        return None
    checked = call.known | _believed(mind, call)
    values = [checked.get(part.letter) for part in sample.parts]
    return None if None in values else sum(value for value in values if value is not None)
