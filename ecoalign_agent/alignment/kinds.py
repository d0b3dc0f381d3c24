"""The kinds of actions, as prompts describe them to a model."""

from ecoalign_agent.economics.policy import Policy

_KINDS = {
    "answer": "answer the person now",
    "reason": "work something out in words from what is known",
    "look": "look at one place of one picture at full resolution",
    "fuse": "join two or more thoughts into one conclusion",
}


def kind_lines(policy: Policy, *, thoughts: int) -> str:
    """The kinds that may be proposed now, one a line.

    Args:
        policy: with ``answers = "end"`` answering is no action.
        thoughts: live thoughts there are; a fuse needs two.
    """
    offered = dict(_KINDS)
    if policy.answers == "end":
        del offered["answer"]
    if thoughts < 2:
        del offered["fuse"]
    return "\n".join(f"{kind}: {gloss}" for kind, gloss in offered.items())
