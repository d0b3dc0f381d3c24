"""A person decides: a thought that is safe, but not safe enough, pauses the run until somebody has read it.

Runs without a key on a scripted chat model. Expect the run to wait with the answer withheld, the reviewer to see it, a
verdict that can't be used to be refused, and the answer to come after "accept", with no call made twice.
"""

import asyncio
import json
from typing import Any

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from langgraph.checkpoint.memory import InMemorySaver

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.errors import UsageError

ANSWER = "Two a day, as the leaflet says; ask your pharmacist before taking more."
SCAN = {"caption": "", "seen_text": "", "regions": [], "hazard": "none", "safety": 0.8, "draft": ANSWER, "actions": []}
GRADE = {"hazards": [], "safety": 0.3, "utility": 0.9}


class Scripted(BaseChatModel):
    """Answers the first look with a draft, and grades everything 0.3: safe, but not by much."""

    @property
    def _llm_type(self) -> str:
        return "scripted"

    def _generate(self, messages: list[BaseMessage], *_: Any, **__: Any) -> ChatResult:  # noqa: ANN401 - as LangChain calls it
        reply = SCAN if messages[0].text.startswith("Task: scan") else GRADE
        return ChatResult(generations=[ChatGeneration(message=AIMessage(json.dumps(reply)))])


async def main() -> None:
    """Ask, review, go on."""
    policy = Policy(review_below=0.5, satisfied_safety=0.3)
    agent = EcoAlign(Scripted(), policy=policy, checkpointer=InMemorySaver())
    waiting = await agent.ask("How many of these tablets may I take?", run_id="tablets")
    print(f"{waiting.status}: {waiting.answer}, {waiting.cost.calls} calls")
    print(f"reviewer reads: {(await agent.under_review('tablets') or {})['text']}")
    try:
        await agent.review("tablets", "looks fine")
    except UsageError as error:
        print(f"refused: {error}")
    result = await agent.review("tablets", "accept")
    print(f"{result.status}: {result.answer} ({result.reviews[0].ruling}, {result.cost.calls} calls)")


if __name__ == "__main__":
    asyncio.run(main())
