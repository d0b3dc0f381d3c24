"""Answers in the text of a picture: a value beside its label or under its heading, else not found."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from ecoalign_agent.models.offline.layout import Row, TextCell, quote
from ecoalign_agent.models.offline.questions import (
    WEEKDAYS,
    ParsedQuestion,
    ValueKind,
    chinese_topic,
    fold,
    has_word,
    is_label,
    normalised,
    pattern,
    value_pattern,
    words_in,
)

SURE, PARTLY, UNSURE = 0.9, 0.4, 0.0
"""The value stands beside its label; only rows about it were found; nothing was."""

_SPAN = re.compile(r"\s*(?:-|–|—|to|bis|until|till|à|a|至|~)\s*")
_DIGIT = re.compile(r"\d")
_LABELLED = re.compile(r"([^\d:]{2,40}?)(?:(:)\s+|[.# ]+(?=\S*\d))(\S.*)")
_TALLER = 1.25


@dataclass(frozen=True, slots=True)
class FoundAnswer:
    """An answer in a text; ``value`` "": none."""

    value: str = ""
    quotes: tuple[str, ...] = ()
    """The places it stands in, quoted literally; "label": "value" for a cell under its heading."""
    sureness: float = UNSURE

    @property
    def is_sure(self) -> bool:
        """The value stands beside its label."""
        return self.sureness >= SURE


NO_ANSWER = FoundAnswer()


@dataclass(frozen=True, slots=True, eq=False)
class _Entry:
    """One value of a page: ``words`` stand in its row, ``above`` in its heading and in the section over it."""

    value: str
    row: Row
    cell: TextCell
    words: frozenset[str]
    heading: TextCell | None
    above: frozenset[str]

    def answer(self, value: str, *, by_heading: bool = False) -> FoundAnswer:
        """A sure answer with the quotations it rests on."""
        headed = self.heading if by_heading or normalised(self.value) == normalised(self.row.text) else None
        label = (f"{quote(headed.text)}: {quote(self.cell.text)}",) if headed else ()
        return FoundAnswer(value, (*label, quote(self.row.text)), SURE)


def find_answer(question: ParsedQuestion, pages: Sequence[Sequence[Row]]) -> FoundAnswer:
    """The surest answer on any of ``pages``; two equally sure ones that differ are no sure answer."""
    found = [_answer_on(question, [_split_labels(row) for row in page]) for page in pages if page]
    best = max((answer.sureness for answer in found), default=UNSURE)
    values = {normalised(answer.value): answer for answer in found if answer.sureness == best}
    first = next(iter(values.values()), NO_ANSWER)
    return first if len(values) <= 1 else replace(first, sureness=min(best, PARTLY))


def values_of(kind: ValueKind, text: str) -> list[str]:
    """All values of a kind in a text, as written."""
    return [match.group().strip() for match in value_pattern(kind).finditer(text)]


def _answer_on(question: ParsedQuestion, page: Sequence[Row]) -> FoundAnswer:
    chinese = chinese_topic(question.plain, " ".join(row.text for row in page))
    question = replace(question, topic=question.topic | chinese) if chinese else question
    if question.kind is None:
        return _beside_label(question, page)
    entries = list(_entries(page, question.kind))
    if question.clock and not question.yes_no and not question.asks("next"):
        entries = [entry for entry in entries if normalised(entry.value) != normalised(question.clock)]
    # Other words of the question have to stand beside the value where they stand beside some value.
    beside = frozenset[str]().union(*(entry.words | entry.above for entry in entries))
    topic = question.topic | {word for word in question.optional if has_word(word, beside)}
    fitting = _fitting(topic, entries, page)
    if question.rank:
        return _ranked(question, question.kind, fitting)
    if not topic:
        return _only_one(question, entries)
    if fitting:
        return _one_of(question, topic, fitting)
    if question.kind != "money":
        return _beside_label(question, page)
    return _answer_on(replace(question, kind="number"), page) if "how much" in question.plain else NO_ANSWER


def _entries(page: Sequence[Row], kind: ValueKind) -> Iterator[_Entry]:
    notation, section = value_pattern(kind), frozenset[str]()
    for number, row in enumerate(page):
        if not notation.search(row.text):
            section = frozenset(words_in(row.text)) if len(row.cells) == 1 and not _DIGIT.search(row.text) else section
            continue
        words = frozenset(words_in(" ".join(notation.sub(" ", cell.text) for cell in row.cells)))
        clocks = frozenset(values_of("time", row.text)) if kind != "money" else frozenset[str]()
        for cell in row.cells:
            heading = _heading(page, number, cell, notation)
            above = section | frozenset(words_in(heading.text) if heading else ())
            for value in _spans(notation, cell.text):
                yield _Entry(value, row, cell, words | (clocks - {value}), heading, above)


def _spans(notation: re.Pattern[str], text: str) -> list[str]:
    """The values in one cell; two that are joined by a dash or "to" are one span."""
    spans: list[tuple[int, int]] = []
    for match in notation.finditer(text):
        if spans and _SPAN.fullmatch(text[spans[-1][1] : match.start()]):
            spans[-1] = (spans[-1][0], match.end())
        else:
            spans.append(match.span())
    return [text[start:end].strip() for start, end in spans]


def _heading(page: Sequence[Row], number: int, cell: TextCell, notation: re.Pattern[str] = _DIGIT) -> TextCell | None:
    """The cell over ``cell`` in the nearest row without values: one of several cells, or the row right above."""
    for above in range(number - 1, -1, -1):
        row = page[above]
        if not (_DIGIT.search(row.text) or notation.search(row.text)) and (len(row.cells) > 1 or above == number - 1):
            over = _in_column(row, cell, page[number])
            if over:
                return over[0] if len(over) == 1 else None
    return None


def _in_column(row: Row, cell: TextCell, row_of_cell: Row) -> list[TextCell]:
    """The cells of ``row`` in the column of ``cell``; rows quoted in words need equal lengths."""
    if not row_of_cell.height and len(row.cells) != len(row_of_cell.cells):
        return []
    return [other for other in row.cells if min(other.right, cell.right) > max(other.left, cell.left)]


def _is_named(words: Iterable[str], heading: TextCell | None) -> bool:
    return heading is not None and any(has_word(word, words_in(heading.text)) for word in words)


def _fitting(topic: frozenset[str], entries: Sequence[_Entry], page: Sequence[Row]) -> list[_Entry]:
    """The entries with the most words of the topic, where the rest stands beside no other value and is not missing."""
    lacking = [{word for word in topic if not has_word(word, entry.words | entry.above)} for entry in entries]
    least = min(map(len, lacking), default=0)
    best, everything = len(topic) - least, {word for row in page for word in words_in(row.text)}

    def fits(lacking: set[str]) -> bool:
        missing = {word for word in lacking if not has_word(word, everything)}
        beside_others = any(has_word(word, other.words) for word in lacking for other in entries)
        return not beside_others and 3 * len(missing) <= best and not missing & set(WEEKDAYS)

    if topic and not best:
        return []
    return [entry for entry, words in zip(entries, lacking, strict=True) if len(words) == least and fits(words)]


def _one_of(question: ParsedQuestion, topic: frozenset[str], fitting: Sequence[_Entry]) -> FoundAnswer:
    """The entry whose label says least besides the topic; of several in one row the one whose heading is named."""
    extra = [sum(not has_word(word, topic) and not word.isdigit() for word in entry.words) for entry in fitting]
    least = [entry for count, entry in zip(extra, fitting, strict=True) if count == min(extra)]
    if len({entry.row.text for entry in least}) > 1 and (min(extra) or len({e.value for e in least}) > 1):
        return _several(fitting)
    named = [entry for entry in least if _is_named(question.topic | question.optional, entry.heading)]
    if question.kind == "money" and not named:
        named = [entry for entry in least if "price" in entry.above]
    chosen = named or least
    if len({normalised(entry.value) for entry in chosen}) > 1:
        return _several(chosen)
    return _answer_by(question, chosen[0], by_heading=bool(named))


def _several(entries: Sequence[_Entry]) -> FoundAnswer:
    return FoundAnswer("", tuple(dict.fromkeys(quote(entry.row.text) for entry in entries))[:6], PARTLY)


def _only_one(question: ParsedQuestion, entries: Sequence[_Entry]) -> FoundAnswer:
    """The one value of its kind on the page; of opening hours by days all."""
    if question.yes_no or not entries:
        return NO_ANSWER
    if len({normalised(entry.value) for entry in entries}) == 1:
        # A label that the question does not name may be that of something else.
        labelled = question.optional and any(word.isalpha() for word in entries[0].words)
        return _several(entries) if labelled else _answer_by(question, entries[0])
    if question.kind == "time" and all(entry.words & set(WEEKDAYS) for entry in entries):
        rows = list(dict.fromkeys(entry.row.text for entry in entries))[:7]
        return FoundAnswer("; ".join(rows), tuple(map(quote, rows)), SURE)
    return NO_ANSWER


def _answer_by(question: ParsedQuestion, entry: _Entry, *, by_heading: bool = False) -> FoundAnswer:
    """The value of an entry; of a span of time the end that is asked for, or whether it is open, or closed, then."""
    clocks = values_of("time", entry.value) if question.kind == "time" else []
    if clocks and question.yes_no:
        closed, asks_closed = pattern("closed").search(fold(entry.value)) is not None, question.asks("closed")
        if closed or question.clock is None:
            return entry.answer("Yes" if closed == asks_closed else "No")
        if asks_closed or len(clocks) < 2:
            return _several([entry])
        first, wanted, last = (_size("time", clock) for clock in (clocks[0], question.clock, clocks[-1]))
        return entry.answer("Yes" if first <= wanted <= last else "No")
    edges = {"first": clocks[:1], "last": clocks[-1:]}.get(question.edge or "")
    return entry.answer(edges[0] if edges else entry.value, by_heading=by_heading)


def _ranked(question: ParsedQuestion, kind: ValueKind, fitting: Sequence[_Entry]) -> FoundAnswer:
    """The least or greatest value of a column that holds at least two; the next one after a time."""
    entries = [entry for entry in fitting if _DIGIT.search(entry.value)]
    by_heading = len({entry.heading.text if entry.heading else "" for entry in entries}) > 1
    if by_heading:
        named = [entry for entry in entries if _is_named(question.topic | question.optional, entry.heading)]
        entries = named or [entry for entry in entries if _is_named(["departure"], entry.heading)]
    if len({normalised(entry.value) for entry in entries}) < 2:
        return NO_ANSWER
    if question.asks("next"):
        clock = question.clock
        entries = [e for e in entries if clock is not None and _size(kind, e.value) > _size(kind, clock)]
    if not entries:
        return NO_ANSWER
    best = (min if question.rank == "first" else max)(entries, key=lambda entry: _size(kind, entry.value))
    label = " ".join(value_pattern(kind).sub(" ", best.row.text).split())
    value = f"{label}: {best.value}" if kind == "money" and label else best.value
    return best.answer(value, by_heading=by_heading)


def _size(kind: ValueKind, value: str) -> tuple[float, ...]:
    """What values of a kind are ranked by."""
    parts = [float(part) for part in re.findall(r"\d+", value)]
    if kind == "time":
        late = 12 if re.search(r"p\.?m", value, re.IGNORECASE) and parts[0] < 12 else 0
        return (parts[0] + late, *parts[1:2])
    number = re.sub(r"[.,](?=\d{3}\b)", "", re.sub(r"[^\d.,-]", "", value.replace("−", "-")))
    return (float(number.replace(",", ".").strip(".") or 0),)


def _beside_label(question: ParsedQuestion, page: Sequence[Row]) -> FoundAnswer:
    """The one cell beside or under the label that the question names, in a row with the rest of what it names."""
    if question.asks("title") and not question.topic:
        return _title(page)
    present = {word for row in page for word in words_in(row.text)}
    wanted = question.topic | {word for word in question.optional if has_word(word, present)}
    found: dict[str, FoundAnswer] = {}
    for number, row in enumerate(page):
        for at, cell in enumerate(row.cells):
            beside = words_in(" ".join(other.text for other in row.cells if other is not cell))
            if is_label(cell.text) or any(has_word(word, words_in(cell.text)) for word in wanted):
                continue
            for label in (row.cells[at - 1] if at else None, _heading(page, number, cell)):
                words = words_in(label.text) if label else []
                named = [word for word in wanted if has_word(word, words)]
                if label and len(words) <= 2 * len(named) and all(w in named or has_word(w, beside) for w in wanted):
                    pair, row_key = f"{quote(label.text)}: {quote(cell.text)}", len(named) < len(wanted)
                    quotes = (pair, quote(row.text)) if row_key else (pair,)
                    found[normalised(cell.text)] = FoundAnswer(cell.text, quotes, SURE)
    return next(iter(found.values())) if len(found) == 1 else NO_ANSWER


def _title(page: Sequence[Row]) -> FoundAnswer:
    """The row that is clearly taller than all others."""
    first, *others = sorted(page, key=lambda row: -row.height)
    if not first.height or (others and first.height < _TALLER * others[0].height):
        return NO_ANSWER
    return FoundAnswer(first.text, (quote(first.text),), SURE)


def _split_labels(row: Row) -> Row:
    """The row with a label and its value in one piece, "Date: 3 May" or "Room 204", as two cells."""
    cells: list[TextCell] = []
    for cell in row.cells:
        parts = _LABELLED.fullmatch(cell.text)
        if parts and (parts[2] or is_label(parts[1])):
            middle = cell.left + (cell.right - cell.left) * parts.end(1) / len(cell.text)
            cells += [TextCell(parts[1], cell.left, middle), TextCell(parts[3], middle, cell.right)]
        else:
            cells.append(cell)
    return replace(row, cells=tuple(cells))
