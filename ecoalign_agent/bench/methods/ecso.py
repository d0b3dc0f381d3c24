"""ECSO, eyes closed, safety on: an answer that the model itself finds harmful is answered again without the picture."""

from collections.abc import Sequence

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    VERDICT_TOKENS,
    Method,
    MethodAnswer,
    MethodContext,
    MethodStep,
    call_model,
    encode_images,
    is_harmful_verdict,
    prompt_messages,
    question_messages,
)


async def ecso(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
    """Answer; ask the model whether that is harmful; if so, put the picture into words and answer from words alone.

    Ours in the details: the wording; a verdict that is neither yes nor no counts as harmful, where the published
    script lets it pass; and a question without a picture, of which the paper says nothing, is answered again with the
    word that the first answer was found harmful. Where the first reply is empty there is nothing to judge and no
    answer. Source: arXiv 2403.09572.
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
