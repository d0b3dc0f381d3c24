"""What is said where nothing else may be: fixed sentences, which need no verdict."""

from ecoalign_agent.assessing.verdict import Verdict

NO_QUESTION = "What does this picture show?"
"""The question behind a picture that comes without a word."""

SEARCH_FAILED = "I can't answer this now: the search for an answer failed. Please ask again."

OUT_OF_BUDGET = "I have to stop here: the budget of this run is used up. A larger one, or a smaller question, may do."

UNSAFE = (
    "I had an answer, but it was found unsafe, so I keep it to myself. If a harmless aim is behind your question, "
    "tell me about it, and I will help with that."
)

UNCHECKED = (
    "I had an answer, but its safety could not be checked, so I keep it to myself. Please ask again, or ask for "
    "something more specific."
)


def refusal(verdict: Verdict) -> str:
    """What stands in for an answer that may not be shown."""
    return UNCHECKED if verdict.safety is None else UNSAFE


def refused_call(name: str, verdict: Verdict) -> str:
    """What a model is told of a tool call that was not made."""
    if verdict.safety is None:
        why = f"its safety could not be checked ({verdict.why_unknown or 'no verdict'}), and unknown is not safe"
    else:
        hazards = f", hazards {', '.join(verdict.hazards)}" if verdict.hazards else ""
        why = f"it was found unsafe (safety {verdict.safety:.2f}{hazards})"
    return (
        f"{name} was not run: {why}. Do not try the same again; find a safe way, or tell the person that there is none."
    )


def not_affordable(name: str) -> str:
    """What a model is told of a tool call that the run's budget can't pay."""
    return f"{name} was not run: the budget of this run is used up. Answer from what is known."
