"""Phrases that sound dangerous and are not: they are taken out of a text before any hazard rule is tried.

Each group says what makes its phrases harmless. Ours; English only.
"""

import re
from functools import cache

from ecoalign_agent.offline.phrases import acts, compiled, near, things

_FILLER = (
    r"(?:(?:a|an|the|my|your|our|some|any|all|this|that|these|those|every|off|good|better|great|best|night|wedding|"
    r"family|stuck|running|hanging|frozen|background|zombie|child|parent|orphan|unwanted|garden|of|more|short|new|"
    r"world)\s+)*"
)

_PLACES = (
    r"\b(?:gun|bomb|murder|killer|weapon|poison|slaughter|blood|cannon|arsenal|hate|butcher|hang\w*|rifle|pistol|"
    r"drug)s?(?:'s)?\s+"
    + things(
        "lane, street, road, avenue, alley, hill, way, wharf, square, court, inn, creek, bay, beach, cove, point, close"
    ),
)

_COMPUTING = (
    acts("kill, end, terminate, stop")
    + r"\s+"
    + _FILLER
    + things(
        "process, task, job, thread, program, app, session, server, window, tab, port, engine, switch, script, service"
    ),
    r"\b(?:child|parent|orphan|zombie)\s+process(?:es)?\b|\bkill\s?-\s?\w+\b|\bkill\s?(?:switch(?:es)?|all)\b",
    r"\b(?:growth|life|kitchen|travel|budget|study|home|productivity|beauty|sleep)\s+hack(?:s|ing)?\b",
    r"\bhack(?:athons?|saws?)\b",
    things("lock screen, deadlock, dead lock, gridlock, table lock, file lock, combination lock"),
)

_CAMERA_AND_SPORT = (
    acts("shoot")
    + r"\s+"
    + _FILLER
    + things(
        "photo, photograph, picture, portrait, video, film, movie, clip, scene, wedding, hoop, basket, star, "
        "landscape, raw"
    ),
    near(acts("shoot"), things("camera, phone, tripod, lens, film, low light"), 8),
    r"\b(?:photo|film|wedding|video|bamboo|green|pea|garlic)\s+shoot(?:s|ing)?\b",
    r"\bshooting\s+(?:star|guard|schedule|script|location)s?\b",
    acts("attack, tackle") + r"\s+" + _FILLER + things("problem, task, challenge, question, exercise, project, essay"),
    r"\b(?:heart|asthma|panic|counter)[\s-]?attacks?\b",
    acts("break, beat, smash")
    + r"\s+"
    + _FILLER
    + r"(?:\w+\s+){0,2}"
    + things("record, habit, ice, fast, news, bread, silence"),
    acts("steal") + r"\s+(?:the\s+)?" + things("show, base, spotlight, scene, thunder") + r"|\ba\s+steal\b",
)

_HOUSE_AND_GARDEN = (
    acts("kill, poison, drown, get rid of, burn")
    + r"\s+"
    + _FILLER
    + things(
        "weed, moss, mould, mold, bacteria, germ, virus, slug, aphid, fungus, fungi, time, ant, mite, flea, lice, "
        "mosquito, grass, ivy, algae, wasp, nettle, dandelion, yeast, light, smell, odour, pain"
    ),
    r"\b(?:weed|pain)\s?-?killers?\b|\bkiller\s+whales?\b|\bkill(?:s|ed|ing)?\s+(?:two|2)\s+birds\b",
    r"\b(?:poison|child|burglar)-?proof\w*",
    r"\bcrack(?:s|ed|ing)?\s+" + _FILLER + things("egg, nut, joke, screen, wall, ceiling, window"),
    r"\bcracked\s+(?:screen|wall|heels?|pepper)\b",
    r"\bcut(?:s|ting)?\s+(?:myself|yourself)\s+(?:a|some)\s+\w+",
    things("celery stalk, corn stalk, flower stalk, plant stalk, stalk of"),
)

_NAMES_OF_THINGS = (
    things(
        "bath bomb, cherry bomb, seed bomb, cocoa bomb, photobomb*, bomb calorimet*, bomb cyclone, bomb disposal, "
        "bomb shelter, bomb squad, bombay*, glue gun, nail gun, heat gun, staple gun, spray gun, water gun, "
        "caulking gun, massage gun, radar gun, toy gun, nerf gun, squirt gun, price gun, gunmetal*, top gun, "
        "drug store, "
        "drugstore, drug label, drug leaflet, drug interaction, poison ivy, poison oak, poison control, poison centre, "
        "poison center, food poisoning, poisonous mushroom, poisonous plant, poisonous berry, poisonous snake, "
        "suicide squad, suicide prevention, suicide hotline, suicide helpline, same-sex, speed limit, coca cola, "
        "anthrax vaccine, gun control law, gun safety course"
    ),
    r"\bsex\s*[:=/]\s*[mf]\b|\bsex\s+(?:of|determination|ratio|chromosomes?|education)\b",
    acts("track, trace, follow")
    + r"\s+"
    + _FILLER
    + things(
        "parcel, package, order, shipment, flight, train, expense, habit, run, calorie, delivery, bus, instruction, "
        "recipe, sign, path, trail, route"
    ),
)

# Somebody did, in a report, a story or a law: nobody asks for help with it.
_TALES = (
    r"\b(?:who|that|which|he|she|they|man|woman|person)\s+(?:had\s+|has\s+|have\s+)?"
    r"(?:tried|wanted|planned|attempted|threatened|refused|failed)\s+to\s+\w+"
)
# Who asks how to prevent a thing does not ask how to do it.
_PREVENTION = (
    r"\b(?:how|to)\s+(?:can|do|could|should|to)?\s*(?:i|we|you|one)?\s*(?:prevent|avoid|stop|report|recogni[sz]e|detect|"
    r"treat|survive|protect\s+\w+\s+(?:from|against)|defend\s+\w+\s+against)\s+"
    r"(?:(?:a|an|the|my|someone|somebody|people|child(?:ren)?|being|neighbou?r|from)\s+)*\w+"
)


@cache
def _patterns() -> tuple[re.Pattern[str], ...]:
    groups = (
        _PLACES,
        _COMPUTING,
        _CAMERA_AND_SPORT,
        _HOUSE_AND_GARDEN,
        _NAMES_OF_THINGS,
        (_TALES,),
        (_PREVENTION,),
    )
    return tuple(compiled(pattern) for group in groups for pattern in group)


def neutral(text: str) -> str:
    """``text`` on one line, with straight quotes, and with "…" in the place of every look-alike."""
    plain = " ".join(text.replace("’", "'").split())
    for pattern in _patterns():
        plain = pattern.sub(" … ", plain)
    return plain
