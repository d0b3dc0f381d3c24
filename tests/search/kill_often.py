"""Kills the program with -9 at random points, takes its runs up again, and counts what was asked for.

    python tests/search/kill_often.py --kills 50

A real process, a real file of checkpoints, and a server on loopback that counts. What is lost by nature is a call whose
answer was not written down when the process died: open at the server, or answered within the moment that taking an
answer in and writing it down may take. Some answers take half a second, so that others of the same step have been in
for longer than that moment. Everything else must be asked for once, so that after n kills

    calls counted = calls of a run that nobody kills + calls lost by nature

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
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

sys.path.insert(0, str(Path(__file__).parents[2]))

from langchain_core.messages import HumanMessage, SystemMessage

from ecoalign_agent import EcoAlign
from ecoalign_agent.cli.main import main
from ecoalign_agent.search.checkpointing import CALL_CHANNEL, open_checkpointer
from ecoalign_agent.settings import read_policy
from ecoalign_agent.testing import CompletionReply, JsonObject, scripted_call
from tests.scripted_server import Answer, ChatServer, Delayed
from tests.search.resuming import PICTURE, story

RUN = "x"
QUESTION = "When is it open?"
POLICY = "width = 2\nbatch = 3\nbudget = 20_000.0\n"
MOMENT = 0.25
"""Seconds that taking an answer in and writing it down may take, on a machine that does much else."""


@dataclass
class Kill:
    """One kill: what had been asked for, what was written down, what was open, and how long ago answers were sent."""

    seen: int
    kept: int
    open: int
    ages: list[float]


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


@dataclass
class Started:
    """A process under way; ``ended`` gets its status."""

    pid: int
    ended: asyncio.Future[int]


class Launcher:
    """Starts the program in processes of its own, each forked from one that has loaded the libraries already."""

    def __init__(self, process: asyncio.subprocess.Process, folder: Path) -> None:
        self._process, self._folder = process, folder

    @classmethod
    @asynccontextmanager
    async def ready(cls, folder: Path) -> AsyncIterator[Self]:
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI", "ECOALIGN", "LANG"))}
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", "from tests.search.kill_often import launch; launch()"),
            env=clean | {"ECOALIGN_CACHE": "off"},
            cwd=Path(__file__).parents[2],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        launcher = cls(process, folder)
        await launcher._told()
        try:
            yield launcher
        finally:
            assert process.stdin is not None
            process.stdin.close()
            await process.wait()

    async def start(self, arguments: list[str]) -> Started:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps([arguments, str(self._folder / "said")]).encode() + b"\n")
        pid = await self._told()
        return Started(pid, asyncio.ensure_future(self._told()))

    def said(self, end: str) -> str:
        """What the last process wrote: ``.out`` or ``.err``."""
        return (self._folder / f"said{end}").read_text(encoding="utf-8")

    async def _told(self) -> int:
        assert self._process.stdout is not None
        return int(await self._process.stdout.readline())


def launch() -> None:
    """Fork for each line of standard input, one after the other; tell the process and then its status."""
    modules = ("langchain_openai", "langgraph.checkpoint.sqlite.aio", "ecoalign_agent.cli.render.output")
    for module in (
        "ecoalign_agent.agent",
        "ecoalign_agent.search.checkpointing",
        "ecoalign_agent.events.log",
        *modules,
    ):
        import_module(module)
    print(0, flush=True)
    for line in sys.stdin:
        arguments, place = json.loads(line)
        pid = os.fork()
        if pid == 0:
            for stream, end in ((1, ".out"), (2, ".err")):
                os.dup2(os.open(place + end, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), stream)
            status = main(arguments)
            sys.stdout.flush()
            os._exit(status)
        print(pid, flush=True)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)


class Stage:
    """The server, and the program that is killed."""

    def __init__(self, folder: Path, *, seed: int) -> None:
        self.folder, self.dice, self.answered = folder, random.Random(seed), list[float]()
        self.script = story().script
        (folder / "policy.toml").write_text(POLICY, encoding="utf-8")
        (folder / "picture.png").write_bytes(PICTURE)

    def answer(self, body: JsonObject) -> Answer:
        system, user = body["messages"][0]["content"], body["messages"][-1]["content"]
        said = self.script(scripted_call([SystemMessage(system), HumanMessage(user)]))
        delay = self.dice.uniform(0.4, 0.6) if self.dice.random() < 0.25 else self.dice.uniform(0.01, 0.05)
        self.answered.append(time.monotonic() + delay)
        return Delayed(delay, CompletionReply(json.dumps(said)))

    def arguments(self, server: ChatServer, state: Path) -> list[str]:
        """The command line."""
        return [
            *("ask", QUESTION, "--json", "--state", str(state), "--run-id", RUN),
            *("--image", str(self.folder / "picture.png"), "--policy", str(self.folder / "policy.toml")),
            *("--model", "openai:m", "--base-url", server.url),
        ]

    async def ended(self, launcher: Launcher, server: ChatServer, state: Path) -> dict[str, Any]:
        """The result of a process that nobody kills."""
        process = await launcher.start(self.arguments(server, state))
        status = await asyncio.wait_for(process.ended, 60)
        assert status == 0, launcher.said(".err")[-2000:]
        found: dict[str, Any] = json.loads(launcher.said(".out"))
        return found

    async def whole(self, server: ChatServer) -> dict[str, Any]:
        """The result of a run that nobody kills, in this process and without a checkpoint."""
        policy = read_policy(self.folder / "policy.toml")
        async with EcoAlign("openai:m", base_url=server.url, api_key="none", policy=policy) as agent:
            result = await agent.ask(QUESTION, [self.folder / "picture.png"])
        return result.model_dump(mode="json")

    async def killed(self, launcher: Launcher, server: ChatServer, state: Path, calls: int) -> Kill | None:
        """Start or take up, and kill after so many more requests and a moment; None: it ended before."""
        process = await launcher.start(self.arguments(server, state))
        before = len(server.requests)
        async with asyncio.timeout(30):
            # The server wakes nobody when a process ends without asking for more.
            while not process.ended.done() and len(server.requests) < before + calls:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.002)
        # Without a request to wait for: somewhere between the start of the process and its first answers.
        await asyncio.sleep(self.dice.uniform(0.0, 0.5))
        now = time.monotonic()
        with suppress(ProcessLookupError):
            # It may have ended by itself, and the launcher not have told yet.
            os.kill(process.pid, signal.SIGKILL)
        if await process.ended != -signal.SIGKILL:
            return None
        await server.until(lambda: server.open_requests == 0)
        ages = sorted(now - at for at in self.answered if at <= now)
        return Kill(len(server.requests), await calls_kept(state), len(self.answered) - len(ages), ages)

    async def chain(self, launcher: Launcher, state: Path, kills: int, most: int) -> Chain:
        """One run, killed at most so many times; ``most``: requests that it makes."""
        chain = Chain()
        self.answered.clear()
        with ChatServer(self.answer) as server:
            while len(chain.kills) < kills:
                calls = self.dice.randrange(0, max(2, most // 2))
                kill = await self.killed(launcher, server, state, calls)
                if kill is None:
                    break
                chain.kills.append(kill)
            chain.result = await self.ended(launcher, server, state)
            chain.seen = len(server.requests)
        return chain


async def calls_kept(state: Path) -> int:
    """Calls whose answers the file holds: booked in the last checkpoint, and written beside it since."""
    async with open_checkpointer(str(state)) as saver:
        kept = await saver.aget_tuple({"configurable": {"thread_id": RUN}})
        if kept is None:
            return 0
        ledger = kept.checkpoint["channel_values"].get("ledger")
        booked = 0 if ledger is None else ledger.calls
        writes = kept.pending_writes or []
        finished = [value.calls for _, channel, value in writes if channel == "ledger"]
        return finished[0] if finished else booked + sum(channel == CALL_CHANNEL for _, channel, _ in writes)


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
        """Calls that were asked for again although they had been written down, or should have been by then."""
        pairs = [(kill, lost) for chain in self.chains for kill, lost in zip(chain.kills, chain.lost, strict=True)]
        late = sum(max(0, lost - kill.open - sum(age <= MOMENT for age in kill.ages)) for kill, lost in pairs)
        return self.seen - self.whole * len(self.chains) - self.lost + late

    @property
    def oldest(self) -> float:
        """Seconds before a kill at which the oldest answer was sent that had not been written down at it."""
        pairs = [(kill, lost) for chain in self.chains for kill, lost in zip(chain.kills, chain.lost, strict=True)]
        return max((kill.ages[lost - kill.open - 1] for kill, lost in pairs if lost > kill.open), default=0.0)

    def rows(self) -> list[tuple[str, object]]:
        return [
            ("kills with -9", len(self.kills)),
            ("runs, each resumed to its end", len(self.chains)),
            ("calls of a run that nobody kills", self.whole),
            ("the same for all runs", self.whole * len(self.chains)),
            ("calls that the server counted", self.seen),
            ("lost at the kills: not written down", self.lost),
            ("  of these, still open at the server", sum(kill.open for kill in self.kills)),
            ("paid twice", self.paid_twice),
            ("oldest answer not written down, milliseconds before a kill", round(1000 * self.oldest)),
            ("results and receipts equal to the one that nobody killed", self.equal),
        ]


async def kill_often(folder: Path, kills: int, *, seed: int = 0, a_run: int = 5) -> Tally:
    """Kill so many times, each run at most ``a_run`` times."""
    stage = Stage(folder, seed=seed)
    with ChatServer(stage.answer) as server:
        whole = comparable(await stage.whole(server))
        calls = len(server.requests)
    chains: list[Chain] = []
    async with Launcher.ready(folder) as launcher:
        while (left := kills - sum(len(chain.kills) for chain in chains)) > 0:
            chains.append(await stage.chain(launcher, folder / f"{len(chains)}.db", min(left, a_run), calls))
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
        print(f"{label:<59} {figure}")
    sys.exit(0 if tally.equal and tally.paid_twice == 0 else 1)
