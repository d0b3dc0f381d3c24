"""The embedded model uses no network, and neither do the libraries under it."""

import subprocess
import sys

import pytest

pytestmark = pytest.mark.slow

SCRIPT = """
import asyncio, os, socket, sys
asked = []
def watched(host, *rest, **more):
    asked.append(host)
    raise OSError("no network here")
socket.getaddrinfo = watched
from ecoalign_agent import EcoAlign
async def main():
    async with EcoAlign("offline") as agent:
        result = await agent.ask("When does it close on Friday?", images=[sys.argv[1]])
        assert result.status == "answered", result
asyncio.run(main())
# Looked up in native code, where Python sees nothing: the switch itself must be on before the library was loaded.
print(asked, os.environ.get("ORT_DISABLE_TELEMETRY"))
"""


def test_reading_a_picture_asks_nobody_and_switches_the_runtimes_reports_off() -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "examples/images/museum_notice.png"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stdout.strip() == "[] 1"
