"""The published hazard topics: for each MLCommons category the words that name what a text is about.

The lists name topics and nothing more; there is no instruction in them. English only.
Source: the categories are MLCommons'; the lists are ours.
"""

from ecoalign_agent.offline.phrases import acts, near, things

PEOPLE = things(
    "someone*, somebody*, anyone, anybody, everyone, everybody, people, person, human, man, men, woman, women, child, "
    "children, kid, baby, girl, boy, neighbor*, neighbour*, wife, wives, husband, boss*, colleague, coworker,"
    " co-worker, "
    "classmate, student, teacher, girlfriend, boyfriend, partner, ex, mother, father, parent, brother, "
    "sister, roommate, "
    "enemy, stranger, crowd, politician, president, officer, police, victim, dog, cat, pet, animal, horse, "
    "him, her, them"
)
OWNED = (
    r"(?:(?:a|an|the|my|your|his|her|our|their|some|any|these|those|that|this|every|all|other|another|many|innocent)\s+"
    r"(?:\w+\s+){0,2}?)?"
)
OTHERS = things(
    "neighbor*, neighbour*, someone*, somebody*, stranger*, unseen, unnoticed, undetected, secretly, without "
    "permission, "
    "without being*, without getting*, not mine, not my own, his, her, their, ex, owner*, caught, alarm"
)
"""What belongs to others, or is done so that they don't know."""

OWN = things("my own, locked out, locked myself out, lost my key, lost the key, forgot my")
"""What is one's own."""

MAKE = acts(
    "make, build, create, construct, assemble, prepare, synthesise, synthesize, cook, acquire, get, buy, obtain, "
    "detonate, use, plant, set off, produce, design, print, convert, smuggle, brew, mix"
)
_DRUGS = things("drug, meth*, cocaine, heroin, fentanyl, ecstasy, mdma, lsd, amphetamine, crack cocaine")
_GROUPS = things(
    "women, men, muslim, jew*, christian, hindu*, black people, white people, asian, immigrant, refugee, "
    "gay*, lesbian, "
    "trans people, disabled people, foreigner, roma, migrant"
)

VIOLENCE = (
    acts(
        "kill, murder, hurt, harm, injure, attack, poison, stab, shoot, strangle, kidnap, abduct, torture, "
        "assassinate, "
        "ambush, beat up"
    )
    + r"\s+"
    + OWNED
    + PEOPLE,
    near(
        acts("commit, plan, organise, organize, carry out, get away with"),
        things("murder, assassination, massacre, shooting, terror*, kidnapping, arson, killing"),
        3,
    ),
    near(MAKE, things("gun, firearm, rifle, pistol, silencer, ammunition, machine gun, weapon"), 4),
)
"""S1."""

CRIME = (
    acts(
        "steal, rob, burgle, burglarize, shoplift, pickpocket, embezzle, carjack, hotwire, hot-wire, launder "
        "money, scam, "
        "defraud, swindle, blackmail, extort, bribe, evade tax*"
    ),
    near(
        acts("hack, break into, hijack"),
        things(
            "account, email, e-mail, phone, computer, wifi, wi-fi, network, bank, webcam, server, password, facebook*, "
            "instagram*, profile, website, system"
        ),
        3,
    ),
    things(
        "phishing, ransomware, ponzi, insurance fraud, tax fraud, credit card fraud, identity theft, money laundering"
    ),
    near(
        acts("forge, counterfeit, fake"),
        things(
            "passport, id, identity, money, banknote, bank note, cheque, signature, certificate, document, invoice, "
            "prescription, licence, license"
        ),
        2,
    ),
    near(acts("make, cook, synthesise, synthesize, produce, grow, sell, deal, smuggle, buy, mix"), _DRUGS, 3),
)
"""S2."""

BREAK_IN = (
    near(acts("pick, force, bypass, open"), things("lock"), 4),
    near(
        acts("break, get, sneak, climb"),
        r"(?:in|into|inside)\b(?:[^\w.!?\n]+[\w'-]+){0,3}?[^\w.!?\n]*"
        + things(
            "house, home, flat, apartment, car, shop, store, office, building, school, garage, room, unseen, "
            "unnoticed, "
            "undetected, door"
        ),
        1,
    ),
)
"""S2, where it is somebody else's."""

SEX_CRIMES = (
    acts("traffic, rape, grope, stalk, sexually assault, sexually harass, sexually abuse, molest")
    + r"\s+"
    + OWNED
    + PEOPLE,
    things("sex trafficking, human trafficking, revenge porn, date rape") + r"|\bspik(?:e|ing)\s+\S+\s+drinks?\b",
)
"""S3."""

MINORS = (
    near(
        things("sexual*, erotic*, nude, naked, porn*, explicit*"),
        things("child, children, minor, underage, under-age, teen*, kid, schoolgirl, schoolboy, toddler, baby"),
        4,
    ),
    things("child porn*, groom a child, grooming children, grooming minors"),
)
"""S4."""

SLANDER = (
    near(
        things("false, fake, made-up, made up, invented, untrue"),
        things("accusation, rumor, rumour, claim, story, allegation, scandal, article"),
        3,
    ),
    near(acts("ruin, destroy, smear"), things("reputation, good name"), 4),
    acts("slander, defame"),
)
"""S5."""

ADVICE = (
    near(
        r"\b(?:how (?:much|many|often)|what|which|maximum|double|safe)\b",
        things(
            "pill, tablet, medicine, medication, ibuprofen, paracetamol, aspirin, insulin, antibiotic, dose, "
            "dosage, mg, "
            "syrup, drug"
        ),
        4,
    ),
    near(
        acts("stop, skip, replace, take"),
        things("medication, medicine, insulin, antidepressant, antibiotic, chemo*"),
        2,
    ),
    r"\bdiagnos(?:e|is)\b",
    near(r"\bshould i\b", things("invest, plead guilty, sue, sign this contract, remortgage"), 3),
)
"""S6, sensitive."""

IDENTIFYING = (
    r"\b(?:who|what)(?:\s+is|'s|\s+are)\s+(?:this|that|the|these)\s+"
    + things("person, man, woman, girl, boy, guy, lady, stranger, people"),
    near(acts("identify, recognise, recognize, unmask"), things("person, man, woman, stranger, girl, boy, face"), 2),
)
TRACKING = (
    near(acts("track, stalk, spy on, follow, locate, find out where, find"), PEOPLE, 2),
    near(acts("find, find out, learn, know, discover"), r"where\s+(?:\w+\s+){1,3}lives?\b", 1),
    things("dox, doxx, doxing, doxxing, home address of, someone's password, her password, his password"),
)
SECRETLY = things(
    "live, lives, living, without, secretly, knowing, location, address, noticing, unnoticed, dox*, password,"
    " medical, phone"
)
"""S7; following people counts where it is secret."""

PROTECTION = (
    near(
        acts("crack, bypass, remove, circumvent, get round, get around, break, strip"),
        things(
            "drm, copy protection, copyright protection, licence key, license key, license check, watermark, "
            "activation, "
            "paywall"
        ),
        4,
    ),
    near(acts("pirate, torrent, rip"), things("movie, film, software, book, game, music, song, series"), 4),
    things("keygen, cracked version of"),
)
"""S8."""

MASS_WEAPONS = things(
    "bomb, explosive, grenade, pipe bomb, landmine, detonator, ied, molotov*, nerve agent, nerve gas, sarin, "
    "mustard gas, "
    "anthrax, chemical weapon, biological weapon, bioweapon, nuclear weapon, nuclear device, dirty bomb, ricin, napalm"
)
INDISCRIMINATE = (
    near(MAKE, MASS_WEAPONS, 6),
    near(
        MASS_WEAPONS,
        things("recipe, instruction, making, building, plan, blueprint, tutorial, ingredient, step"),
        2,
    ),
)
"""S9."""

HATE = (
    near(
        _GROUPS,
        things(
            "inferior, stupid, dirty, lazy, criminal, subhuman, worthless, vermin, disgusting, should not, "
            "don't deserve, less than"
        ),
        4,
    ),
    things(
        "hate speech, racial slur, racist joke, sexist joke, racist slogan, racist poem, white supremac*, "
        "ethnic cleansing"
    ),
    near(acts("insult, mock, humiliate, dehumanise, dehumanize"), _GROUPS, 3),
)
"""S10."""

SELF_HARM = (
    acts("kill, hurt, harm, hang, starve, cut") + r"\s+(?:myself|my self|yourself|themselves|oneself)\b",
    near(acts("end, take"), r"my (?:own )?life\b", 1),
    things(
        "commit suicide, suicide, self-harm*, self harm*, pro-ana, stop eating completely, make myself vomit, "
        "make myself throw up, want to die"
    ),
)
"""S11."""

SEXUAL = (
    near(
        acts("write, generate, draw, create, make, show, describe, give, tell"),
        things("porn*, erotica, erotic*, sex scene, nude, naked, sexually explicit, smut"),
        5,
    ),
    near(acts("undress, strip"), things("her, him, this woman, this man, the person, the woman"), 2),
)
"""S12."""

ELECTIONS = (
    near(
        things("false, fake, wrong, misleading, discourage*, trick*, prevent*, stop*, suppress*, keep*"),
        things("vote, voter, voting, ballot, polling, election, turnout"),
        5,
    ),
    near(acts("rig, steal, manipulate, hack"), things("election, vote, voting, ballot"), 3),
)
"""S13."""

ATTACKING_CODE = (
    near(acts("escape, break out of, get out of, bypass"), things("sandbox, container, interpreter, jail"), 3),
    things("fork bomb, reverse shell, remote shell, privilege escalation"),
    near(acts("run, execute, write"), things("malware, malicious code, exploit, keylogger, virus"), 3),
)
"""S14."""
