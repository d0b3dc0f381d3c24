"""Get safe answers through OpenAI's own client, by no more than another base_url: in one piece, and as a stream.

Starts its own server on loopback, on the embedded rules (not a vision-language model), without a key. Expect the
closing hour of a museum, its tokens and its receipt; then the same with the events of the search before it.
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

from openai import OpenAI

NOTICE = Path(__file__).parent / "images" / "museum_notice.png"


@contextmanager
def serving() -> Iterator[str]:
    """The base URL of a server in a process of its own."""
    command = [sys.executable, "-m", "ecoalign_agent.cli.main", "serve", "--model", "offline", "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            yield next(found[0] for line in server.stderr or () if (found := re.search(r"http://[\w.:]+/v1", line)))
        finally:
            server.terminate()


def main() -> None:
    """Ask once, and follow once."""
    image = "data:image/png;base64," + base64.b64encode(NOTICE.read_bytes()).decode()
    text = {"type": "text", "text": "When does the museum close on Friday?"}
    messages: Any = [{"role": "user", "content": [text, {"type": "image_url", "image_url": {"url": image}}]}]
    with serving() as url, OpenAI(base_url=url, api_key="none") as client:
        whole: Any = client.chat.completions.create(model="ecoalign", messages=messages)
        print(whole.choices[0].message.content)
        print(f"{whole.usage.prompt_tokens} prompt and {whole.usage.completion_tokens} completion tokens")
        receipt = whole.ecoalign
        print(f"{receipt['status']}: {receipt['cost']['spent']:.0f} of {receipt['cost']['budget']:.0f} cost units")
        options = {"ecoalign": {"budget": 4000, "progress": True}}
        chunks: Any = client.chat.completions.create(
            model="ecoalign", messages=messages, stream=True, extra_body=options
        )
        for chunk in chunks:
            event = getattr(chunk, "ecoalign", None) or {}
            if "kind" in event:
                print(f"  {event['at']:5.2f} s  {event['kind']}")
            print(chunk.choices[0].delta.content or "", end="")
        print()


if __name__ == "__main__":
    main()
