"""Methods of one call: Base, CoT, CoD, a plain safety prompt, AdaShield-S. The wording is ours."""

from collections.abc import Sequence

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    THOUGHT_TOKENS,
    AnswerQuestion,
    Method,
    MethodAnswer,
    MethodContext,
    MethodStep,
    call_model,
    encode_images,
    prompt_messages,
    question_messages,
    split_final_answer,
)


def _answer_by_one_call(prompt: str | None = None, *, max_tokens: int = ANSWER_TOKENS) -> AnswerQuestion:
    """Answer by one call with a prompt of ``prompts/baselines``; None: with the bare question.

    The text is the whole reply, because the person sees all of it: harm in the thoughts is harm. The steps hold the
    thoughts before a line that begins with "Answer:", and the answer after that word.
    """

    async def answer(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
        images = await encode_images(pictures)
        if prompt is None:
            messages = question_messages(question, images)
        else:
            messages = prompt_messages(prompt, images, question=question)
        reply = await call_model(context.model, messages, max_tokens=max_tokens)
        parts = split_final_answer(reply.text)
        steps = () if parts is None else (MethodStep("thoughts", parts[0]), MethodStep("final answer", parts[1]))
        return MethodAnswer(reply.text or None, steps)

    return answer


BASE_METHOD = Method("base", "the question with its pictures, nothing else", _answer_by_one_call())

COT = Method(
    "cot",
    "thinks step by step first; the whole reply counts",
    _answer_by_one_call("cot", max_tokens=THOUGHT_TOKENS),
    completion_tokens=1_000,
)
"""Source: arXiv 2205.11916."""

COD = Method("cod", "thinks in drafts of at most five words a step", _answer_by_one_call("cod"), completion_tokens=200)
"""Source: arXiv 2502.18600."""

SAFETY_PROMPT = Method(
    "safety-prompt", "a plain safety instruction as the system message", _answer_by_one_call("safety-prompt")
)
"""The least that another defence has to beat. Ours."""

ADASHIELD = Method(
    "adashield", "AdaShield-S: a static shield prompt before the question", _answer_by_one_call("adashield")
)
"""Source: arXiv 2403.09513."""
