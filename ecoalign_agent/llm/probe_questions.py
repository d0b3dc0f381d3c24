"""The questions that find out what an endpoint can do. Source: ours."""

from typing import Any, Literal

from pydantic import BaseModel

from ecoalign_agent.economics.tariff import Usage
from ecoalign_agent.llm.attempt import Question
from ecoalign_agent.llm.capabilities import Rung
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.picture import ImageView
from ecoalign_agent.llm.prompts import load_prompt

REPLY_CAP = 400
"""Completion tokens that a short reply may take: room for a model that thinks before it writes."""

COUNT_CAP = 16
"""Completion tokens of a reply that is meant to be cut off: counting to sixty takes some 90."""


class Seen(BaseModel):
    """The number in the picture."""

    number: int | None


class Balls(BaseModel):
    """A form whose keys no prompt names: only who follows the schema finds them."""

    commoner_colour: Literal["red", "blue"]
    balls_in_the_box: int


class AnyObject(BaseModel):
    """Any JSON object."""


def look(picture: ImageView | None) -> Question[Seen]:
    """What number is in the picture; without one, the same words."""
    images = () if picture is None else (picture,)
    return Question(load_prompt("doctor/look").render(), Seen, images, REPLY_CAP, 1, exact=False)


def form(schema: type[BaseModel]) -> Question[Any]:
    """A question to be answered in the form of ``schema``."""
    return Question(load_prompt("doctor/form").render(), schema, (), REPLY_CAP, 1, exact=False)


def count() -> Question[AnyObject]:
    """More than the cap allows to write."""
    return Question(load_prompt("doctor/count").render(), AnyObject, (), COUNT_CAP, 1, exact=False)


def bare_estimate(question: Question[Any], rung: Rung, endpoint: Endpoint) -> Usage:
    """What a prompt uses by our formulas alone, in tokens, whatever was learnt of the endpoint since."""
    return Usage(text=question.words(rung), image=endpoint.images.formula(question.images))
