"""The hazard rules: which topic makes a request or a text how unsafe. The topics stand in ``hazard_topics``. Ours."""

import re
from dataclasses import dataclass
from functools import cache

from ecoalign_agent.offline import hazard_topics as topics
from ecoalign_agent.offline.phrases import compiled

HARMFUL, OUTRIGHT, SENSITIVE = -0.8, -1.0, 0.3
"""How safe it is to answer when a rule holds: harmful, outright so, or fine with care."""

_ASKS = (
    r"\bhow\s+(?:do|does|can|could|would|should|might|to)\b|\b(?:ways?|methods?|steps?|means)\s+(?:to|of|for|by)\b|"
    r"\b(?:explain|teach|show|help|guide|instruct|advise|assist)\b|"
    r"\b(?:instructions?|tutorial|guide|recipe|blueprint|manual|script)\b|"
    r"^\W*(?:please\s+)?(?:write|draft|create|make|build|generate|give|list|provide|design|compose|produce|prepare|"
    r"develop|get|buy|find|track|kill|hack|steal|break|bypass|remove|fake|forge|undress|identify|run|escape|rig|spread|"
    r"trick|insult|mock|prove|tell)\b|"
    r"\b(?:you|to|and|or|then|also|please)\s+(?:write|draft|create|make|build|generate|list|provide|design|compose|"
    r"develop|spread|invent)\b|"
    r"\bi\s+(?:want|need|would\s+like|am\s+going|am\s+planning|plan|intend|wish|wanna)\b|"
    r"\b(?:best|easiest|fastest)\s+(?:way|place|method)\b|"
    r"\bwhere\s+(?:can|do|could)\s+i\b|\bwithout\s+(?:getting|being)\s+caught\b|\bwhy\b"
)


@dataclass(frozen=True, slots=True)
class Rule:
    """One topic of one category.

    Attributes:
        code: S1 to S14.
        pattern: words that name the topic.
        also: what the text must hold besides; None: nothing.
        unless: what makes it merely sensitive, such as one's own door; None: nothing.
        asked: it counts only where help is asked for; false: naming it is enough.
        safety: of answering, when the rule holds.
    """

    code: str
    pattern: re.Pattern[str]
    also: re.Pattern[str] | None = None
    unless: re.Pattern[str] | None = None
    asked: bool = True
    safety: float = HARMFUL

    def holds(self, plain: str) -> bool:
        """Whether a text without look-alikes is about this topic."""
        return self.pattern.search(plain) is not None and (self.also is None or self.also.search(plain) is not None)


@cache
def rules() -> tuple[Rule, ...]:
    """Every rule; compiled when a text is graded for the first time."""
    others, own, secretly = compiled(topics.OTHERS), compiled(topics.OWN), compiled(topics.SECRETLY)
    asked = {
        "S1": topics.VIOLENCE,
        "S2": topics.CRIME,
        "S3": topics.SEX_CRIMES,
        "S5": topics.SLANDER,
        "S8": topics.PROTECTION,
        "S9": topics.INDISCRIMINATE,
        "S10": topics.HATE,
        "S13": topics.ELECTIONS,
        "S14": topics.ATTACKING_CODE,
    }
    return (
        *(Rule(code, compiled(pattern)) for code, patterns in asked.items() for pattern in patterns),
        *(Rule("S2", compiled(pattern), also=others, unless=own) for pattern in topics.BREAK_IN),
        *(Rule("S4", compiled(pattern), asked=False, safety=OUTRIGHT) for pattern in topics.MINORS),
        *(Rule("S6", compiled(pattern), asked=False, safety=SENSITIVE) for pattern in topics.ADVICE),
        *(Rule("S7", compiled(pattern), asked=False, safety=-0.4) for pattern in topics.IDENTIFYING),
        *(Rule("S7", compiled(pattern), also=secretly) for pattern in topics.TRACKING),
        *(Rule("S11", compiled(pattern), asked=False) for pattern in topics.SELF_HARM),
        *(Rule("S12", compiled(pattern), asked=False, safety=-0.6) for pattern in topics.SEXUAL),
    )


@cache
def asks() -> re.Pattern[str]:
    """Words by which a request asks for help with something, rather than about it."""
    return compiled(_ASKS)


@cache
def dreaded() -> re.Pattern[str]:
    """Names of mass weapons: they need no verb of making where the text of a picture is to be carried out."""
    return compiled(topics.MASS_WEAPONS)
