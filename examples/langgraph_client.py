"""Stream a run of LangGraph Server: the events of the search as they come, the answer with the last of them.

Starts ``langgraph dev`` on loopback, in a folder of its own, on the embedded rules (not a vision-language model),
without a key. Expect the events of one search, then the closing hour of a museum.
Needs: pip install 'ecoalign-agent[offline,studio]'
"""

import base64
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from langgraph_sdk import get_sync_client

ROOT = Path(__file__).parents[1]
NOTICE = ROOT / "examples" / "images" / "museum_notice.png"


@contextmanager
def serving() -> Iterator[str]:
    """The URL of ``langgraph dev`` in a process of its own."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "langgraph_cli", "dev", "--no-browser", "--no-reload", "--port", str(port)]
    env = os.environ | {"LANGSMITH_TRACING": "false", "ECOALIGN_MODEL": "offline"}
    with TemporaryDirectory() as folder:
        shutil.copytree(ROOT / "graphs", Path(folder) / "graphs")
        shutil.copy(ROOT / "langgraph.json", folder)
        with subprocess.Popen(command, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.STDOUT) as it:
            try:
                with httpx.Client(transport=httpx.HTTPTransport(retries=9)) as client:
                    client.get(f"http://127.0.0.1:{port}/ok")  # tries again after 0.5 s, 1 s, 2 s, … until it is up
                yield f"http://127.0.0.1:{port}"
            finally:
                it.terminate()


def main() -> None:
    """Stream one run."""
    image = "data:image/png;base64," + base64.b64encode(NOTICE.read_bytes()).decode()
    asked: dict[str, Any] = {"question": "When does the museum close on Friday?", "images": [image]}
    with serving() as url, get_sync_client(url=url, api_key=None) as client:
        for part in client.runs.stream(None, "ecoalign", input=asked, stream_mode="custom"):
            if part.event == "custom":
                event = part.data["ecoalign"]
                print(f"  {event['at']:5.2f} s  {event['kind']}")
        print(event["result"]["answer"])


if __name__ == "__main__":
    main()
