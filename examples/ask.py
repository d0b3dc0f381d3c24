"""One question, one answer: what it cost, how safe it is, and why the search stopped.

Runs on the embedded rules (not a vision-language model), without a key. Expect the closing hour of a museum, two model
calls, and a receipt. For a real model: EcoAlign("openai:gpt-4o-mini") with OPENAI_API_KEY set.
"""

import asyncio
from pathlib import Path

from ecoalign_agent import EcoAlign, Policy

NOTICE = Path(__file__).parent / "images" / "museum_notice.png"


async def main() -> None:
    """Ask about the notice."""
    agent = EcoAlign("offline", policy=Policy(budget=4_000))
    result = await agent.ask("When does the museum close on Friday?", images=[NOTICE])
    print(result.answer)
    print(f"{result.status}: safety {result.safety}, utility {result.utility}, {result.stop_reason}")
    print(f"{result.cost.spent:.0f} of {result.cost.budget:.0f} cost units in {result.cost.calls} calls")


if __name__ == "__main__":
    asyncio.run(main())
