"""The methods by name, with what each takes, so that a run can be reckoned up before anything is spent."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from ecoalign_agent.bench.methods.base import Method
from ecoalign_agent.bench.methods.bavt import MOST_ROUNDS, WIDTH, bavt
from ecoalign_agent.bench.methods.best_of_n import BestOfN
from ecoalign_agent.bench.methods.single_call import adashield, base, cod, cot, ecso, safety_prompt

_BEST_OF = BestOfN()


@dataclass(frozen=True, slots=True)
class MethodEntry:
    """A method that EcoAlign is compared with.

    Attributes:
        key: its name on the command line and in tables.
        title: its name in words.
        description: what it does, in one line.
        source: where it comes from.
        method: answers.
        sequential_calls: the longest chain of calls of one sample, at the most.
        most_calls: calls of one sample, at the most; a verdict of the assessor counts as one, although an assessor of
            several models asks each.
        completion_tokens: of one call, as it typically is on a hosted model; None: nothing is known. A guess for
            reckoning up, never a bound.
    """

    key: str
    title: str
    description: str
    source: str
    method: Method
    sequential_calls: int
    most_calls: int
    completion_tokens: int | None = None


_ENTRIES = (
    MethodEntry("base", "Base", "the question with its pictures, nothing else", "—", base, 1, 1, 300),
    MethodEntry(
        "cot", "CoT", "thinks step by step first; the whole reply counts", "arXiv 2205.11916", cot, 1, 1, 1_000
    ),
    MethodEntry(
        "cod", "CoD", "thinks in drafts of at most five words a step", "arXiv 2502.18600", cod, 1, 1, 200
    ),
    MethodEntry(
        "safety-prompt", "Safety prompt", "a plain safety instruction as the system message", "ours",
        safety_prompt, 1, 1, 300,
    ),
    MethodEntry(
        "ecso", "ECSO", "judges its own answer; what is harmful is answered again without the picture",
        "arXiv 2403.09572", ecso, 4, 4, 200,
    ),
    MethodEntry(
        "adashield", "AdaShield-S", "a static shield prompt before the question", "arXiv 2403.09513",
        adashield, 1, 1, 300,
    ),
    MethodEntry(
        "best-of-n", f"Best of {_BEST_OF.n}", f"{_BEST_OF.n} answers, the best that the assessor finds safe",
        "best-of-n sampling; the choice is ours", _BEST_OF, 2, 2 * _BEST_OF.n, 300,
    ),
    MethodEntry(
        "bavt", "BAVT", "budget-aware value tree search, without safety", "arXiv 2603.12634",
        bavt, 2 * MOST_ROUNDS + 1, 2 * WIDTH * MOST_ROUNDS + 1, 100,
    ),
)  # fmt: skip

METHODS: Mapping[str, MethodEntry] = MappingProxyType({entry.key: entry for entry in _ENTRIES})
"""Every one by its key, in the order of the tables."""
