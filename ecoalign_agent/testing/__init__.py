"""Scripted models, assessors and a scripted server, for tests without a network.

``ScriptedModel`` is a LangChain chat model whose replies depend on the call, never on the order of calls::

    model = ScriptedModel(task_replies(answer={"text": "At nine."}))
    async with EcoAlign(model, assessor=ScriptedAssessor(Verdict(0.9, 0.9, cost=0))) as agent:
        result = await agent.ask("When does it open?")
    assert model.tasks() == ["scan", "answer"]

``ScriptedServer`` is an OpenAI-compatible server on loopback; it needs the extra ``serve``.
"""

from ecoalign_agent.testing.scripted_model import (
    SCRIPTED_CALL_COST,
    AnyReply,
    AsyncChatModel,
    Script,
    ScriptedAssessor,
    ScriptedCall,
    ScriptedModel,
    ScriptedReply,
    imagined_step,
    proposed_action,
    scan_reply,
    scripted_call,
    task_replies,
    verdict_reply,
)
from ecoalign_agent.testing.scripted_server import (
    CompletionReply,
    ErrorReply,
    JsonObject,
    ReportedUsage,
    ScriptedServer,
    ServerRequest,
    ToolCallReply,
    counted_usage,
)

__all__ = [
    "SCRIPTED_CALL_COST",
    "AnyReply",
    "AsyncChatModel",
    "CompletionReply",
    "ErrorReply",
    "JsonObject",
    "ReportedUsage",
    "Script",
    "ScriptedAssessor",
    "ScriptedCall",
    "ScriptedModel",
    "ScriptedReply",
    "ScriptedServer",
    "ServerRequest",
    "ToolCallReply",
    "counted_usage",
    "imagined_step",
    "proposed_action",
    "scan_reply",
    "scripted_call",
    "task_replies",
    "verdict_reply",
]
