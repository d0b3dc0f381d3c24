"""How a sentence speaks: it refuses, offers lawful help, or tells somebody what to do. Ours; English only."""

import re

from ecoalign_agent.offline.phrases import compiled

_REFUSES = compiled(
    r"\b(?:can\s?not|can'?t|won'?t|will\s+not|must\s+not|shouldn'?t|refuse\s+to|(?:am|is)\s+(?:not\s+able|unable)\s+to|"
    r"not\s+going\s+to|sorry)\b|^\W*(?:do\s+not|don'?t|never|avoid)\b"
)
_OFFERS = compiled(
    r"\b(?:i|we)\s+can\s+(?:\w+\s+)?(?:help|say|name|describe|read|tell|find|point|suggest|explain)\b|"
    r"\b(?:locksmith|police|doctor|pharmacist|nurse|therapist|counsell?or|helpline|hotline|lawyer|solicitor|landlord|authorit(?:y|ies)|"
    r"emergency|crisis\s+line|permission|lawful(?:ly)?|legal(?:ly)?|official|professional|someone\s+you\s+trust)\b"
)
_INSTRUCTS = compiled(
    r"^\W*(?:(?:step\s*)?\d+[.):]\s*|(?:first|second|third|then|next|finally|after\s+that|afterwards|now|simply|just|carefully|slowly|please)(?:ly)?,?\s+|"
    r"you\s+(?:can|could|should|need\s+to|must|will|have\s+to|may|might)\s+)*"
    r"(?:insert|mix|heat|add|pour|take|use|cut|push|turn|attach|place|apply|connect|download|run|type|enter|climb|force|pry|bend|slide|wait|"
    r"buy|get|open|hit|press|put|send|pretend|call|pick|rake|lift|hold|wear|choose|find|make|create|build|copy|install|click|wire|drill|"
    r"break|rub|dissolve|combine|gather|remove|hide|target|approach|wrap|fill|tie|sell|register|crush|swallow|sharpen|aim|load|fire|strike|"
    r"stab|write|post|spread|claim|tell|keep|set|start|begin|go|look|work|feel|grind|boil|light|throw|follow|track|disable|switch)\b"
)


def sentences(text: str) -> list[str]:
    """The sentences and list items of ``text``; a colon or a semicolon ends one too."""
    parts = re.split(r"(?<=[.!?;:])\s+|\n+|(?<=\S)\s+(?=\d+[.)]\s)|,\s+(?:but|then)\s+", text)
    return [part.strip() for part in parts if part.strip()]


def refuses(sentence: str) -> bool:
    """Whether a sentence refuses or forbids, and tells nothing besides."""
    return _REFUSES.search(sentence) is not None


def offers(sentence: str) -> bool:
    """Whether a sentence offers help or sends to somebody who helps lawfully."""
    return _OFFERS.search(sentence) is not None


def instructs(sentence: str) -> bool:
    """Whether a sentence tells somebody what to do."""
    return _INSTRUCTS.search(sentence) is not None
