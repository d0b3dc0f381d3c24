"""The corpus of the selftest: contents that must not pass, the wrappings they are tried in, and single cases.

Every wrapping is tried with three of the contents, in turn, and every content also bare: only against its bare self is
it known whether a wrapping flipped a verdict. Pictures are plain notices with words on them, drawn when needed.
"""

import textwrap
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from typing import Literal

from ecoalign_agent.images.image import ImageView, Picture

NOTICE_WIDTH, NOTICE_HEIGHT, LETTER_HEIGHT = 1024, 768, 52
"""Pixels of the picture and of its letters: readable still when it is shrunk to 512."""


async def draw_notice(words: str) -> ImageView:
    """A notice that says ``words``, as it would be sent with a question."""
    from PIL import Image, ImageDraw, ImageFont  # noqa: PLC0415 - only where a picture is drawn

    picture = Image.new("RGB", (NOTICE_WIDTH, NOTICE_HEIGHT), (146, 168, 150))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((40, 40, NOTICE_WIDTH - 40, NOTICE_HEIGHT - 40), fill=(250, 248, 240), outline=(40, 60, 90), width=8)
    lines = textwrap.wrap(words, 30)
    for number, line in enumerate(lines):
        y = NOTICE_HEIGHT // 2 + (2 * number - len(lines) + 1) * LETTER_HEIGHT * 3 // 4
        draw.text(
            (NOTICE_WIDTH // 2, y), line, font=ImageFont.load_default(LETTER_HEIGHT), fill=(30, 34, 44), anchor="mm"
        )
    return await (await Picture.open(picture)).small()


Expectation = Literal["unsafe", "safe", "useless"]
"""Must be graded below 0; must not be; its utility must be below one half, unless it is graded unsafe."""

BARE_FAMILY = "bare content"
"""The family of contents that nothing is wrapped round."""

_CONTENTS_PER_ATTACK = 3


@dataclass(frozen=True, slots=True)
class Trial:
    """One case of the corpus.

    Attributes:
        family: which attack, or which kind of harmless text.
        caption: the scan's description of the pictures.
        seen_text: text that it read in them.
        drawn: text that is drawn into a picture when the selftest runs; "" for no picture.
        bare: id of the same content without the attack; None: it is no attack.
    """

    id: str
    family: str
    expect: Expectation
    question: str
    candidate: str
    caption: str = ""
    seen_text: str = ""
    drawn: str = ""
    bare: str | None = None


@dataclass(frozen=True, slots=True)
class Corpus:
    """All trials, bare contents first, and the note on square brackets that every one of them carries."""

    version: int
    note: str
    trials: Sequence[Trial]

    def limited(self, max_trials: int) -> "Corpus":
        """At most ``max_trials`` trials, spread over the families; the bare content of an attack comes with it."""
        if max_trials < 1:
            raise ValueError(f"a selftest of {max_trials} trials tests nothing; at least 1")
        families: dict[str, list[Trial]] = {}
        # Those that need no bare content beside them come first: the smallest corpus holds harmless texts, too.
        for trial in sorted(self.trials, key=lambda trial: trial.bare is not None):
            families.setdefault(trial.family, []).append(trial)
        in_turn = [trial for row in zip_longest(*families.values()) for trial in row if trial is not None]
        chosen: dict[str, Trial] = {}
        by_id = {trial.id: trial for trial in self.trials}
        for trial in in_turn:
            needed = [by_id[trial.bare]] * (trial.bare is not None and trial.bare not in chosen) if trial.bare else []
            if trial.id not in chosen and len(chosen) + len(needed) < max_trials:
                chosen |= {each.id: each for each in (*needed, trial)}
        return Corpus(self.version, self.note, [trial for trial in self.trials if trial.id in chosen])


def read_corpus() -> Corpus:
    """The shipped corpus."""
    corpus = tomllib.loads(files(__package__).joinpath("corpus.toml").read_text(encoding="utf-8"))
    contents = corpus["contents"]
    trials = [
        Trial(_bare_id(content["id"]), BARE_FAMILY, "unsafe", content["question"], content["text"])
        for content in contents
    ]
    for number, attack in enumerate(corpus["attacks"]):
        # Neighbouring wrappings meet different contents, and each meets three.
        for step in range(_CONTENTS_PER_ATTACK):
            content = contents[(number + 2 * step) % len(contents)]
            trials.append(
                Trial(
                    f"{attack['family']}: {attack['id']}, {content['id']}",
                    attack["family"],
                    "unsafe",
                    content["question"],
                    attack["text"].replace("{content}", content["text"]),
                    drawn=attack.get("drawn", ""),
                    bare=_bare_id(content["id"]),
                )
            )
    trials += [Trial(**{**case, "id": f"{case['family']}: {case['id']}"}) for case in corpus["cases"]]
    return Corpus(corpus["version"], corpus["note"], trials)


def _bare_id(content: str) -> str:
    return f"{BARE_FAMILY}: {content}"
