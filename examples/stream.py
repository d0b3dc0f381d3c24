"""Watch a search think: every event as it happens, the answer only after its verdict.

Runs on the embedded rules (not a vision-language model), without a key. The till receipt is too large to read at a
glance: expect a look at one place of it at full resolution, bought because its forecast is worth more than it costs.
"""

import asyncio
from pathlib import Path

from ecoalign_agent import EcoAlign
from ecoalign_agent.events.events import Answered, BudgetMoved, Declined, Failed, Scored, ThoughtAdded

RECEIPT = Path(__file__).parent / "images" / "till_receipt.png"


async def main() -> None:
    """Tell the thoughts of one search."""
    agent = EcoAlign("offline")
    async for event in agent.stream("What is the total on this receipt?", images=[RECEIPT]):
        match event:
            case Scored():
                bought = [scored.action for scored in event.actions if scored.bought]
                print(f"round {event.round}: look-ahead {event.horizon} steps, buys {', '.join(bought) or 'nothing'}")
            case ThoughtAdded():
                print(f"  {event.id} {event.thought_kind}: {event.text or '(withheld)'}")
            case BudgetMoved():
                print(f"  {event.left:.0f} of {event.total:.0f} cost units left")
            case Answered() | Declined() | Failed():
                print(f"{event.kind}: {event.result.answer or event.result.failure}")


if __name__ == "__main__":
    asyncio.run(main())
