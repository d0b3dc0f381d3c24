"""Numbers, names and constraints of a question, which a rewrite must preserve; found by rules.

Ours: the published rewriter is trusted with them. A rule that finds too much costs a rewrite, one that finds too little
loses a part of the request; the rules are narrow in both directions, and the model's check covers the rest.
"""

import re
import unicodedata
from collections.abc import Iterable, Sequence

_NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*\s?%?")
_QUOTED = re.compile(r'"([^"\n]{1,80})"|“([^”\n]{1,80})”|«([^»\n]{1,80})»|`([^`\n]{1,80})`')
_ADDRESS = re.compile(r"(?:https?://|www\.)\S+|\b[\w.+-]+@[\w-]+\.[\w.]+")
_WORD = re.compile(r"[^\W\d_][\w'’-]*")
_CONSTRAINTS = re.compile(
    r"\b(?:in (?:at most |no more than |exactly |about )?(?:\d+|an?|one|two|three|four|five|six|seven|eight|nine|ten) "
    r"(?:short |simple |plain |full )?(?:words?|sentences?|lines?|steps?|paragraphs?|bullets?|bullet points?|minutes?)"
    r"|in (?:english|french|german|spanish|italian|portuguese|dutch|polish|russian|ukrainian|turkish|arabic|hindi"
    r"|chinese|japanese|korean)"
    r"|as (?:an? )?(?:\w+ )?(?:table|list|json|poem|letter|email|bullet points|markdown|csv)"
    r"|without \w+(?:ing \w+)?|step by step|for (?:a|my|an) [\w-]+(?:[- ]year[- ]olds?)?)\b",
    re.IGNORECASE,
)
_COMMON = frozenset(
    """
    I I'm I've I'd I'll A An The This That These Those What When Where Which Who Whom Whose Why How Is Are Was Were
    Do Does Did Can Could Should Would Will May Might Must Please Tell Give Show Explain Describe Write Read Name
    List And Or But If Then So My Your Our Their His Her Its It He She We You They In On At For From With To Of By
    As OK TV ID PDF FAQ
    """.split()  # noqa: SIM905 - a list of eighty quoted words would hide the words
)
"""Words with a capital letter that name nobody."""


def preserved_facts(question: str, *, provoking: Iterable[str] = ()) -> list[str]:
    """Numbers, names and constraints of a question, as written, in order; none within its ``provoking`` words."""
    text = _normal(question)
    for words in provoking:
        if bare := _normal(words).strip():
            text = re.sub(re.escape(bare), " … ", text, flags=re.IGNORECASE)
    found = [
        *(match.group().strip() for match in _CONSTRAINTS.finditer(text)),
        *(match.group().rstrip(".,;:!?)") for match in _ADDRESS.finditer(text)),
        *(next(filter(None, match.groups())).strip() for match in _QUOTED.finditer(text)),
        *(match.group().strip() for match in _NUMBER.finditer(text)),
        *_names(text),
    ]
    facts: list[str] = []
    for fact in filter(None, found):
        # Part of a longer fact.
        if not any(_contains(longer, fact) for longer in facts):
            facts.append(fact)
    return facts


def lost_facts(facts: Sequence[str], rewritten: str) -> list[str]:
    """Those of ``facts`` that a rewrite no longer holds; letter case, spacing and kinds of quotes don't matter."""
    numbers = {_folded(match.group()) for match in _NUMBER.finditer(_normal(rewritten))}
    # 5 is not in 50, nor in 1.5.
    return [
        fact
        for fact in facts
        if not (_folded(fact) in numbers if _NUMBER.fullmatch(_normal(fact)) else _contains(rewritten, fact))
    ]


def _contains(text: str, fact: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(_folded(fact))}(?!\w)", _folded(text)) is not None


def _names(text: str) -> Iterable[str]:
    # Words with a capital inside, or in front where no sentence begins; neighbours are one name.
    name: list[str] = []
    begins, end = True, 0
    for match in _WORD.finditer(text):
        between = text[end : match.start()]
        begins = begins or re.search(r"[.!?…:\n]\s*[\"'(]*$", between) is not None
        word, end = re.sub(r"['’]s$", "", match.group().strip("'’-")), match.end()
        named = word not in _COMMON and (any(c.isupper() for c in word[1:]) or (not begins and word[:1].isupper()))
        if name and not (named and between == " "):
            yield " ".join(name)
            name = []
        if named:
            name.append(word)
        begins = False
    if name:
        yield " ".join(name)


def _normal(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def _folded(text: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"[“”«»\"`]", '"', _normal(text)).replace("’", "'")).strip().casefold()
