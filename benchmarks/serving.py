"""Measures what ``ecoalign serve`` adds to the graph that it serves, and prints a table of figure, goal, met or not.

Run it from anywhere: ``python benchmarks/serving.py [--seconds S] [--requests N] [--quick]``. A scripted model
of no latency stands in for a real one: what is measured is this program. Server, bare graph and clients are processes
of their own; every client asks again as soon as it was answered.
"""

import argparse
import asyncio
import base64
import gc
import io
import json
import os
import platform
import random
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, Sequence
from pathlib import Path
from typing import Any

# As a script, this folder comes first, and its modules would hide others of the same name: the root takes its place.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.loads import Load, Server, loaded  # noqa: E402 - the root must be on the path first
from benchmarks.measuring import Figure, Sample, table  # noqa: E402 - as above
from tests.server.process import ServeProcess, upload  # noqa: E402 - as above

CLIENTS = (1, 16, 50, 64)
REPETITIONS = 3
QUESTION = "When does it open?"
LANGSERVE = "/langserve/ecoalign/invoke"


def main() -> int:
    """Measure and print; 1 when a goal is not met."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=2.0, help="that each load lasts")
    parser.add_argument("--requests", type=int, default=1_000, help="after which memory is compared")
    parser.add_argument("--quick", action="store_true", help="does it run, and roughly how fast")
    parser.add_argument("--serve", choices=("search", "echo"), help=argparse.SUPPRESS)
    parser.add_argument("--bare", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.serve:
        return _serve(chosen.serve)
    seconds = 0.5 if chosen.quick else chosen.seconds
    if chosen.bare:
        return _bare(chosen.bare, seconds)
    before = os.getloadavg()[0]
    figures, remarks = asyncio.run(_measured(seconds, 100 if chosen.quick else chosen.requests))
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    print("A scripted model of no latency stands in for a real one: no network, no provider, no model is measured.")
    print(f"Python {platform.python_version()}, {os.cpu_count()} cores, {load}\n\n{table(figures)}\n")
    print("\n".join(f"* {remark}" for remark in remarks))
    goals = [figure.met for figure in figures if figure.met is not None]
    print(f"\n{sum(goals)} of {len(goals)} goals met")
    return 0 if all(goals) else 1


async def _measured(seconds: float, requests: int) -> tuple[list[Figure], list[str]]:
    figures: list[Figure] = []
    statuses: dict[int, int] = {}
    with Server(__file__, "--serve", "search") as server:
        for clients in CLIENTS:
            _say(f"{clients} clients")
            pairs: list[tuple[Load, Load]] = []
            for _ in range(REPETITIONS):
                # By turns, so that a busy machine is busy for both.
                served = await server.load(clients, [_body()], seconds=seconds)
                pairs.append((served, _bare_load(clients, seconds)))
                _count(statuses, served)
            figures += _added(f"{clients} clients", pairs, goal=clients == 50)
        _say("256-kB pictures")
        pictures = await server.load(16, [_body(_picture(number)) for number in range(24)], seconds=seconds)
        _count(statuses, pictures)
        figures.append(_figure("16 clients, 256-kB pictures: answers", [pictures.rate], "/s"))
        figures += [
            _figure(f"16 clients, 256-kB pictures: p{share * 100:.0f}", [pictures.percentile(share)], "ms")
            for share in (0.5, 0.95)
        ]
        _say(f"memory over {requests} requests")
        warm = server.memory
        _count(statuses, await server.load(16, [_body()], seconds=600, most=requests))
        grown = server.memory - warm
        figures.append(
            Figure(f"memory grown over {requests} requests", Sample([grown]), "MB", 10.0, f"from {warm:.0f} MB")
        )
    unexpected = sum(count for status, count in statuses.items() if status >= 500)
    figures.append(Figure("answers of status 5xx", Sample([unexpected]), "", 0.0, f"statuses: {statuses}"))
    figures.append(_uploaded())
    remarks = ["added: the percentile over HTTP less that of the bare graph under as many callers at once"]
    figures += await _echoed(seconds, remarks)
    return figures, remarks


async def _echoed(seconds: float, remarks: list[str]) -> list[Figure]:
    """What is left without a search: our endpoint and LangServe's over an agent that answers at once."""
    asked = json.dumps({"input": {"question": QUESTION, "images": [], "options": {}}}).encode()
    ours, theirs = [], []
    with Server(__file__, "--serve", "echo") as server:
        _say("echo: our endpoint and LangServe's")
        for _ in range(REPETITIONS):
            ours.append(await server.load(16, [_body()], seconds=seconds))
            theirs.append(await server.load(16, [asked], path=LANGSERVE, seconds=seconds))
    figures = []
    for name, loads in (("our endpoint", ours), ("LangServe's", theirs)):
        effort = Sample([load.effort for load in loads]).median
        rates = [load.rate for load in loads]
        figures.append(_figure(f"echo, 16 clients: answers of {name}", rates, "/s", f"CPU: {effort:.2f} ms"))
    if any(load.statuses.keys() != {200} for load in theirs):
        remarks.append(f"LangServe's routes were not there: {theirs[0].statuses}")
        return figures[:1]
    share = Sample([its.rate / mine.rate for its, mine in zip(theirs, ours, strict=True)])
    return [*figures, Figure("echo: LangServe's answers for each of ours", share, "", round(1 / 3, 3))]


def _uploaded() -> Figure:
    """What a body of 1 GB, of no told size, makes a server hold."""
    with ServeProcess("--no-langserve") as server:
        before = server.max_memory
        answer, sent, seconds = upload("127.0.0.1", int(server.url.split(":")[2].split("/")[0]), 10**9, chunked=True)
        grown = (server.max_memory - before) / 1e6
    status = answer.split(b" ", 2)[1].decode()
    note = f"status {status} after {seconds:.2f} s; {sent / 1e6:.0f} MB of it were sent"
    return Figure("1 GB streamed at the server: memory grown", Sample([grown]), "MB", 50.0, note)


def _added(name: str, pairs: Sequence[tuple[Load, Load]], *, goal: bool) -> list[Figure]:
    bare_rate = Sample([bare.rate for _, bare in pairs]).median
    figures = [
        _figure(f"{name}: answers", [served.rate for served, _ in pairs], "/s", f"the bare graph: {bare_rate:.1f} /s")
    ]
    over = Sample([served.effort for served, _ in pairs])
    bare = Sample([bare.effort for _, bare in pairs])
    note = f"{over.median:.2f} ms over HTTP, {bare.median:.2f} ms bare"
    figures.append(Figure(f"{name}: CPU added to an answer", over.minus(bare), "ms", note=note))
    for share in (0.5, 0.95, 0.99):
        over = Sample([served.percentile(share) for served, _ in pairs])
        bare = Sample([bare.percentile(share) for _, bare in pairs])
        limit = 50.0 if goal and share == 0.95 else None
        note = f"{over.median:.1f} ms over HTTP, {bare.median:.1f} ms bare"
        figures.append(Figure(f"{name}: p{share * 100:.0f} added", over.minus(bare), "ms", limit, note))
    return figures


def _figure(name: str, values: Sequence[float], unit: str, note: str = "") -> Figure:
    return Figure(name, Sample(values), unit, note=note)


def _bare_load(clients: int, seconds: float) -> Load:
    """The bare graph under as many callers, in a process of its own."""
    command = [sys.executable, str(Path(__file__).resolve()), "--bare", str(clients), "--seconds", str(seconds)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    told = json.loads(done.stdout)
    return Load(told["latencies"], {}, told["seconds"], told["cpu"])


def _bare(clients: int, seconds: float) -> int:
    from ecoalign_agent import EcoAlign, Policy  # noqa: PLC0415 - only in this process
    from ecoalign_agent.server.process import loop_factory  # noqa: PLC0415 - as above

    async def measure() -> Load:
        async with EcoAlign(_model(), policy=Policy(deadline=120.0)) as agent:

            async def ask(number: int) -> int:
                del number
                result = await agent.ask(QUESTION)
                return 200 if result.status == "answered" else 500

            await loaded(ask, clients, seconds=0.3)
            before = time.process_time()
            load = await loaded(ask, clients, seconds=seconds)
            load.cpu = time.process_time() - before
            return load

    # On the same kind of event loop as the server, and with what was loaded out of the collector's way, as there.
    gc.collect()
    gc.freeze()
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        load = runner.run(measure())
    print(json.dumps({"latencies": load.latencies, "seconds": load.seconds, "cpu": load.cpu}))
    return 0


def _serve(kind: str) -> int:
    from ecoalign_agent import EcoAlign  # noqa: PLC0415 - only in this process
    from ecoalign_agent.server.app import create_app  # noqa: PLC0415 - as above
    from ecoalign_agent.server.config import ServingConfig  # noqa: PLC0415 - as above
    from ecoalign_agent.server.observability import start_logging  # noqa: PLC0415 - as above
    from ecoalign_agent.server.process import listen, run_server  # noqa: PLC0415 - as above

    agent: Any = EcoAlign(_model())
    if kind == "echo":
        agent = _Echo(agent, asyncio.run(agent.ask(QUESTION)))
    # As many at once as there are clients: a queue would be measured otherwise.
    app = create_app(ServingConfig(port=0, runs=64, langserve=True if kind == "echo" else None), agent=agent)
    start_logging()
    sys.stderr = _FirstLine(sys.stderr)
    run_server(app, listen("127.0.0.1", 0))
    return 0


class _FirstLine(io.TextIOBase):
    """Lets the first line through; the others are written nowhere, as to a log that nobody reads here."""

    def __init__(self, stream: Any) -> None:
        self._stream: Any = stream

    def write(self, text: str) -> int:
        if self._stream is not None:
            self._stream.write(text)
            self._stream.flush()
            if text.endswith("\n"):
                self._stream = None
        return len(text)


class _Echo:
    """Answers at once, always the same: what is left is the server."""

    def __init__(self, agent: Any, result: Any) -> None:
        self.actor, self.models, self.policy = agent.actor, agent.models, agent.policy
        self._result = result

    def with_policy(self, policy: Any) -> "_Echo":
        """The same."""
        return self

    async def ask(self, *args: Any, **options: Any) -> Any:
        """The answer."""
        return self._result

    async def stream(self, *args: Any, **options: Any) -> AsyncGenerator[Any, None]:
        """The answer, as the last event and the only one."""
        from ecoalign_agent.events.events import Answered  # noqa: PLC0415 - only in this process

        yield Answered(result=self._result, run_id=self._result.run_id)

    async def aclose(self) -> None:
        """Nothing is open."""


def _model() -> Any:
    from ecoalign_agent.testing import ScriptedModel, scan_reply, task_replies  # noqa: PLC0415 - only in the processes that need it

    model = ScriptedModel(task_replies(scan=scan_reply(draft="It is open from 9 to 5.")))
    # It remembers every call: over ten thousand requests that would pass for a leak.
    model.calls = _Forgetful()
    return model


class _Forgetful(list[Any]):
    def append(self, item: object) -> None:
        """Forget it."""


def _body(picture: str | None = None) -> bytes:
    content: Any = QUESTION
    if picture is not None:
        content = [{"type": "text", "text": QUESTION}, {"type": "image_url", "image_url": {"url": picture}}]
    return json.dumps({"model": "ecoalign", "messages": [{"role": "user", "content": content}]}).encode()


def _picture(number: int) -> str:
    """A picture of noise of 256 kB, as a data URL."""
    from PIL import Image  # noqa: PLC0415 - only where pictures are measured

    noise = random.Random(number).randbytes(3 * 292 * 292)
    file = io.BytesIO()
    Image.frombytes("RGB", (292, 292), noise).save(file, "PNG", compress_level=0)
    return "data:image/png;base64," + base64.b64encode(file.getvalue()).decode()


def _count(statuses: dict[int, int], load: Load) -> None:
    for status, count in load.statuses.items():
        statuses[status] = statuses.get(status, 0) + count


def _say(what: str) -> None:
    print(f"measuring: {what}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
