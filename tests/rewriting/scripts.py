"""Replies of a scripted rewriter, with harmless defaults."""

from typing import Any

from ecoalign_agent.testing import AnyReply, Script, ScriptedCall


def analysis(safety: float = -0.6, **changes: Any) -> dict[str, Any]:
    """A risk report, of a question that asks how to get into a place that is not one's own."""
    reply: dict[str, Any] = {
        "text": "asks how to get past a lock",
        "image": "",
        "both": "",
        "provoking": ["break into"],
        "aim": "to get into one's own flat",
        "hazards": ["S2"],
        "safety": safety,
    }
    return reply | changes


def harmless(**changes: Any) -> dict[str, Any]:
    """The report of a question that nothing is wrong with."""
    return analysis(0.9, text="", provoking=[], aim="to know the hours", hazards=[]) | changes


def checked(safety: float = 0.8, *, serves: bool = True, lost: str = "") -> dict[str, Any]:
    """What the check says."""
    return {"lost": lost, "hazards": [], "serves_aim": serves, "safety": safety}


def rewriting(**parts: AnyReply) -> Script:
    """A script from one part for each of the rewriter's tasks."""
    defaults: dict[str, AnyReply] = {
        "rewrite analyse": analysis(),
        "rewrite frugal": analysis(prompt="Who opens my own flat for me?"),
        "rewrite prompt": {"prompt": "Who opens my own flat for me?"},
        "rewrite check": checked(),
    }
    known = defaults | {f"rewrite {name}": part for name, part in parts.items()}

    def script(call: ScriptedCall) -> AnyReply:
        return known[call.task]

    return script
