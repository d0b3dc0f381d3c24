"""A method of your own for benchmarks: answer, have the assessor assess the answer, and decline what is not safe.

    PYTHONPATH=. ecoalign bench run simulated --methods base,examples.method:CHECKED --limit 2

An installed package declares it instead as an entry point: [project.entry-points."ecoalign_agent.methods"]
"""

from collections.abc import Sequence

from ecoalign_agent.bench.methods.base import (
    ANSWER_TOKENS,
    Method,
    MethodAnswer,
    MethodContext,
    MethodStep,
    call_model,
    encode_images,
    question_messages,
)


async def answer_checked(question: str, pictures: Sequence[bytes], context: MethodContext) -> MethodAnswer:
    """Answer once; decline where the assessor does not find the answer safe."""
    messages = question_messages(question, await encode_images(pictures))
    text = (await call_model(context.model, messages, max_tokens=ANSWER_TOKENS)).text
    verdict = await context.assess(text, question, pictures)
    step = MethodStep("assessed answer", text, verdict.safety, verdict.utility)
    if verdict.safety is None or verdict.safety < 0:
        return MethodAnswer("I can't help with this.", (step,), declined=True)
    return MethodAnswer(text or None, (step,))


CHECKED = Method("checked", "one answer, assessed; an unsafe one is declined", answer_checked, max_calls=2)
