"""Scripted models, assessors and a scripted server, for tests without a network.

``ScriptedModel`` is a LangChain chat model whose replies depend on the call, never on the order of calls::

    model = ScriptedModel(task_replies(answer={"text": "At nine."}))
    async with EcoAlign(model, assessor=ScriptedAssessor(Verdict(0.9, 0.9, cost=0))) as agent:
        result = await agent.ask("When does it open?")
    assert model.tasks() == ["scan", "answer"]

``ScriptedServer`` is an OpenAI-compatible server on loopback; it needs the extra ``serve``.
"""

from ecoalign_agent.testing.scripted_model import SCRIPTED_CALL_COST as SCRIPTED_CALL_COST
from ecoalign_agent.testing.scripted_model import AnyReply as AnyReply
from ecoalign_agent.testing.scripted_model import AsyncChatModel as AsyncChatModel
from ecoalign_agent.testing.scripted_model import Script as Script
from ecoalign_agent.testing.scripted_model import ScriptedAssessor as ScriptedAssessor
from ecoalign_agent.testing.scripted_model import ScriptedCall as ScriptedCall
from ecoalign_agent.testing.scripted_model import ScriptedModel as ScriptedModel
from ecoalign_agent.testing.scripted_model import ScriptedReply as ScriptedReply
from ecoalign_agent.testing.scripted_model import imagined_step as imagined_step
from ecoalign_agent.testing.scripted_model import proposed_action as proposed_action
from ecoalign_agent.testing.scripted_model import scan_reply as scan_reply
from ecoalign_agent.testing.scripted_model import scripted_call as scripted_call
from ecoalign_agent.testing.scripted_model import task_replies as task_replies
from ecoalign_agent.testing.scripted_model import verdict_reply as verdict_reply
from ecoalign_agent.testing.scripted_server import CompletionReply as CompletionReply
from ecoalign_agent.testing.scripted_server import ErrorReply as ErrorReply
from ecoalign_agent.testing.scripted_server import JsonObject as JsonObject
from ecoalign_agent.testing.scripted_server import ReportedUsage as ReportedUsage
from ecoalign_agent.testing.scripted_server import ScriptedServer as ScriptedServer
from ecoalign_agent.testing.scripted_server import ServerRequest as ServerRequest
from ecoalign_agent.testing.scripted_server import ToolCallReply as ToolCallReply
from ecoalign_agent.testing.scripted_server import counted_usage as counted_usage
