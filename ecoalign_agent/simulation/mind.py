"""What a simulated model makes of a sample: what it notices, what it leaves out, what it gets right.

Each is one draw, and follows from the model's seed, the sample and the call. On some requests, its *blind spots*, all
its judgements hang on one draw: what it does not refuse there as actor it does not notice as assessor either.
"""

from dataclasses import dataclass

from ecoalign_agent.simulation.call import Call
from ecoalign_agent.simulation.chance import among, chance
from ecoalign_agent.simulation.parameters import Parameters
from ecoalign_agent.simulation.world import Sample


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
