"""The whole search against a server that breaks every fifth answer, in 200 runs: every run ends, honestly.

Run with ``-s`` it prints what came of them.
"""

import asyncio
import json
import random
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from ecoalign_agent import EcoAlign, Policy, Result
from ecoalign_agent.search.nodes.synthesize import FIXED_REFUSAL, FIXED_REFUSALS
from ecoalign_agent.testing import ScriptedCall, imagined_step, proposed_action, scan_reply, verdict_reply
from tests.scripted_server import ChatServer
from tests.scripted_server.troubled import TROUBLES, WHOLE, Served, Troubled
from tests.search.stage import picture

pytestmark = pytest.mark.slow

GROUPS, RUNS = 20, 10
SHARE = 0.2
DEADLINES = (0.8, 6.0)
"""Seconds: in the shorter time most runs are cut off in the middle of their calls."""

TIME_OUT = 0.5
"""Seconds: of a call. What hangs is left after these."""

UNSAFE = "harmful"
"""The word that the playing assessor grades unsafe; half of all texts have it."""

QUESTION = "When is it open?"
PICTURE = picture()


def plays(run: str, call: ScriptedCall) -> dict[str, Any]:
    """A model with whims: what it says depends on the run and on what it is asked, never on the order of calls."""
    dice = random.Random(zlib.crc32(f"{run} {call.task} {sorted(call.data.items())}".encode()))
    if call.task == "assess thought":
        return verdict_reply(-0.8 if UNSAFE in call["candidate"] else dice.choice([0.4, 0.9]), dice.uniform(-0.2, 1))
    if call.task == "assess request":
        return {"hazards": [], "safety": dice.choice([-0.8, 0.5])}
    actions = [
        proposed_action(
            dice.choice(["reason", "look", "fuse", "answer"]),
            f"step {dice.randint(1, 99)}",
            dice.uniform(0.1, 1),
            dice.uniform(0, 1),
            parents=[f"t{dice.randint(1, 4)}"],
            next=[imagined_step("answer", 0.9, dice.uniform(-1, 1))],
        )
        for _ in range(dice.randint(1, 3))
    ]
    text = f"It is open from {dice.randint(1, 12)} to {dice.randint(1, 12)}{dice.choice(['', f', and {UNSAFE}'])}."
    if call.task == "scan":
        safety = dice.choice([0.9, 0.9, 0.6, -0.5])
        return scan_reply(safety=safety, draft=dice.choice(["", text]), actions=actions)
    if call.task == "propose":
        return {"actions": actions, "merge": [], "prune": []}
    if call.task == "simulate":
        return {
            "forecasts": [{"action": 1, "safety": 0.8, "utility": 0.5, "steps": [imagined_step("answer", 0.9, 0.7)]}]
        }
    return {"text": text}


def breaks(run: str, number: int) -> str:
    """Every fifth answer, by any of the faults."""
    dice = random.Random(f"{run} {number}")
    return dice.choice(list(TROUBLES)) if dice.random() < SHARE else "none"


def policy_for(run: str) -> Policy:
    dice = random.Random(run)
    base = dice.choice([Policy(), Policy.frugal(), Policy.strict()])
    return base.replace(
        budget=dice.randint(4_000, 9_000),
        deadline=dice.choice(DEADLINES),
        forecasts=dice.choice(["inline", "auto"]),
    )


@dataclass
class Story:
    """One run from both sides of the wire."""

    policy: Policy
    result: Result
    served: list[Served]
    arrived: int


async def lived_through(server: ChatServer, actor: Troubled, runs: list[str]) -> list[Story]:
    """The runs, all at once; returns when the server has nothing open any more."""

    async def one(run: str) -> Result:
        # The key tells whose a request is, also where its body was not read any more.
        async with EcoAlign(f"openai:{run}", policy=policy_for(run), base_url=server.url, api_key=f"sk-{run}") as agent:
            return await agent.ask(QUESTION, [PICTURE] if len(run) % 2 else [])

    results = await asyncio.gather(*(one(run) for run in runs))
    await server.until(lambda: server.open_requests == 0)
    arrived = Counter(seen.headers["authorization"] for seen in server.requests)
    return [
        Story(policy_for(run), result, actor.book[run], arrived[f"Bearer sk-{run}"])
        for run, result in zip(runs, results, strict=True)
    ]


@pytest.fixture(scope="module")
def table() -> Iterator[Counter[str]]:
    """What came of the runs, over all groups; printed in the end."""
    counts: Counter[str] = Counter()
    yield counts
    print("\n" + "\n".join(f"{what:<28}{number:>7,}" for what, number in sorted(counts.items())))


@pytest.mark.parametrize("group", range(GROUPS))
async def test_every_run_ends_honestly(group: int, table: Counter[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ECOALIGN_TIMEOUT", str(TIME_OUT))
    actor = Troubled(plays, breaks)
    with ChatServer(actor) as server:
        stories = await lived_through(server, actor, [f"run-{group * RUNS + n}" for n in range(RUNS)])
    for story in stories:
        told(story, table)
        ends(story.result)
        releases_only_what_was_graded(story)
        counts_what_was_asked(story)
        books_what_was_billed(story)


def ends(result: Result) -> None:
    if result.status == "failed":
        assert (result.answer, result.safety) == (None, None)
        assert result.failure
        assert "\n" not in result.failure
    else:
        assert result.answer
        assert result.failure is None


def releases_only_what_was_graded(story: Story) -> None:
    """Every text that leaves was graded safe in a reply that arrived whole; or it is one of the program's own."""
    result = story.result
    if result.answer is None or (
        result.status == "declined" and result.answer in {*FIXED_REFUSALS.values(), FIXED_REFUSAL}
    ):
        return
    assert UNSAFE not in result.answer
    grades = [
        served.reply["safety"]
        for served in story.served
        if served.task == "assess thought" and served.candidate == result.answer and served.fault in WHOLE
    ]
    assert grades
    assert min(grades) >= 0
    if result.status == "answered":
        assert result.safety is not None
        assert 0 <= result.safety <= max(grades)


UNCOUNTED = frozenset({"HTML", "empty choices", "no usage", "absurd usage", "slow drip", "hang", "cut connection"})
"""Faults after which a call is booked by estimate."""


def unsent_at_most(story: Story) -> int:
    """Calls booked by estimate although the server gave no cause: they were cut off, some of them before they left."""
    return story.result.cost.estimated - sum(served.fault in UNCOUNTED for served in story.served)


def counts_what_was_asked(story: Story) -> None:
    """Failed attempts and retries among it; what was never asked is not counted.

    Nobody can tell of a call that was cut off whether it had left already: it counts, and what it may cost is booked.
    """
    calls = story.result.cost.calls
    assert story.arrived <= calls <= story.arrived + unsent_at_most(story)
    # What came in the moment in which its caller left was not read any more.
    assert len(story.served) <= story.arrived <= len(story.served) + unsent_at_most(story)


def books_what_was_billed(story: Story) -> None:
    cost = story.result.cost
    assert cost.spent >= sum(served.billed for served in story.served) - 1e-6
    assert sum(cost.by_phase.values()) == pytest.approx(cost.spent)
    assert cost.overrun == pytest.approx(max(0.0, cost.spent - cost.budget))
    if not any(served.fault == "exaggerated usage" for served in story.served):
        assert cost.spent <= cost.budget <= story.policy.budget


def told(story: Story, table: Counter[str]) -> None:
    result, served = story.result, story.served
    table["runs"] += 1
    table[f"status: {result.status}"] += 1
    table[f"stop: {result.stop_reason}"] += 1
    table["calls"] += result.cost.calls
    table["calls cut off unsent"] += result.cost.calls - story.arrived
    table["calls broken"] += sum(one.fault != "none" for one in served)
    table["calls that asked again"] += len(served) - len({one.prompt for one in served})
    table["calls estimated"] += result.cost.estimated
    table["verdicts unknown"] += result.unknown_verdicts
    table["runs with an overrun"] += result.cost.overrun > 0
    table["runs with a false bill"] += any(one.fault == "exaggerated usage" for one in served)
    table["cost units spent"] += round(result.cost.spent)
    table["cost units billed"] += round(sum(one.billed for one in served))
    table.update(f"fault: {one.fault}" for one in served if one.fault != "none")


def test_every_fifth_answer_breaks_and_each_fault_comes() -> None:
    drawn = Counter(breaks(f"run-{run}", number) for run in range(GROUPS * RUNS) for number in range(10))
    assert set(drawn) == {*TROUBLES, "none"}
    assert 0.17 <= 1 - drawn["none"] / drawn.total() <= 0.23


def test_what_the_actor_is_asked_is_what_the_assessor_grades() -> None:
    graded = json.loads(
        json.dumps(plays("run-1", ScriptedCall("assess thought", {"candidate": f"It is {UNSAFE}."}, "", 0)))
    )
    assert graded["safety"] < 0
