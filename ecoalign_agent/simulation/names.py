"""The names of simulated models: ``simulated``, ``simulated:PRESET``, ``simulated:PRESET?seed=1&hit_rate=0.8``.

What a model calls itself has the preset among the keys, as in ``simulated?preset=able&seed=1``: it is the same name,
and passes through places where a colon means a provider.
"""

from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from ecoalign_agent.errors import ModelNameError, UsageError
from ecoalign_agent.simulation.fit import fitted_presets
from ecoalign_agent.simulation.parameters import PRESETS, Parameters

if TYPE_CHECKING:
    from ecoalign_agent.simulation.model import SimulatedModel

SIMULATED = "simulated"
DEFAULT = "middling"


def is_simulated(name: str) -> bool:
    """Whether a model's name means a simulated one."""
    return name.partition(":")[0].partition("?")[0] == SIMULATED


def simulated_model(name: str, **given: float) -> "SimulatedModel":
    """The model behind a name.

    Args:
        name: ``simulated``, with ``:PRESET`` and ``?KEY=VALUE&…`` where wanted. Keys are ``seed``, ``world`` (the seed
            of the world whose notices it knows), ``made`` (what that world is made of, a name of ``WORLDS``), and every
            parameter.
        given: parameters that count where the name says nothing.

    Raises:
        ModelNameError: no such preset or key, or a value that is none; the message says which there are.
    """
    from ecoalign_agent.simulation.model import SimulatedModel  # noqa: PLC0415 - LangChain, only where one is built
    from ecoalign_agent.simulation.world import WORLDS, World  # noqa: PLC0415 - as above

    head, _, query = name.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    preset = head.partition(":")[2] or dict(pairs).get("preset") or DEFAULT
    known = presets()
    if preset not in known:
        raise ModelNameError(f"model {name!r}: no preset {preset!r}; there are {', '.join(known)}")
    numbers = dict(given)
    whole = {"seed": 0, "world": 0}
    made = "even"
    for key, value in pairs:
        if key == "preset":
            continue
        if key == "made":
            if value not in WORLDS:
                raise ModelNameError(f"model {name!r}: no world {value!r}; there are {', '.join(WORLDS)}")
            made = value
            continue
        try:
            if key in whole:
                whole[key] = int(value)
            else:
                numbers[key] = float(value)
        except ValueError as error:
            raise ModelNameError(f"model {name!r}: {key} is {value!r}; write a number") from error
    try:
        parameters = known[preset].replaced(**numbers)
    except UsageError as error:
        raise ModelNameError(f"model {name!r}: {error}") from error
    return SimulatedModel(
        parameters=parameters,
        seed=whole["seed"],
        world=World(whole["world"], WORLDS[made]),
        preset=preset,
        overrides=tuple(sorted(numbers.items())),
    )


def presets() -> dict[str, Parameters]:
    """Every preset by its name: the made-up ones, and those fitted to published rows."""
    return {**PRESETS, **fitted_presets()}
