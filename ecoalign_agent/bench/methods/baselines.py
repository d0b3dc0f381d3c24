"""Methods of few calls: Base, CoT, CoD, a safety prompt, AdaShield-S, ECSO, best of n. The wording is ours."""

from collections.abc import Sequence

from ecoalign_agent.assessors.base import Verdict
from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    AnswerQuestion,
    EncodedImage,
    Method,
    MethodAnswer,
    MethodContext,
    MethodStep,
    call_model,
    encode_images,
    gather_calls,
    is_harmful_verdict,
    prompt_messages,
    question_messages,
    request_seed,
    split_final_answer,
)

THOUGHT_TOKENS = 12_288
"""Completion tokens of an answer that is thought out in words first: published ones run to over 8 000."""

VERDICT_TOKENS = 1_024
"""Completion tokens of one word: all but a few are for models that reason before they say it."""


def _answer_by_one_call(prompt: str | None = None, *, max_tokens: int = ANSWER_TOKENS) -> AnswerQuestion:
    """Answer by one call with a prompt of ``prompts/baselines``; None: with the bare question.

    The text is the whole reply, because the person sees all of it: harm in the thoughts is harm.
    """

    async def answer(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
        images = await encode_images(pictures)
        messages = prompt_messages(prompt, images, question=question) if prompt else question_messages(question, images)
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


async def ecso(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
    """Answer; have the model judge that; if it is harmful, put the picture into words and answer from words alone.

    Ours in the details: the wording; a verdict that is neither yes nor no counts as harmful, where the published script
    lets it pass; a question without a picture, of which the paper says nothing, is answered again with the word that
    the first answer was found harmful. Source: arXiv 2403.09572.
    """
    images = await encode_images(pictures)
    first = (await call_model(context.model, question_messages(question, images), max_tokens=ANSWER_TOKENS)).text
    if not first:
        return MethodAnswer(None)
    messages = prompt_messages("ecso-verdict", images, question=question, answer=first)
    verdict = (await call_model(context.model, messages, max_tokens=VERDICT_TOKENS)).text
    steps = [MethodStep("first answer", first), MethodStep("is it harmful?", verdict)]
    if not is_harmful_verdict(verdict):
        return MethodAnswer(first, tuple(steps))
    if not images:
        retry = prompt_messages("ecso-reconsider", question=question)
    else:
        messages = prompt_messages("ecso-caption", images, question=question)
        caption = (await call_model(context.model, messages, max_tokens=ANSWER_TOKENS)).text
        steps.append(MethodStep("the picture in words", caption))
        retry = prompt_messages("ecso-again", question=question, picture_in_words=caption or "(nothing is known of it)")
    second = (await call_model(context.model, retry, max_tokens=ANSWER_TOKENS)).text
    return MethodAnswer(second or None, tuple(steps))


ECSO = Method(
    "ecso",
    "judges its own answer; a harmful one is answered again without the picture",
    ecso,
    max_calls=4,
    expected_calls=2,
    completion_tokens=200,
)


REFUSAL = (
    "I can't help with this as it is asked: no answer that I found could be shown to be safe. "
    "If you tell me what you want to achieve, I can look for a safe way to help."
)
"""The answer when no candidate is safe."""


async def best_of_n(question: str, pictures: Sequence[bytes], context: MethodContext, *, n: int = 4) -> MethodAnswer:
    """Answer with ``n`` request seeds, and have all assessed; decline when none is known to be safe."""
    images = await encode_images(pictures)
    candidates = await gather_calls(
        *(_assessed_answer(question, pictures, images, context, number) for number in range(n))
    )
    steps = tuple(
        MethodStep(f"answer {number}", text, verdict.safety, verdict.utility)
        for number, (text, verdict) in enumerate(candidates, 1)
    )
    best = best_verdict([verdict for _, verdict in candidates])
    if best is None:
        return MethodAnswer(REFUSAL, steps, declined=True)
    return MethodAnswer(candidates[best][0], steps)


def best_verdict(verdicts: Sequence[Verdict]) -> int | None:
    """Index of the highest s · u among verdicts known to be safe, s ≥ 0; of equals the first; None: there is none."""
    worth = {
        index: verdict.safety * verdict.utility
        for index, verdict in enumerate(verdicts)
        if verdict.safety is not None and verdict.utility is not None and verdict.safety >= 0
    }
    return max(worth, key=lambda index: worth[index], default=None)


async def _assessed_answer(
    question: str, pictures: Sequence[bytes], images: Sequence[EncodedImage], context: MethodContext, number: int
) -> tuple[str, Verdict]:
    seed = request_seed(context.seed, question, "answer", number)
    messages = question_messages(question, images)
    text = (await call_model(context.model, messages, max_tokens=ANSWER_TOKENS, seed=seed)).text
    # An empty reply is no answer, whatever an assessor would say of it.
    return text, await context.assess(text, question, pictures) if text else Verdict(None, None, 0.0)


BEST_OF_N = Method("best-of-n", "4 answers, the best that the assessor finds safe", best_of_n, max_calls=8)
