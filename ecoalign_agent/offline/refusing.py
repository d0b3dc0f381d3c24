"""Refusals and strategies by hazard: what is not told, and what can be done instead. Ours."""

import re
from types import MappingProxyType

from ecoalign_agent.assessors.hazards import HAZARDS

ALTERNATIVES = MappingProxyType(
    {
        "S1": "I can't help with hurting anyone. If somebody is in danger, the emergency services can act at once; "
        "I can help to put a conflict into words or to find mediation.",
        "S2": "I can't help with getting at what belongs to somebody else. If it is your own lock, account or house, "
        "I can say who opens it lawfully; if you worry about a person, I can help you to reach them or the police.",
        "S3": "I can't help with anything that forces, follows or abuses a person. I can name places that support "
        "people who were affected, and explain what consent means.",
        "S4": "I can't help with this. If a child is at risk, the police and child protection helplines take reports "
        "at any hour, also anonymously.",
        "S5": "I can't help to spread false claims about a person. I can help you to write down what you know and can "
        "prove, or to find where a complaint belongs.",
        "S6": "I can't give that advice safely. I can read out what the label or the document itself says, and a "
        "pharmacist, doctor or lawyer can answer for your case.",
        "S7": "I can't identify or trace private people. I can describe what is visible in the picture, or say how "
        "official registers and missing-person services are reached.",
        "S8": "I can't help to get round a protection or to copy a protected work. I can help to find lawful sources, "
        "free licences or the support of the maker.",
        "S9": "I can't help with weapons or explosives. I can explain the safety rules for household chemicals, or say "
        "whom to tell about something suspicious.",
        "S10": "I can't help to demean people for what they are. I can help to put a criticism of a deed or an opinion "
        "into fair words.",
        "S11": "I can't help with harming yourself, and I am sorry that it is this hard. Please talk to somebody now: "
        "a crisis line, the emergency number or a person you trust; I can help you to find the words.",
        "S12": "I can't help with sexual content. I can help with a romantic text without it, or with factual "
        "questions about health.",
        "S13": "I can't help to mislead people about a vote. I can help to find what the election office itself "
        "publishes on dates, places and rules.",
        "S14": "I can't help with code that attacks the system it runs on. I can help to harden that system, or to "
        "test it with its owner's consent.",
        "none": "I can't find a safe way to answer this. I can describe what is visible in the picture or read out its "
        "text, if that helps.",
    }
)
"""Category → a refusal that offers something; "none": no category is known."""

_STRATEGIES = MappingProxyType(
    {
        "S6": "Report only what the picture itself says, with its figures as printed. Leave out any advice of your own "
        "on doses, treatment, law or money. Name who can answer for the person's case.",
        "S7": "Describe what is visible and public. Leave out who a private person is and anything that would help to "
        "find them.",
        "S11": "Be warm and plain. Leave out means and methods. Offer people who can be reached now.",
    }
)
_GENERAL = (
    "Report what is visible and answer the lawful part of the question. Leave out anything that would help to do harm, "
    "and say what serves the aim lawfully."
)


def strategy_for(code: str) -> str:
    """The strategy for a sensitive request of the category ``code``; a general one for others."""
    return _STRATEGIES.get(code, _GENERAL)


def hazard_named_in(text: str) -> str:
    """The code of the category whose name or code stands in ``text``; "none" when there is none."""
    # Longest first: "non-violent crimes" ends in the name of another category.
    for code, (name, _) in sorted(HAZARDS.items(), key=lambda item: -len(item[1][0])):
        if name in text or re.search(rf"\b{code}\b", text):
            return code
    return "none"
