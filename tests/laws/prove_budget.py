"""Drives the search through thousands of sequences of replies, failures and cancellations, and prints what it came to.

    python tests/laws/prove_budget.py --sequences 10000

Each sequence is drawn from a number, ``--first`` and those after it, so that one that breaks a promise can be run
again: from the last multiple of five on, as one agent serves five in a row. What is held to stands in
``tests/laws/sequences.py``: with an honest provider no more is spent than the budget, otherwise no more beyond it than
what the calls of one round reported beyond what was reserved for them, and that is in the result; nothing stays
reserved, both sets of books agree, nothing is left open, nothing unsafe is released.
"""

import argparse
import asyncio
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

# As a script, this folder comes first, and its modules would hide others of the same name: the root takes its place.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[2])

from tests.laws.fates import FAILURES, REPORTS
from tests.laws.policies import drawn_policy
from tests.laws.sequences import DOORS, Audit, Rig
from tests.search.stage import picture

Kind = Literal["honest", "silent", "lying", "failing", "cancelled", "deadline", "all at once"]

KINDS: tuple[Kind, ...] = ("honest", "silent", "lying", "failing", "cancelled", "deadline", "all at once")

RUNS_EACH = 5
"""Sequences that one agent is driven through, one after the other: what one leaves behind, the next would meet."""

_PICTURES = [picture(), picture(60, 90, (200, 10, 10))]


@dataclass
class Tally:
    """What the sequences of one kind came to."""

    runs: int = 0
    calls: int = 0
    seconds: float = 0.0
    overshot: int = 0
    worst: Audit | None = None
    nearest: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)

    def add(self, audit: Audit) -> None:
        """Enter one sequence."""
        self.runs += 1
        self.calls += audit.calls
        self.seconds += audit.seconds
        self.statuses[audit.status] += 1
        if audit.overshoot > 1e-9 * audit.budget:
            self.overshot += 1
            self.nearest = max(self.nearest, audit.overshoot / audit.bound)
            if self.worst is None or _share(audit) > _share(self.worst):
                self.worst = audit


def _share(audit: Audit) -> float:
    return audit.overshoot / audit.budget


def rig_of(number: int) -> tuple[Kind, Rig]:
    """The agent of sequence ``number``; the same for ``RUNS_EACH`` in a row."""
    group = number // RUNS_EACH
    kind = KINDS[group % len(KINDS)]
    dice = random.Random(f"agent {group}")
    timed = kind == "deadline" or (kind == "all at once" and dice.random() < 0.3)
    policy = drawn_policy(dice, deadline=dice.uniform(0.01, 0.05) if timed else None)
    return kind, Rig(policy, sees=dice.choice([0.1, 0.5, 1.0]))


async def sequence(rig: Rig, kind: Kind, number: int) -> Audit:
    """Drive one run, as its number says.

    Raises:
        AssertionError: a promise was broken.
    """
    dice = random.Random(f"run {number}")
    everything = kind == "all at once"
    cuts = kind == "cancelled" or (everything and dice.random() < 0.3)
    leave_after = dice.randint(0, 12) if cuts and dice.random() < 0.4 else None
    door = "stream" if leave_after is not None else dice.choice(DOORS)
    cancel_at = dice.randint(0, 25) if cuts and leave_after is None else None
    timed = rig.policy.deadline is not None
    lies = 0.4 if kind == "lying" or everything else 0.0
    silence = 0.6 if kind == "silent" else 0.15 if everything or kind in {"cancelled", "deadline"} else 0.0
    hangs = 0.08 if timed else 0.0
    failures = 0.2 if kind == "failing" else 0.1 if everything else 0.0
    rig.begin(door, _PICTURES[: dice.choice([0, 0, 0, 1, 2])], seed=number, leave_after=leave_after)
    step = 0
    while await rig.until_asked():
        # More calls may come while these wait, and a cancellation may come at any turn of the loop.
        for _ in range(dice.randint(0, 6)):
            await asyncio.sleep(0)
        if step == cancel_at:
            rig.run.cancel()
            break
        step += 1
        which, fate = dice.randrange(8), dice.random()
        if fate < hangs:
            await rig.until_over()
        elif fate < hangs + failures:
            rig.fail(which, dice.choice(list(FAILURES)))
        elif fate < hangs + failures + lies:
            rig.answer(which, dice.choice(REPORTS[2:]), dice)
        else:
            rig.answer(which, "silent" if dice.random() < silence else "honest", dice)
    return await rig.audit()


async def prove(sequences: int, *, first: int = 0) -> dict[Kind, Tally]:
    """Drive so many sequences; progress goes to stderr.

    Raises:
        AssertionError: a promise was broken; the message names the sequence.
    """
    tallies: dict[Kind, Tally] = {kind: Tally() for kind in KINDS}
    told, rig, group = time.monotonic(), None, -1
    for number in range(first, first + sequences):
        if rig is None or number // RUNS_EACH != group:
            kind, rig = rig_of(number)
            group = number // RUNS_EACH
        try:
            tallies[kind].add(await sequence(rig, kind, number))
        except AssertionError as error:
            raise AssertionError(f"sequence {number} ({kind}): {error}") from error
        if time.monotonic() - told > 5:
            told = time.monotonic()
            print(f"{number - first + 1} of {sequences} sequences", file=sys.stderr)
    return tallies


STATUSES = ("answered", "declined", "failed", "cancelled", "refused")


def table(tallies: dict[Kind, Tally]) -> str:
    """What came of it, one line a kind."""
    head = ["provider", "runs", *STATUSES, "calls", "overshot", "worst, of budget", "bound", "seconds"]
    rows = [head]
    for kind, tally in tallies.items():
        worst = tally.worst
        rows.append(
            [
                kind,
                str(tally.runs),
                *(str(tally.statuses[status]) for status in STATUSES),
                str(tally.calls),
                str(tally.overshot),
                "none" if worst is None else f"{_share(worst):.1%}",
                "" if worst is None else f"{worst.bound / worst.budget:.1%}",
                f"{tally.seconds:.1f}",
            ]
        )
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        for row in rows
    )


def main() -> int:
    """Drive and print; 1 when a promise was broken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sequences", type=int, default=1_000, metavar="N", help="how many; 1000 when not said")
    parser.add_argument("--first", type=int, default=0, metavar="N", help="the number of the first; 0 when not said")
    chosen = parser.parse_args()
    begun = time.monotonic()
    try:
        tallies = asyncio.run(prove(chosen.sequences, first=chosen.first))
    except AssertionError as error:
        print(f"broken: {error}", file=sys.stderr)
        return 1
    runs, calls = sum(t.runs for t in tallies.values()), sum(t.calls for t in tallies.values())
    nearest = max(t.nearest for t in tallies.values())
    print(f"The search under drive: {runs} sequences, {calls} calls, in {time.monotonic() - begun:.0f} s.\n")
    print(table(tallies))
    print(f"\nNo promise was broken. The nearest that an overshoot came to its bound was {nearest:.1%} of it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
