"""What 1 GB of body makes a server hold, alone and sixteen times at once: status, bytes taken, memory grown.

Run it from anywhere: ``python benchmarks/big_body.py [--bytes N] [--clients N] [--json]``. The server is a
process of its own; clients send in a loop, with the body's size told and untold, listening and deaf: a deaf one sends
on whatever it is answered, until all is sent or the connection breaks. Memory is the most that the process ever held
(VmHWM), less what it held before. 1 where a goal is missed.
"""

import argparse
import json
import socket
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import httpx

# As a script, this folder comes first, and its modules would hide others of the same name: the root takes its place.
sys.path[0] = str(Path(__file__).resolve().parents[1])

from benchmarks.measuring import Figure, Sample, table  # noqa: E402 - the root must be on the path first
from tests.server.process import ServeProcess, upload  # noqa: E402 - as above

GOAL = 50.0
"""MB that the process may grow by."""

Sent = tuple[str, int]
"""Status, or why there is none, and bytes that were taken."""


def listening(port: int, size: int, *, chunked: bool) -> Sent:
    """A client that stops when it is answered."""
    answer, sent, _ = upload("127.0.0.1", port, size, chunked=chunked)
    return status_of(answer), sent


def deaf(port: int, size: int, *, chunked: bool) -> Sent:
    """A client that sends all it has and listens then."""
    head = "POST /v1/chat/completions HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
    head += "transfer-encoding: chunked\r\n\r\n" if chunked else f"content-length: {size}\r\n\r\n"
    piece = b"x" * 65_536
    frame = b"10000\r\n" + piece + b"\r\n" if chunked else piece
    sent = 0
    with socket.create_connection(("127.0.0.1", port), timeout=60) as link:
        try:
            link.sendall(head.encode())
            while sent < size:
                link.sendall(frame)
                sent += len(frame)
            return status_of(link.recv(65_536)), sent
        except (BrokenPipeError, ConnectionResetError):
            return "cut off", sent


def status_of(answer: bytes) -> str:
    """The status of an answer's first line."""
    return answer.split(b" ", 2)[1].decode() if b" " in answer else "cut off"


def measured(name: str, client: Callable[[int], Sent], clients: int, *more: str) -> Figure:
    """One way of sending, against a fresh server."""
    with ServeProcess("--no-langserve", *more) as server:
        port = int(server.url.split(":")[2].split("/")[0])
        httpx.get(f"http://127.0.0.1:{port}/healthz")  # what the first request loads stays loaded
        before, begun = server.max_memory, time.perf_counter()
        with ThreadPoolExecutor(clients) as pool:
            ends = list(pool.map(client, [port] * clients))
        seconds = time.perf_counter() - begun
        grown = (server.max_memory - before) / 1e6
        alive = server.process.poll() is None
    statuses = {status: sum(end[0] == status for end in ends) for status, _ in ends}
    told = ", ".join(f"{count} × {status}" for status, count in statuses.items())
    taken = f"{sum(sent for _, sent in ends) / 1e6:.0f} MB taken in {seconds:.1f} s"
    return Figure(name, Sample([grown]), "MB", GOAL, f"{told}; {taken}{'' if alive else '; THE SERVER IS GONE'}")


def main() -> int:
    """Measure and print; 1 where a goal is missed."""
    parser = argparse.ArgumentParser(description="What oversized bodies make a server hold.")
    parser.add_argument("--bytes", type=int, default=10**9, help="of one body")
    parser.add_argument("--clients", type=int, default=16, help="at once")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    asked = parser.parse_args()
    figures = []
    for kind, way in (("listening", listening), ("deaf", deaf)):
        for chunked in (True, False):
            client = partial(way, size=asked.bytes, chunked=chunked)
            name = f"{asked.bytes / 1e9:g} GB, {'no size told' if chunked else 'its size told'}, {kind} client"
            print(f"measuring: {name}", file=sys.stderr)
            figures.append(measured(name, client, 1))
            # One body of each may be held until it is over the cap, so that cap is small here.
            figures.append(
                measured(f"{asked.clients} × the same, cap 1 MB", client, asked.clients, "--max-bytes", "1000000")
            )
    if asked.json:
        print(json.dumps({f"{number} {figure.name}": figure.as_json() for number, figure in enumerate(figures)}))
    else:
        print(table(figures))
    missed = [figure.name for figure in figures if not figure.met]
    print(f"{len(figures)} figures, {len(missed)} goals missed {missed or ''}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
