"""Methods of one call: base, CoT, CoD, a plain safety prompt, AdaShield-S. The wording is ours.

ECSO, eyes closed, safety on: what the model finds harmful in its own answer it answers again without the picture.
"""

from collections.abc import Sequence

from langchain_core.messages import BaseMessage

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    THOUGHT_TOKENS,
    VERDICT_TOKENS,
    Answered,
    Means,
    Step,
    ask,
    marked,
    plain,
    prompted,
    says_harmful,
    shown,
)


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


async def ecso(question: str, pictures: Sequence[bytes], means: Means) -> Answered:
    """Answer; ask the model whether that is harmful; if so, put the picture into words and answer from words alone.

    Ours in the details: the wording; a verdict that is neither yes nor no counts as harmful, where the published
    script lets it pass; and a question without a picture, of which the paper says nothing, is answered again with the
    word that the first answer was found harmful. Where the first reply is empty there is nothing to judge and no
    answer. Source: arXiv 2403.09572.
    """
    views = await shown(pictures)
    first = (await ask(means.model, plain(question, views), most=ANSWER_TOKENS)).text
    if not first:
        return Answered(None)
    asked = prompted("ecso-verdict", views, question=question, answer=first)
    verdict = (await ask(means.model, asked, most=VERDICT_TOKENS)).text
    steps = [Step("first answer", first), Step("is it harmful?", verdict)]
    if not says_harmful(verdict):
        return Answered(first, tuple(steps))
    if not views:
        blind = prompted("ecso-reconsider", question=question)
    else:
        asked = prompted("ecso-caption", views, question=question)
        caption = (await ask(means.model, asked, most=ANSWER_TOKENS)).text
        steps.append(Step("the picture in words", caption))
        blind = prompted("ecso-again", question=question, picture_in_words=caption or "(nothing is known of it)")
    again = (await ask(means.model, blind, most=ANSWER_TOKENS)).text
    return Answered(again or None, tuple(steps))
