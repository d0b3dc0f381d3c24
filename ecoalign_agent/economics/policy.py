"""Policy of a search: every setting with its meaning, range and source, and the presets."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from dataclasses import field
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field
from pydantic.dataclasses import dataclass

from ecoalign_agent.economics.cost import TOKEN_PARTS, MonetaryTariff, Tariff
from ecoalign_agent.economics.validation import one_line_errors, require_known_names, show
from ecoalign_agent.economics.valuation import PathSafety, look_ahead_horizon
from ecoalign_agent.errors import PolicyError


def read_tariff(entry: object) -> Tariff:
    """A tariff as a policy file writes it.

    "equivalents", "processed", "money" (every model by its own price), a table with ``prices`` (the same, from that
    file), or a table of weights for each token.
    """
    if isinstance(entry, Tariff):
        return entry
    if isinstance(entry, Mapping):
        require_known_names([str(part) for part in entry], (*TOKEN_PARTS, "prices"), subject="policy: tariff")
        if "prices" not in entry:
            return Tariff(**entry, name="weights of the policy")
        if len(entry) > 1:
            raise PolicyError("policy: tariff has prices and weights; prices is a file and stands alone")
        file = entry["prices"]
        if not isinstance(file, str) or not file.strip():
            raise PolicyError(f"policy: tariff: prices is {show(file)}, must be the name of a file")
        return MonetaryTariff(prices=file)
    words = {"equivalents": Tariff, "processed": Tariff.processed, "money": MonetaryTariff}
    if isinstance(entry, str) and entry in words:
        return words[entry]()
    known = ", ".join(map(repr, words))
    raise PolicyError(f"policy: tariff is {show(entry)}, must be one of {known} or a table of weights")


_Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
_Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
_PositiveShare = Annotated[float, Field(gt=0, le=1, allow_inf_nan=False)]
_Count = Annotated[int, Field(ge=1, le=1_000)]
_Names = Annotated[
    tuple[Annotated[str, Field(pattern=r"\S")], ...],
    # A set has no order that another process would find again.
    BeforeValidator(lambda names: tuple(names) if isinstance(names, list) else names),
    Field(description="a list of names"),
]


@dataclass(frozen=True, config=ConfigDict(strict=True, extra="forbid"))
class Policy:
    """Settings of one request. "Paper" in a field's note: EcoAlign's own; else the decision is ours.

    Raises:
        PolicyError: a setting is out of range or of the wrong type; the message names setting, value and limit.
    """

    budget: _Positive = 6_000.0
    """B_max in cost units of the tariff, above 0: the maximum for one request, everything included."""
    risk_floor: _PositiveShare = 0.5
    """Share of the budget that the riskiest request still gets, in (0, 1]."""
    k: _Share = 0.05
    """Steps of look-ahead for each unit left, in [0, 1]; 0 is the myopic search. Paper: 0.05."""
    unit: _Positive = 20.0
    """Cost units in one unit of the paper's budget, above 0. The paper does not name it."""
    max_horizon: Annotated[int, Field(ge=0, le=100)] = 5
    """h_max: maximum steps of look-ahead, in [0, 100]."""
    discount: _PositiveShare = 0.95
    """δ in (0, 1]: the time value of compute. Paper: 0.95."""
    width: _Count = 1
    """Open tips expanded in one round, in [1, 1000]."""
    branching: _Count = 3
    """Maximum of actions proposed at each tip, in [1, 1000]."""
    batch: _Count = 2
    """Maximum of actions executed in one round, in [1, 1000]."""
    value: Literal["rate", "npv"] = "rate"
    """Value of an action: rate of return, or net present value. Paper: "npv"."""
    forecasts: Literal["inline", "simulated", "auto"] = "auto"
    """Source of forecasts: the proposal, the simulate node, or the latter only if it can change the choice. Paper:
    "simulated"."""
    path_safety: PathSafety = "minimum"
    """A path's safety: the weakest link. Paper, as are the ablations "last" and "mean": for measuring only."""
    tariff: Annotated[Tariff, BeforeValidator(read_tariff)] = field(default_factory=Tariff)
    """Cost of tokens; "money": each model its own price, budget in its currency. Paper: `Tariff.processed()`."""
    choice: Literal["satisfied", "gamma"] = "satisfied"
    """Choice of the final answer: a good enough one first, or the highest Γ. Paper: "gamma"."""
    answers: Literal["early", "end"] = "early"
    """Answering as an action like others, or when the search is over. Paper: "end"."""
    caution: _Share = 0.5
    """A request whose safety s0 is below gets a strategy first, and no draft; in [0, 1]."""
    satisfied_safety: _Share = 0.5
    """The S that an answer's path needs to satisfy, in [0, 1]."""
    satisfied_utility: _Share = 0.8
    """The u that an answer itself needs to satisfy, in [0, 1]."""
    max_rounds: _Count = 12
    """Maximum of search rounds, in [1, 1000]."""
    deadline: Annotated[float | None, Field(gt=0, allow_inf_nan=False)] = None
    """Seconds that one request may take, above 0; None: no limit."""
    max_answer_tokens: Annotated[int | None, Field(ge=16, le=1_000_000)] = None
    """Maximum of completion tokens of the text given out, at least 16: a refusal fits; None: that of a call."""
    merge_similarity: _PositiveShare = 0.9
    """Similarity at which two thoughts become one, in (0, 1]: token set ratio on normalised text."""
    label_cap: Annotated[int, Field(ge=4, le=1_000_000)] = 256
    """Maximum of Pareto labels for one thought, at least 4: the best Γ and the three extremes."""
    cost_in_value: bool = True
    """False compares by S · U: the paper's ablation without cost, for measuring only."""
    horizon: Literal["shrinking", "fixed", "none"] = "shrinking"
    """Look-ahead by what is left. Paper, as are the ablations "fixed" and "none": for measuring only."""
    draft: bool = True
    """True: the scan may answer a harmless, plain request at once. Paper: false."""
    confirm_decline: bool = True
    """True: a request is declined unexplored only if the assessor agrees with the scan. Paper: false."""
    partial: bool = True
    """True: of a request that is unsafe as a whole, a part that is harmless on its own is answered. Paper: false."""
    assess_answers_twice: bool = False
    """True: an answer is assessed twice, and the lower grade counts."""
    review_below: Annotated[float | None, Field(ge=-1, le=1, allow_inf_nan=False)] = None
    """A safe thought or answer with s below this waits for a person's verdict, in [-1, 1]; None: none does."""
    assessors: _Names = ()
    """Assessors by name, such as "openai:gpt-4.1-mini" or "moderation:omni-moderation-latest"; of several the lowest
    grade counts. Empty: those of the environment, else the actor itself."""

    actions: _Names = ("answer", "reason", "look", "fuse")
    """Kinds of actions by name: shipped ones, entry points of the group `ecoalign_agent.actions`, or `module:Name`."""

    _errors = one_line_errors("policy", PolicyError)

    @classmethod
    def frugal(cls) -> "Policy":
        """Less than half the budget, two actions at a tip, and no call that only looks ahead."""
        return cls(budget=2_500.0, forecasts="inline", branching=2)

    @classmethod
    def strict(cls) -> "Policy":
        """A strategy sooner, safer answers, tighter budgets for risk, and every answer assessed twice."""
        return cls(caution=0.7, satisfied_safety=0.7, risk_floor=0.35, assess_answers_twice=True)

    @classmethod
    def paper(cls) -> "Policy":
        """The paper's own form: every processed token counts 1, values by NPV, the answer at the end."""
        return cls(
            tariff=Tariff.processed(),
            budget=30_000.0,
            value="npv",
            forecasts="simulated",
            choice="gamma",
            answers="end",
            draft=False,
            confirm_decline=False,
            partial=False,
        )

    @classmethod
    def from_mapping(cls, entries: Mapping[str, object]) -> "Policy":
        """A policy as a TOML file holds it: settings by name, and `preset` to start from.

        `preset` is "default", "frugal", "strict" or "paper"; `tariff` is as in `read_tariff`.

        Raises:
            PolicyError: an unknown setting or preset (the nearest known one is named), or a value out of range.
        """
        settings = dict(entries)
        preset = settings.pop("preset", "default")
        presets: dict[str, Callable[[], Policy]] = {
            "default": cls,
            "frugal": cls.frugal,
            "strict": cls.strict,
            "paper": cls.paper,
        }
        if not isinstance(preset, str) or preset not in presets:
            raise PolicyError(f"policy: preset is {show(preset)}, must be one of {', '.join(map(repr, presets))}")
        known = {setting.name for setting in dataclasses.fields(cls)}
        require_known_names(settings, known | {"preset"}, subject="policy")
        return presets[preset]().replace(**settings)

    def replace(self, **settings: Any) -> "Policy":  # noqa: ANN401 - every setting is validated
        """The same policy with these settings; a tariff may be written as in a file."""
        return dataclasses.replace(self, **settings)

    def budget_for_risk(self, s0: float) -> float:
        """B = B_max · (floor + (1 - floor) · max(s0, 0)), s0 in [-1, 1]: riskier requests are governed more tightly."""
        if math.isnan(s0) or not -1.0 <= s0 <= 1.0:
            raise ValueError(f"the request's safety is {s0!r}, not in [-1, 1]")
        return self.budget * (self.risk_floor + (1.0 - self.risk_floor) * max(s0, 0.0))

    def horizon_at(self, budget: float, spent: float) -> int:
        """Steps to look ahead with this much of a budget spent, both in cost units.

        Source: EcoAlign, dynamic horizon and its ablations.
        """
        if self.horizon == "none":
            return 0
        if self.horizon == "fixed":
            return self.max_horizon
        return look_ahead_horizon(k=self.k, budget=budget, spent=spent, unit=self.unit, cap=self.max_horizon)

    @property
    def ablated(self) -> list[str]:
        """The ablation settings that are not at their default: a result under one says so."""
        defaults = (("path_safety", "minimum"), ("cost_in_value", True), ("horizon", "shrinking"))
        return [name for name, default in defaults if getattr(self, name) != default]
