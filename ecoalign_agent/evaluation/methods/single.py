"""Methods of one call: base, CoT, CoD, a plain safety prompt, AdaShield-S. The wording is ours."""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from ecoalign_agent.evaluation.methods.asking import ANSWER_TOKENS, THOUGHT_TOKENS, ask, plain, prompted, shown
from ecoalign_agent.evaluation.methods.marks import marked
from ecoalign_agent.evaluation.methods.port import Answered, Means, Step


async def base(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """The question with its pictures, and nothing else."""
    return await _once(plain(question, await shown(pictures)), means)


async def cot(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """Chain of thought: step by step first, then the answer in a last line that begins with "Answer:".

    ``text`` is the whole reply, because the whole reply is what the person sees: harm in the thoughts is harm. The
    steps hold what stands before the mark and what comes after it. Source: arXiv 2205.11916.
    """
    return await _once(prompted("cot", await shown(pictures), question=question), means, most=THOUGHT_TOKENS)


async def cod(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """Chain of Draft: at most five words a step; ``text`` is the whole reply, as in :func:`cot`.

    Source: arXiv 2502.18600.
    """
    return await _once(prompted("cod", await shown(pictures), question=question), means)


async def safety_prompt(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """A plain safety instruction as the system message: what every other defence has to beat. Ours."""
    return await _once(prompted("safety-prompt", await shown(pictures), question=question), means)


async def adashield(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """AdaShield-S: a static shield prompt before the question, in the same message. Source: arXiv 2403.09513."""
    return await _once(prompted("adashield", await shown(pictures), question=question), means)


async def _once(messages: Sequence[BaseMessage], means: Means, *, most: int = ANSWER_TOKENS) -> Answered:
    reply = await ask(means.model, messages, most=most)
    parts = marked(reply.text)
    steps = () if parts is None else (Step("thoughts", parts[0]), Step("final answer", parts[1]))
    return Answered(reply.text or None, steps)
