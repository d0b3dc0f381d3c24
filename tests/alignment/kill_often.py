"""Kills the program with -9 at random points, takes its runs up again, and counts what was asked for.

    python tests/alignment/kill_often.py --kills 50

A real process, a real file of checkpoints, and a server on loopback that counts. What is lost by nature is a call whose
answer was not written down when the process died: open at the server, or answered within the moment that writing takes.
Everything else must be asked for once, so that after n kills

    calls counted = calls of a run that nobody kills + calls lost at the kills

and the receipts are equal. Any call beyond that was paid twice.
"""

import argparse
import asyncio
import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent.alignment.kept_calls import CHANNEL
from ecoalign_agent.checkpoints import open_checkpointer
from tests.alignment.resuming import PICTURE, story
from tests.fakes import asked_with
from tests.server import Answer, ChatServer, Completion, Delayed
from tests.server.replies import Body

QUESTION = "When is it open?"
POLICY = "width = 2\nbatch = 3\nbudget = 20_000.0\n"
MOMENT = 0.05
"""Seconds that writing an answer down may take on a busy machine."""


@dataclass
class Kill:
    """One kill: what had been asked for, what was written down, what was open or just answered."""

    seen: int
    kept: int
    open: int
    just_answered: int


@dataclass
class Chain:
    """One run, killed again and again until it ends."""

    kills: list[Kill] = field(default_factory=list)
    seen: int = 0
    result: dict[str, Any] = field(default_factory=dict)

    @property
    def lost(self) -> list[int]:
        """Calls asked for and not written down, at each kill."""
        lost: list[int] = []
        for kill in self.kills:
            lost.append(kill.seen - sum(lost) - kill.kept)
        return lost


class Stage:
    """The server, and the program that is killed."""

    def __init__(self, folder: Path, *, seed: int, run_id: str | None = "x") -> None:
        self.folder, self.dice, self.answered = folder, random.Random(seed), list[float]()
        self.run_id = run_id
        self.script = story().script
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        (folder / "picture.png").write_bytes(PICTURE)

    def answer(self, body: Body) -> Answer:
        system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
        said = self.script(asked_with([SystemMessage(system), HumanMessage(user)]))
        delay = self.dice.uniform(0.01, 0.05)
        self.answered.append(time.monotonic() + delay)
        return Delayed(delay, Completion(json.dumps(said)))

    async def started(self, server: ChatServer, state: Path | None) -> asyncio.subprocess.Process:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "ECOALIGN", "LANG"))}
        kept = [] if state is None else ["--state", str(state)]
        kept += ["--run-id", self.run_id] if self.run_id is not None and kept else []
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "ecoalign_agent.cli", "ask", QUESTION, "--json", *kept),
            *("--image", str(self.folder / "picture.png"), "--policy", str(self.folder / "policy.toml")),
            *("--model", "openai:m", "--base-url", server.url),
            env=clean | {"ECOALIGN_CACHE": "off"},
            cwd=Path(__file__).parents[2],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    async def ended(self, process: asyncio.subprocess.Process) -> dict[str, Any]:
        stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, stderr.decode()[-2000:]
        found: dict[str, Any] = json.loads(stdout)
        return found

    async def whole(self, server: ChatServer) -> dict[str, Any]:
        """The result of a run that nobody kills."""
        return await self.ended(await self.started(server, None))

    async def killed(self, server: ChatServer, state: Path, calls: int) -> Kill | None:
        """Start or take up, and kill after so many more requests and a moment; None: it ended before."""
        process = await self.started(server, state)
        before, pause = len(server.seen), self.dice.uniform(0.0, 0.06)
        while process.returncode is None and len(server.seen) < before + calls:
            await asyncio.sleep(0.002)
        # Without a request to wait for: somewhere between the start of the process and its first answers.
        await asyncio.sleep(self.dice.uniform(0.0, 3.0) if calls == 0 else pause)
        if process.returncode is not None:
            await process.communicate()
            return None
        process.send_signal(signal.SIGKILL)
        now, opened = time.monotonic(), server.under_way
        await process.communicate()
        if process.returncode != -signal.SIGKILL:
            return None
        await server.until(lambda: server.under_way == 0)
        just = sum(now - MOMENT <= at <= now for at in self.answered)
        return Kill(len(server.seen), await calls_kept(state, self.run_id), opened, just)

    async def chain(self, state: Path, kills: int, most: int) -> Chain:
        """One run, killed at most so many times; ``most``: requests that it makes."""
        chain = Chain()
        with ChatServer(self.answer) as server:
            while len(chain.kills) < kills:
                kill = await self.killed(server, state, self.dice.randrange(0, max(2, most // 2)))
                if kill is None:
                    break
                chain.kills.append(kill)
            chain.result = await self.ended(await self.started(server, state))
            chain.seen = len(server.seen)
        return chain


async def calls_kept(state: Path, run_id: str | None) -> int:
    """Calls whose answers the file holds: booked in the last checkpoint, and written beside it since."""
    async with open_checkpointer(str(state)) as saver:
        config: Any = {"configurable": {"thread_id": run_id}} if run_id is not None else None
        kept = await saver.aget_tuple(config) if config is not None else None
        if kept is None:
            return 0
        ledger = kept.checkpoint["channel_values"].get("ledger")
        booked = 0 if ledger is None else ledger.calls
        writes = kept.pending_writes or []
        finished = [value.calls for _, channel, value in writes if channel == "ledger"]
        return finished[0] if finished else booked + sum(channel == CHANNEL for _, channel, _ in writes)


def comparable(result: dict[str, Any]) -> dict[str, Any]:
    """A result without its clocks and its name."""
    return {key: value for key, value in result.items() if key not in {"seconds", "time", "run_id"}}


@dataclass(frozen=True)
class Tally:
    """What came of all chains."""

    whole: int
    chains: list[Chain]
    equal: bool

    @property
    def kills(self) -> list[Kill]:
        return [kill for chain in self.chains for kill in chain.kills]

    @property
    def lost(self) -> int:
        return sum(sum(chain.lost) for chain in self.chains)

    @property
    def seen(self) -> int:
        return sum(chain.seen for chain in self.chains)

    @property
    def paid_twice(self) -> int:
        return self.seen - self.whole * len(self.chains) - self.lost

    @property
    def lost_by_nature(self) -> bool:
        """Whether no more was lost at any kill than was open, or had been answered in the moment before."""
        pairs = [(kill, lost) for chain in self.chains for kill, lost in zip(chain.kills, chain.lost, strict=True)]
        return all(0 <= lost <= kill.open + kill.just_answered for kill, lost in pairs)

    def rows(self) -> list[tuple[str, object]]:
        return [
            ("kills with -9", len(self.kills)),
            ("runs, each resumed to its end", len(self.chains)),
            ("calls of a run that nobody kills", self.whole),
            ("the same for all runs", self.whole * len(self.chains)),
            ("calls that the server counted", self.seen),
            ("open at the server at the kills", sum(kill.open for kill in self.kills)),
            ("lost at the kills (open, or not yet written down)", self.lost),
            ("paid twice", self.paid_twice),
            ("no more lost at any kill than was open or just answered", self.lost_by_nature),
            ("results and receipts equal to the one that nobody killed", self.equal),
        ]


async def kill_often(folder: Path, kills: int, *, seed: int = 0, a_run: int = 5) -> Tally:
    """Kill so many times, each run at most ``a_run`` times."""
    stage = Stage(folder, seed=seed)
    with ChatServer(stage.answer) as server:
        whole = comparable(await stage.whole(server))
        calls = len(server.seen)
    chains: list[Chain] = []
    while (left := kills - sum(len(chain.kills) for chain in chains)) > 0:
        chains.append(await stage.chain(folder / f"{len(chains)}.db", min(left, a_run), calls))
    for chain in chains:
        if comparable(chain.result) != whole:
            print("differs:", {k: (v, whole[k]) for k, v in comparable(chain.result).items() if v != whole[k]})
    return Tally(calls, chains, all(comparable(chain.result) == whole for chain in chains))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Kill runs with -9 at random points, and count what was paid for.")
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    with TemporaryDirectory() as place:
        tally = asyncio.run(kill_often(Path(place), given.kills, seed=given.seed))
    for label, figure in tally.rows():
        print(f"{label:<58} {figure}")
    sys.exit(0 if tally.equal and tally.paid_twice == 0 and tally.lost_by_nature else 1)
