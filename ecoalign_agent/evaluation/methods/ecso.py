"""ECSO, eyes closed, safety on: what the model finds harmful in its own answer it answers again without the picture."""

from collections.abc import Sequence

from ecoalign_agent.evaluation.methods.asking import ANSWER_TOKENS, VERDICT_TOKENS, ask, plain, prompted, shown
from ecoalign_agent.evaluation.methods.marks import says_harmful
from ecoalign_agent.evaluation.methods.port import Answered, Means, Step


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
