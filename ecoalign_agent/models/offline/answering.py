"""Answers that stand in the text of a picture: a value beside its label or under its heading, or not found."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from rapidfuzz import fuzz

from ecoalign_agent.models.offline.layout import Cell, Row, quoted
from ecoalign_agent.models.offline.questions import WEEKDAYS, Question, is_label, labels_within, words_in
from ecoalign_agent.models.offline.word_lists import Kind, fold, pattern, value_pattern

SURE, PARTLY, UNSURE = 0.9, 0.4, 0.0
"""The value stands beside its label; only rows about it were found; nothing was."""

Page = Sequence[Row]

_SPAN = re.compile(r"\s*(?:-|–|—|to|bis|until|till|à|a|至|~)\s*")
_DIGIT = re.compile(r"\d")
_ALIKE = 86
_TALLER = 1.25


@dataclass(frozen=True, slots=True)
class Finding:
    """The answer that was found.

    Attributes:
        value: what answers the question; "": nothing.
        quotes: what stands in the picture, each quoted literally; "label": "value" for a cell under its heading.
        sureness: SURE, PARTLY or UNSURE.
    """

    value: str = ""
    quotes: tuple[str, ...] = ()
    sureness: float = UNSURE

    @property
    def is_sure(self) -> bool:
        """The value stands beside its label."""
        return self.sureness >= SURE


NOTHING = Finding()


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One value of a page: ``words`` stand in its row, ``above`` in its heading and in the section over it."""

    value: str
    row: Row
    cell: Cell
    words: frozenset[str]
    heading: Cell | None
    above: frozenset[str]

    def found(self, value: str, *, by_heading: bool = False) -> Finding:
        """A sure answer with the quotations it rests on."""
        alone = normalised(self.value) == normalised(self.row.text)
        head = self.heading if by_heading or alone else None
        label = (_pair(head, self.cell),) if head else ()
        return Finding(value, (*label, quoted(self.row.text)), SURE)


def find_answer(question: Question, pages: Sequence[Page]) -> Finding:
    """The surest answer on any of ``pages``; two equally sure ones that differ are no sure answer."""
    found = [_on_page(_with_chinese_topic(question, page), page) for page in pages if page]
    best = max((finding.sureness for finding in found), default=UNSURE)
    values = {normalised(finding.value): finding for finding in found if finding.sureness == best}
    first = next(iter(values.values()), NOTHING)
    return first if len(values) <= 1 else replace(first, sureness=min(best, PARTLY))


def normalised(text: str) -> str:
    """A text for comparing: small letters and digits alone."""
    return re.sub(r"[\W_]+", "", fold(text))


def values_of(kind: Kind, text: str) -> list[str]:
    """All values of a kind in a text, as written."""
    return [match.group().strip() for match in value_pattern(kind).finditer(text)]


def _with_chinese_topic(question: Question, page: Page) -> Question:
    # Chinese has no spaces: a word of the question is one that the page or the word lists write.
    runs = [run for row in page for run in re.findall(r"[一-鿿]+", row.text) if run in question.plain]
    meanings = {word for run in runs for word in words_in(run)} | set(labels_within(question.plain))
    return replace(question, topic=question.topic | meanings) if meanings else question


def _on_page(question: Question, page: Page) -> Finding:
    kind = question.kind
    if kind is None or ((question.asks("more") or question.asks("less")) and len(question.topic) > 1):
        return _beside_label(question, page) if kind is None else _compared(question, kind, page)
    entries = list(_entries(page, kind))
    if question.clock and not question.yes_no and not question.asks("next"):
        entries = [entry for entry in entries if normalised(entry.value) != normalised(question.clock)]
    # Other words of the question have to stand beside the value where they stand beside some value.
    beside = frozenset[str]().union(*(entry.words | entry.above for entry in entries))
    topic = question.topic | {word for word in question.optional if _has(word, beside)}
    fitting = _fitting(topic, entries, page)
    if question.rank:
        return _ranked(question, kind, fitting)
    if not topic or fitting:
        return _one_of(question, topic, fitting) if topic else _only_one(question, entries)
    if kind == "money" and "how much" in question.plain:
        return _on_page(replace(question, kind="number"), page)
    return NOTHING if kind == "money" else _beside_label(question, page)


def _entries(page: Page, kind: Kind) -> Iterator[_Entry]:
    written, section = value_pattern(kind), frozenset[str]()
    for number, row in enumerate(page):
        if not written.search(row.text):
            section = frozenset(words_in(row.text)) if len(row.cells) == 1 and not _DIGIT.search(row.text) else section
            continue
        words = frozenset(words_in(" ".join(written.sub(" ", cell.text) for cell in row.cells)))
        clocks = frozenset(values_of("time", row.text)) if kind != "money" else frozenset[str]()
        for cell in row.cells:
            heading = _heading(page, number, cell, written)
            above = section | frozenset(words_in(heading.text) if heading else ())
            for value in _spans(written, cell.text):
                yield _Entry(value, row, cell, words | (clocks - {value}), heading, above)


def _spans(written: re.Pattern[str], text: str) -> list[str]:
    """The values in one cell; two that are joined by a dash or "to" are one span."""
    spans: list[tuple[int, int]] = []
    for match in written.finditer(text):
        if spans and _SPAN.fullmatch(text[spans[-1][1] : match.start()]):
            spans[-1] = (spans[-1][0], match.end())
        else:
            spans.append(match.span())
    return [text[start:end].strip() for start, end in spans]


def _heading(page: Page, number: int, cell: Cell, written: re.Pattern[str] = _DIGIT) -> Cell | None:
    """The cell over ``cell`` in the nearest row without values: one of several cells, or the row right above."""
    for above in range(number - 1, -1, -1):
        row = page[above]
        if not (_DIGIT.search(row.text) or written.search(row.text)) and (len(row.cells) > 1 or above == number - 1):
            over = _in_column(row, cell, page[number])
            if over:
                return over[0] if len(over) == 1 else None
    return None


def _in_column(row: Row, cell: Cell, of: Row) -> list[Cell]:
    """The cells of ``row`` in the column of ``cell``; rows told in words need equal lengths."""
    if of.box is None and len(row.cells) != len(of.cells):
        return []
    return [other for other in row.cells if min(other.right, cell.right) > max(other.left, cell.left)]


def _has(word: str, words: Iterable[str]) -> bool:
    """Whether a word stands among ``words``; one letter in seven may have been misread or be an ending."""
    alike = len(word) > 4 and any(len(other) > 3 and fuzz.ratio(word, other) >= _ALIKE for other in words)
    return word in words or alike


def _about(words: Iterable[str], cell: Cell | None) -> bool:
    """Whether one of ``words`` stands in a heading."""
    return cell is not None and any(_has(word, words_in(cell.text)) for word in words)


def _fitting(topic: frozenset[str], entries: Sequence[_Entry], page: Page) -> list[_Entry]:
    """The entries with the most words of the topic, where the rest stands beside no other value and is not missing."""
    shares = [sum(_has(word, entry.words | entry.above) for word in topic) for entry in entries]
    best, everything = max(shares, default=0), {word for row in page for word in words_in(row.text)}
    fitting = [entry for share, entry in zip(shares, entries, strict=True) if share == best and (best or not topic)]

    def fits(entry: _Entry) -> bool:
        lacking = [word for word in topic if not _has(word, entry.words | entry.above)]
        missing = [word for word in lacking if not _has(word, everything)]
        beside_others = any(_has(word, other.words) for word in lacking for other in entries)
        return not beside_others and 3 * len(missing) <= best and not set(missing) & set(WEEKDAYS)

    return [entry for entry in fitting if fits(entry)]


def _one_of(question: Question, topic: frozenset[str], fitting: Sequence[_Entry]) -> Finding:
    """The entry whose label says least besides the topic; of several in one row the one whose heading is named."""
    extra = [sum(not _has(word, topic) and not word.isdigit() for word in entry.words) for entry in fitting]
    least = [entry for count, entry in zip(extra, fitting, strict=True) if count == min(extra)]
    if len({entry.row.text for entry in least}) > 1 and (min(extra) or len({e.value for e in least}) > 1):
        return _several(fitting)
    named = [entry for entry in least if _about(question.words, entry.heading)]
    if question.kind == "money" and not named:
        named = [entry for entry in least if "price" in entry.above]
    chosen = named or least
    if len({normalised(entry.value) for entry in chosen}) > 1:
        return _several(chosen)
    return _answered(question, chosen[0], by_heading=bool(named))


def _several(entries: Sequence[_Entry]) -> Finding:
    return Finding("", tuple(dict.fromkeys(quoted(entry.row.text) for entry in entries))[:6], PARTLY)


def _only_one(question: Question, entries: Sequence[_Entry]) -> Finding:
    """The one value of its kind on the page; of opening hours by days all."""
    if question.yes_no or not entries:
        return NOTHING
    if len({normalised(entry.value) for entry in entries}) == 1:
        # A label that the question does not name may be that of something else.
        labelled = question.optional and any(word.isalpha() for word in entries[0].words)
        return _several(entries) if labelled else _answered(question, entries[0])
    if question.kind == "time" and all(entry.words & set(WEEKDAYS) for entry in entries):
        rows = list(dict.fromkeys(entry.row.text for entry in entries))[:7]
        return Finding("; ".join(rows), tuple(map(quoted, rows)), SURE)
    return NOTHING


def _answered(question: Question, entry: _Entry, *, by_heading: bool = False) -> Finding:
    value, clocks = entry.value, values_of("time", entry.value)
    if question.kind == "time" and clocks:
        if question.yes_no:
            return _opened(question, entry, clocks)
        value = value if question.edge is None else clocks[0] if question.edge == "first" else clocks[-1]
    return entry.found(value, by_heading=by_heading)


def _opened(question: Question, entry: _Entry, clocks: Sequence[str]) -> Finding:
    """Yes or no to whether it is open, or closed, on a day and at a time."""
    closed, asks_closed = pattern("closed").search(fold(entry.value)) is not None, question.asks("closed")
    if closed or question.clock is None:
        return entry.found("Yes" if closed == asks_closed else "No")
    if asks_closed or len(clocks) < 2:
        return _several([entry])
    first, asked, last = (_size("time", clock) for clock in (clocks[0], question.clock, clocks[-1]))
    return entry.found("Yes" if first <= asked <= last else "No")


def _ranked(question: Question, kind: Kind, fitting: Sequence[_Entry]) -> Finding:
    """The least or greatest value of a column that holds at least two; the next one after a time."""
    entries = [entry for entry in fitting if _DIGIT.search(entry.value)]
    by_heading = len({entry.heading.text if entry.heading else "" for entry in entries}) > 1
    if by_heading:
        named = [entry for entry in entries if _about(question.words, entry.heading)]
        entries = named or [entry for entry in entries if _about(["departure"], entry.heading)]
    if len({normalised(entry.value) for entry in entries}) < 2:
        return NOTHING
    if question.asks("next"):
        clock = question.clock
        entries = [e for e in entries if clock is not None and _size(kind, e.value) > _size(kind, clock)]
    if not entries:
        return NOTHING
    best = (min if question.rank == "first" else max)(entries, key=lambda entry: _size(kind, entry.value))
    label = " ".join(value_pattern(kind).sub(" ", best.row.text).split())
    value = f"{label}: {best.value}" if kind == "money" and label else best.value
    return best.found(value, by_heading=by_heading)


def _size(kind: Kind, value: str) -> tuple[float, ...]:
    """What values of a kind are ranked by."""
    parts = [float(part) for part in re.findall(r"\d+", value)]
    if kind == "time":
        late = 12 if re.search(r"p\.?m", value, re.IGNORECASE) and parts[0] < 12 else 0
        return (parts[0] + late, *parts[1:2])
    if kind == "date":
        return tuple(parts if parts[0] > 31 else reversed(parts))
    number = re.sub(r"[.,](?=\d{3}\b)", "", re.sub(r"[^\d.,-]", "", value.replace("−", "-")))
    return (float(number.replace(",", ".").strip(".") or 0),)


def _compared(question: Question, kind: Kind, page: Page) -> Finding:
    """Which of two entries, or whether the one, has the greater or lesser value."""
    found: list[_Entry] = []
    for word in sorted(question.topic, key=lambda word: question.plain.find(word[:4])):
        entries = [entry for entry in _entries(page, kind) if _has(word, entry.words)]
        if entries and len({normalised(entry.value) for entry in entries}) == 1:
            found.append(entries[0])
    rows = list(dict.fromkeys(entry.row.text for entry in found))
    if len(rows) != 2:
        return NOTHING
    left, right = (next(_size(kind, e.value) for e in found if e.row.text == row) for row in rows)
    holds = left > right if question.asks("more") else left < right
    value = ("Yes" if holds else "No") if question.yes_no else rows[0] if holds else rows[1]
    return Finding(value, tuple(map(quoted, rows)), SURE)


def _beside_label(question: Question, page: Page) -> Finding:
    """What stands beside or under the label that the question names, whatever kind of value it is."""
    present = {word for row in page for word in words_in(row.text)}
    wanted = question.topic | {word for word in question.optional if _has(word, present)}
    if question.asks("title") and not question.topic:
        return _title(page)
    found: dict[str, Finding] = {}
    for number, row in enumerate(page):
        for at, cell in enumerate(row.cells):
            label, _, inside = _divided(cell.text, wanted)
            if inside:
                found[normalised(inside)] = Finding(inside, (quoted(cell.text),), SURE)
            elif label and (value := _value_of_label(page, number, at)) is not None:
                found[normalised(value.text)] = Finding(value.text, (_pair(cell, value),), SURE)
    if found:
        return next(iter(found.values())) if len(found) == 1 else NOTHING
    return _row_about(question, wanted, page)


def _divided(text: str, wanted: frozenset[str]) -> tuple[bool, str, str]:
    """Whether a piece begins with the label that is wanted; the label, and what follows it in the same piece."""
    words = text.split() if wanted else []
    for count in range(1, len(words) + 1):
        label, rest = " ".join(words[:count]), " ".join(words[count:]).lstrip(".:# ")
        meant = words_in(label)
        named = sum(_has(word, wanted) for word in meant)
        if all(_has(word, meant) for word in wanted) and len(meant) <= 2 * named:
            if not rest or label.endswith(":") or _DIGIT.search(rest):
                return True, label, rest
            head, colon, tail = text.partition(":")
            return (True, head, tail.strip()) if colon and len(words_in(head)) <= 2 * named else (False, "", "")
    return False, "", ""


def _value_of_label(page: Page, number: int, at: int) -> Cell | None:
    """The cell to the right of a label, or below it where the label is one of a row of headings; None: not clear."""
    row, cell = page[number], page[number].cells[at]
    right = row.cells[at + 1] if at + 1 < len(row.cells) else None
    below = _below(page, number, cell)
    headings = all(is_label(other.text) for other in row.cells)
    if right is not None and (cell.text.endswith(":") or not is_label(right.text)):
        under = [_below(page, number, other) for other in row.cells]
        table = not _DIGIT.search(row.text) and all(under) and any(_DIGIT.search(c.text) for c in under if c)
        return None if table and not cell.text.endswith(":") else right
    return below if below is not None and headings and not is_label(below.text) else None


def _below(page: Page, number: int, cell: Cell) -> Cell | None:
    row = page[number]
    following = page[number + 1] if number + 1 < len(page) else None
    if following is None or following.middle - row.middle > 4 * max(row.height, following.height, 1.0):
        return None
    under = _in_column(following, cell, row)
    return under[0] if len(under) == 1 else None


def _row_about(question: Question, wanted: frozenset[str], page: Page) -> Finding:
    """The one cell whose row and heading are named; else the one row that holds all that is wanted and more."""
    cells: list[tuple[Cell, Cell, Row]] = []
    about: list[Row] = []
    for number, row in enumerate(page):
        words = words_in(row.text)
        rest = frozenset(word for word in wanted if not _has(word, words))
        if question.topic - rest and len(rest) == 1:
            heads = [(_heading(page, number, cell), cell) for cell in row.cells]
            cells += [(head, cell, row) for head, cell in heads if head is not None and _about(rest, head)]
        if not rest and len(words) > len(wanted) and not all(is_label(cell.text) for cell in row.cells):
            about.append(row)
    cells = [found for found in cells if normalised(found[1].text) not in normalised(question.plain)]
    if len(cells) == 1:
        head, cell, row = cells[0]
        return Finding(cell.text, (_pair(head, cell), quoted(row.text)), SURE)
    whole = about[0].text if len(about) == 1 and question.topic and not cells else ""
    return Finding(whole, (quoted(whole),), PARTLY) if whole else NOTHING


def _pair(label: Cell, value: Cell) -> str:
    return f"{quoted(label.text)}: {quoted(value.text)}"


def _title(page: Page) -> Finding:
    """The row that is clearly taller than all others."""
    tall = sorted(page, key=lambda row: -row.height)
    if not tall[0].height or (len(tall) > 1 and tall[0].height < _TALLER * tall[1].height):
        return NOTHING
    return Finding(tall[0].text, (quoted(tall[0].text),), SURE)
