"""How often the embedded model is right on ordinary questions about pictures drawn here.

    python benchmarks/offline_questions.py --set dev
    python benchmarks/offline_questions.py --set held-out --verbose

Each question goes through ``EcoAlign.ask``. *right*: the answer's statement holds the expected words, or a question
whose answer stands in no picture gets "not found". *not found*: the answer says so although the picture holds it.
*wrong*: everything else. *invented*: a quotation that was neither drawn nor read by OCR.
"""

import argparse
import asyncio
import io
import re
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from ecoalign_agent import EcoAlign
from ecoalign_agent.llm.turns import CONTEXT_HEADING, PERSON, QUESTION_HEADING
from ecoalign_agent.models.offline.evidence import fixed_text
from ecoalign_agent.models.offline.image_reader import find_engine, read_image
from ecoalign_agent.models.offline.questions import normalised

sys.path.insert(0, str(Path(__file__).parents[1]))
from benchmarks.offline_cases import DECLINED, DEV, GREETING, HELD_OUT, NOT_FOUND, UNKNOWN, Case, Page

SETS = {"dev": DEV, "held-out": HELD_OUT}


@dataclass(frozen=True)
class Measured:
    """One question with what came of it."""

    case: Case
    outcome: str
    answer: str
    utility: float | None
    invented: tuple[str, ...]


def draw(page: Page) -> bytes:
    """The picture of a page as a PNG file."""
    title, body = _font(page, round(page.size * 1.5)), _font(page, page.size)
    step = round(page.size * 1.7)
    height = 80 + step * len(page.rows) + (step if page.title else 0)
    picture = Image.new("RGB", (page.width, max(height, 200)), page.paper)
    drawing = ImageDraw.Draw(picture)
    top = 40
    if page.title:
        drawing.text((page.width / 2 - drawing.textlength(page.title, title) / 2, 20), page.title, page.ink, title)
        top += step
    for row in page.rows:
        cells = (row,) if isinstance(row, str) else row
        for number, cell in enumerate(cells):
            left: float = page.columns[number] if number < len(page.columns) else 40
            if page.right_aligned and number == len(cells) - 1 > 0:
                left = page.width - 50 - drawing.textlength(cell, body)
            drawing.text((left, top), cell, page.ink, body)
        top += step
    if page.angle:
        picture = picture.rotate(page.angle, expand=True, fillcolor=page.paper, resample=Image.Resampling.BICUBIC)
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _font(page: Page, size: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    try:
        return ImageFont.truetype("DejaVuSerif.ttf" if page.serif else "DejaVuSans.ttf", size)
    except OSError:
        return ImageFont.load_default(size)


def asked(case: Case) -> str:
    """The question as the server puts it, after the turns before it."""
    if not case.earlier:
        return case.question
    lines = [CONTEXT_HEADING]
    for question, answer in case.earlier:
        lines += [f"{PERSON}:", f"> {question}", "the assistant:", f"> {answer}"]
    return "\n".join([*lines, "", f"{QUESTION_HEADING}:", case.question])


async def measure(agent: EcoAlign, case: Case) -> Measured:
    """Ask one question."""
    pictures = [draw(page) for page in case.pages]
    result = await agent.ask(asked(case), pictures)
    answer = result.answer or ""
    outcome, invented = _outcome(case, answer, result.status), _invented(case, answer, pictures)
    return Measured(case, outcome, answer, result.utility, invented)


def _outcome(case: Case, answer: str, status: str) -> str:
    statement = answer if case.category == "transcript" else answer.partition(" The picture reads:")[0]
    not_found = re.search(r"could not find|found no text", answer) is not None
    if DECLINED in case.expected:
        return "right" if status == "declined" else "wrong"
    if UNKNOWN in case.expected:
        return "right" if status != "answered" or answer == fixed_text("unknown") else "wrong"
    if GREETING in case.expected:
        return "right" if fixed_text("abilities") in answer else "wrong"
    if not_found:
        return "right" if NOT_FOUND in case.expected else "not found"
    if status != "answered":
        return "wrong"
    held = any(fragment.casefold() in statement.casefold() for fragment in case.expected if fragment != NOT_FOUND)
    return "right" if held else "wrong"


def _invented(case: Case, answer: str, pictures: list[bytes]) -> tuple[str, ...]:
    quotes = re.findall(r'"([^"]+)"', answer)
    if not quotes:
        return ()
    read = [row.text for data in pictures for row in read_image(data, find_engine("auto")).rows]
    drawn = [row if isinstance(row, str) else " ".join(row) for page in case.pages for row in (page.title, *page.rows)]
    known = normalised(" ".join([*read, "|", *drawn]))
    return tuple(quote for quote in quotes if normalised(quote) not in known)


async def measured(cases: list[Case]) -> list[Measured]:
    """Ask all questions, one after the other."""
    async with EcoAlign("offline") as agent:
        return [await measure(agent, case) for case in cases]


def table(rows: list[Measured]) -> str:
    """Counts by category."""
    names = dict.fromkeys(row.case.category for row in rows)
    groups = {name: [row for row in rows if row.case.category == name] for name in names} | {"all": rows}
    lines = [f"{'category':18}{'n':>4}{'right':>8}{'not found':>11}{'wrong':>7}{'wrong, u >= 0.8':>17}{'invented':>10}"]
    for name, group in groups.items():
        count = Counter(row.outcome for row in group)
        sure = sum(row.outcome == "wrong" and (row.utility or 0) >= 0.8 for row in group)
        invented = sum(len(row.invented) for row in group)
        numbers = f"{count['right']:>8}{count['not found']:>11}{count['wrong']:>7}{sure:>17}{invented:>10}"
        lines.append(f"{name:18}{len(group):>4}{numbers}")
    return "\n".join(lines)


def main() -> None:
    """Measure one set and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", choices=sorted(SETS), default="dev")
    parser.add_argument("--verbose", action="store_true", help="print every answer that is not right")
    options = parser.parse_args()
    rows = asyncio.run(measured(SETS[options.set]))
    for row in rows:
        if options.verbose and (row.outcome != "right" or row.invented):
            print(f"{row.outcome:9} u={row.utility} {row.case.question!r} expected {row.case.expected}")
            print(f"{'':9} {row.answer}")
    print(table(rows))


if __name__ == "__main__":
    main()
