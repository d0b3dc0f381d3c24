"""Call a LangServe server from LangChain's own client: a result at once, then a search as it thinks.

Starts its own server on loopback, on the embedded rules (not a vision-language model), without a key. Expect the
closing hour of a museum with its receipt, then the events of a second run, the answer only after its verdict.
Needs: pip install 'ecoalign-agent[offline,serve]'
"""

import base64
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from langserve import RemoteRunnable

NOTICE = Path(__file__).parent / "images" / "museum_notice.png"


@contextmanager
def serving() -> Iterator[str]:
    """The URL of a server in a process of its own."""
    command = [sys.executable, "-m", "ecoalign_agent.cli.main", "serve", "--model", "offline", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield next(found[0] for line in server.stderr or () if (found := re.search(r"http://[\w.:]+", line)))
        finally:
            server.terminate()


def main() -> None:
    """Ask once, and follow once."""
    image = "data:image/png;base64," + base64.b64encode(NOTICE.read_bytes()).decode()
    asked = {"question": "When does the museum close on Friday?", "images": [image], "options": {"budget": 4000}}
    with serving() as url:
        chain: RemoteRunnable[Any, Any] = RemoteRunnable(f"{url}/langserve/ecoalign")
        result = chain.invoke(asked)
        print(result["answer"])
        print(f"{result['status']}: {result['cost']['spent']:.0f} of {result['cost']['budget']:.0f} cost units")
        for chunk in chain.stream(asked):
            if "event" in chunk:
                print(f"  {chunk['event']['at']:5.2f} s  {chunk['event']['kind']}")
            else:
                print(chunk["answer"])


if __name__ == "__main__":
    main()
