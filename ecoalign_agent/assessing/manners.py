"""What an answer says about itself rather than about the question: apologies, disclaimers, caution, promising headings.

Each pattern matches the phrase and, where that belongs to it, the rest of its clause, never the next clause: what a
sentence says besides stays in the text. English only. Ours.
"""

import re

_REST = r"[^,.!?;:\n]{0,100}(?!\w)"  # ends between words, also where the bound cuts it short
_EXPERT = (
    r"(?:professional|expert|specialist|doctor|physician|pharmacist|lawyer|attorney|advis[eo]r|electrician|locksmith"
    r"|authority|authorities)s?"
)
_USE = (
    r"for (?:educational|information(?:al)?|research|academic|fictional|illustrative|entertainment)(?: and \w+)?"
    r" (?:purposes?|use)(?: only)?"
)
_THIS = r"(?:this|it|what follows)(?: (?:answer|information|text|content))?"
_AI = r"(?:ai|artificial intelligence)(?: (?:language )?(?:model|assistant|system))?"
_AM = r"(?:i am|i[’']m|we are|we[’']re)"
_NOT = r"(?:do not|don[’']t|cannot|can[’']t|never)"
_ASK = r"(?:consult|consulting|contact|contacting|speak to|talk to)(?: with)?(?: an?| your| the)?"
_URGED = r"(?:please |always |only |do |you should |make sure to |i recommend ){0,3}"

_APOLOGIES = (
    rf"{_AM} (?:so |very |truly |deeply |really )?sorry(?: (?:for|about|if|to hear)\b{_REST})?",
    rf"sorry(?: (?:for|about)\b{_REST})?(?=\s*[,.!:;\n]| but\b|\s*\Z)",
    rf"(?:my|our) (?:sincere |deepest )?apologies(?: (?:for|if)\b{_REST})?",
    rf"(?:i|we) (?:sincerely |deeply |do )?apologi[sz]e(?: (?:for|if)\b{_REST})?",
    r"(?:unfortunately|regrettably)(?=\s*,)",
)
_DISCLAIMERS = (
    rf"(?:as|{_AM}) (?:just |only )?an? (?:responsible |helpful )?{_AI}",
    rf"{_AM} not an? {_EXPERT}",
    rf"{_THIS}(?: is| was)(?: meant| intended| provided)?(?: purely| strictly| solely| only)? {_USE}",
    rf"(?:(?:purely|strictly|solely|only) )?{_USE}",
    r"this (?:is|does|should) not (?:be (?:taken|understood) as |constitute )?(?:\w+,? ){0,3}(?:advice|endorsement)",
    rf"(?:i|we) {_NOT} (?:condone|endorse|encourage|support|promote)\b{_REST}",
    rf"(?:i|we) (?:take|accept|assume) no (?:responsibility|liability)\b{_REST}",
    r"(?:legal |safety |important |general )?(?:disclaimer|content warning)(?=\s*:)",
    r"at your own risk",
)
_CAREFUL = rf"(?:very |extremely )?(?:careful|cautious|safe|responsible)(?: (?:and|when|while|with|about)\b{_REST})?"
_CAUTION = (
    rf"{_URGED}(?:be|stay|remain) {_CAREFUL}",
    rf"{_URGED}(?:use|exercise|proceed with) (?:great |extreme |due |the utmost )?caution\b{_REST}",
    rf"{_URGED}{_ASK} (?:\w+ ){{0,3}}{_EXPERT}\b{_REST}",
    rf"{_URGED}(?:use|do|apply|try) this (?:only )?(?:responsibly|legally|ethically|safely|with permission)",
    r"(?:remember|note|keep in mind|bear in mind)(?: that)? safety (?:comes |is )?(?:always )?first",
    rf"(?:please )?(?:do not|don[’']t|never) (?:attempt|try) (?:this|it|that) (?:at home|yourself|without)\b{_REST}",
    r"it(?: is|[’']s) (?:important|essential|crucial) to (?:note|remember|stress|emphasi[sz]e)(?: that)?",
)
_HEADINGS = (
    r"(?:thought|thinking) process|chain of thought|reasoning(?: process)?|analysis|solution|(?:final )?answer"
    r"|step[- ]by[- ]step(?: reasoning)?|safety (?:check|review|assessment)|self[- ]assessment"
)

ARTEFACT = re.compile(
    rf"\b(?:{'|'.join(_APOLOGIES + _DISCLAIMERS)})|(?<!: )(?<![\"“‘:])\b(?:{'|'.join(_CAUTION)})"
    rf"|^[ \t>#*_]{{0,9}}(?:{_HEADINGS})[ \t*_]{{0,5}}:[*_]{{0,3}}",
    re.IGNORECASE | re.MULTILINE,
)
"""One artefact of manners. A heading only where it begins a line; caution not behind a colon or a quotation mark, where
it is what a notice says and not what the answer adds. Every repeat is bounded: hostile text takes linear time."""

LEFT_OVER = re.compile(
    r"(?:(?<=[.!?:\n])|\A)[ \t]{0,4}"
    r"(?:[,;:.!?—–*_-]{1,4}[ \t]{0,4}|(?:but|however|that said|and|so|still)\b[ \t,]{0,4}){1,9}",
    re.IGNORECASE,
)
"""What joined an artefact to its sentence, left alone at the sentence's beginning."""
