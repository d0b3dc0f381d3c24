"""A kind of action of your own: ``check`` reads the figures of an earlier thought again, before the answer.

A policy names it as ``module:Name``, or by an entry point of the group ``ecoalign_agent.actions``. A scripted model
proposes it here: no key, no network.
"""

import asyncio
from collections.abc import Sequence

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.economics.actions import Action
from ecoalign_agent.economics.cost import TokenRange
from ecoalign_agent.economics.thoughts import Thought
from ecoalign_agent.events.events import ThoughtAdded
from ecoalign_agent.search.actions import BUILT_IN, ActionKind, PromptInputs
from ecoalign_agent.search.request import RequestContext
from ecoalign_agent.testing import ScriptedModel, proposed_action, scan_reply, task_replies, verdict_reply


async def check_inputs(context: RequestContext, action: Action, path: Sequence[Thought]) -> PromptInputs:
    """The inputs of ``reason``, whose prompt it shares, with an aim of its own."""
    inputs = await BUILT_IN["reason"].inputs(context, action, path)
    return PromptInputs(
        {**inputs.texts, "aim": f"Read every figure of the last step again. {action.aim}"}, inputs.images
    )


TOKENS = TokenRange(typical=60, min=60, max=200)
CHECK = ActionKind("check", "read the figures again", TOKENS, check_inputs, "alignment/reason", pictures="views")


async def main() -> None:
    """Let a search check what it read before it answers."""
    texts = iter(["The total reads 52.47.", "Checked: 52.47 stands there."])

    def propose(call: object) -> dict[str, object]:
        kind = "answer" if "Checked" in str(call) else "check"
        return {"actions": [proposed_action(kind, "the total", 0.9, 0.8)], "merge": [], "prune": []}

    model = ScriptedModel(
        task_replies(
            scan=scan_reply(actions=[proposed_action("reason", "read the total", 0.9, 0.3)]),
            reason=lambda _: {"text": next(texts)},
            propose=propose,
            answer={"text": "The total is 52.47."},
            synthesize={"text": "The total is 52.47, checked twice."},
            assess=lambda call: verdict_reply(0.9, 0.9 if "an answer" in call.system else 0.1),
        )
    )
    policy = Policy(actions=("answer", "reason", "look", "action_kind:CHECK"))
    async with EcoAlign(model, policy=policy) as agent:
        async for event in agent.stream("What is the total?"):
            if isinstance(event, ThoughtAdded):
                print(f"{event.thought_kind}: {event.text}")


if __name__ == "__main__":
    asyncio.run(main())
