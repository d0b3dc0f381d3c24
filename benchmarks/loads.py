"""Clients that ask again as soon as they were answered, and the server's process that they ask."""

import asyncio
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PATH = "/v1/chat/completions"


@dataclass
class Load:
    """What a number of clients saw.

    Attributes:
        latencies: seconds of each answer.
        statuses: how often each status came.
        seconds: that all of it took.
        cpu: seconds of CPU that the answering process spent on it.
    """

    latencies: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: float = 0.0
    cpu: float = 0.0

    def percentile(self, share: float) -> float:
        """Milliseconds within which that share of the answers came."""
        ranked = sorted(self.latencies)
        return 1e3 * ranked[min(len(ranked) - 1, math.ceil(share * len(ranked)) - 1)]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds

    @property
    def effort(self) -> float:
        """Milliseconds of CPU for each answer: other work on the machine moves it least."""
        return 1e3 * self.cpu / len(self.latencies)

    def note(self, status: int, seconds: float) -> None:
        """One answer."""
        self.latencies.append(seconds)
        self.statuses[status] = self.statuses.get(status, 0) + 1


async def loaded(ask: Callable[[int], Awaitable[int]], clients: int, *, seconds: float, most: float = math.inf) -> Load:
    """Ask in parallel for so long, or so often."""
    load, begun = Load(), time.perf_counter()

    async def client(number: int) -> None:
        while time.perf_counter() - begun < seconds and len(load.latencies) < most:
            asked = time.perf_counter()
            load.note(await ask(number), time.perf_counter() - asked)

    async with asyncio.TaskGroup() as group:
        for number in range(clients):
            group.create_task(client(number))
    load.seconds = time.perf_counter() - begun
    return load


class Link:
    """One connection that stays open; as little of HTTP as the server's answers need."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, path: str, body: bytes) -> int:
        """The status of an answer, which is read whole."""
        if self._streams is None:
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        head = f"POST {path} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        answer = (await reader.readuntil(b"\r\n\r\n")).lower()
        await reader.readexactly(int(answer.split(b"content-length:")[1].split(b"\r\n")[0]))
        return int(answer.split(b" ", 2)[1])

    def close(self) -> None:
        """Hang up."""
        if self._streams is not None:
            self._streams[1].close()


class Server:
    """A script that serves, in a process of its own; its first line on standard error tells its ``url``.

    Args:
        script: which.
        arguments: of it.
    """

    def __init__(self, script: str, *arguments: str) -> None:
        command = [sys.executable, script, *arguments]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self.port = 0

    def __enter__(self) -> Self:
        assert self._process.stderr is not None
        told = json.loads(self._process.stderr.readline())
        self.port = int(told["url"].split(":")[2].split("/")[0])
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._process.kill()
        self._process.communicate()

    @property
    def memory(self) -> float:
        """Megabytes that it holds."""
        status = Path(f"/proc/{self._process.pid}/status").read_text(encoding="ascii")
        return int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1]) / 1e3

    @property
    def _cpu(self) -> float:
        """Seconds of CPU that it has spent."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text(encoding="ascii").rsplit(") ", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    async def load(
        self, clients: int, bodies: Sequence[bytes], *, path: str = PATH, seconds: float, most: float = math.inf
    ) -> Load:
        """What so many clients see."""
        links = [Link(self.port) for _ in range(clients)]
        turn = iter(range(10**9))

        async def ask(number: int) -> int:
            return await links[number].post(path, bodies[next(turn) % len(bodies)])

        try:
            await loaded(ask, clients, seconds=0.3)
            before = self._cpu
            load = await loaded(ask, clients, seconds=seconds, most=most)
            load.cpu = self._cpu - before
            return load
        finally:
            for link in links:
                link.close()
