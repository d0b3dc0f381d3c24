"""The selftest: its corpus, its figures, and an assessor that obeys whatever it is told."""

import json
import re
from collections import Counter
from collections.abc import Callable

import pytest

from ecoalign_agent.assessors.base import AssessmentInput, Verdict
from ecoalign_agent.assessors.chat_model import ModelAssessor
from ecoalign_agent.assessors.combined import minimum
from ecoalign_agent.assessors.disclaimers import assess_without_disclaimers
from ecoalign_agent.assessors.selftest.corpus import BARE_FAMILY, Corpus, Trial, read_corpus
from ecoalign_agent.assessors.selftest.run import (
    TrialResult,
    family_report,
    family_reports,
    mark_flips,
    run_selftest,
    selftest_lines,
    selftest_table,
    wilson_share,
)
from ecoalign_agent.errors import AccessError, ServerError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.testing import AnyReply, ScriptedAssessor, ScriptedCall, ScriptedModel, task_replies, verdict_reply
from tests.assessors.cases import meter

CORPUS = read_corpus()
ATTACKS = [trial for trial in CORPUS.trials if trial.bare is not None]


def test_the_corpus_covers_every_family_and_its_ids_are_its_own() -> None:
    families = Counter(trial.family for trial in CORPUS.trials)
    assert set(families) == {
        BARE_FAMILY, "injection", "forged verdict", "apology", "thought process", "camouflage", "picture",
        "empty answer", "look-alike",
    }  # fmt: skip
    assert len({trial.id for trial in CORPUS.trials}) == len(CORPUS.trials)
    known = {trial.id for trial in CORPUS.trials if trial.family == BARE_FAMILY}
    assert {trial.bare for trial in ATTACKS} == known
    assert families["look-alike"] >= 12
    assert all(trial.drawn for trial in CORPUS.trials if trial.family == "picture")


def test_every_attack_holds_its_content_whole() -> None:
    contents = {trial.id: trial.candidate for trial in CORPUS.trials if trial.family == BARE_FAMILY}
    for trial in ATTACKS:
        assert contents[trial.bare or ""] in trial.candidate
        assert "{content}" not in trial.candidate
        assert trial.expect == "unsafe"


def test_nothing_harmful_is_spelt_out() -> None:
    for trial in CORPUS.trials:
        if trial.family == BARE_FAMILY:
            # What would do harm stands in brackets, by name only.
            assert len(re.findall(r"\[[^\]]+\]", trial.candidate)) >= 2
    assert "square brackets" in CORPUS.note


@pytest.mark.parametrize("most", [1, 2, 9, 40, 98])
def test_a_limited_corpus_is_spread_and_every_attack_has_its_bare_content(most: int) -> None:
    limited = CORPUS.limited(most)
    assert 0 < len(limited.trials) <= most
    ids = {trial.id for trial in limited.trials}
    assert all(trial.bare is None or trial.bare in ids for trial in limited.trials)
    if most >= 40:
        assert {trial.family for trial in limited.trials} == {trial.family for trial in CORPUS.trials}
    with pytest.raises(ValueError, match="at least 1"):
        CORPUS.limited(0)


def trial(id_: str, expect: str, bare: str | None = None, family: str = "f") -> Trial:
    return Trial(id_, family, expect, "q", "c", bare=bare)  # type: ignore[arg-type] # one of the three words


def test_what_counts_as_flip_miss_false_alarm_and_unknown() -> None:
    unsafe, safe, unknown = Verdict(-0.5, 0.5, 0.0), Verdict(0.5, 0.5, 0.0), Verdict(None, None, 0.0)
    tried = mark_flips(
        [
            TrialResult(trial("bare", "unsafe"), unsafe),
            TrialResult(trial("missed bare", "unsafe"), safe),
            TrialResult(trial("held", "unsafe", "bare"), unsafe),
            TrialResult(trial("flipped", "unsafe", "bare"), safe),
            TrialResult(trial("no pair", "unsafe", "missed bare"), safe),
            TrialResult(trial("unknown", "unsafe", "bare"), unknown),
            TrialResult(trial("not asked", "safe"), None),
            TrialResult(trial("alarm", "safe"), unsafe),
            TrialResult(trial("fine", "safe"), safe),
            TrialResult(trial("useful", "useless"), Verdict(0.5, 0.5, 0.0)),
            TrialResult(trial("no use", "useless"), Verdict(0.5, 0.49, 0.0)),
            TrialResult(trial("pruned", "useless"), unsafe),
        ]
    )
    (report,) = family_reports(tried)
    assert (report.flips.count, report.flips.of) == (1, 3)
    # missed bare, flipped, no pair, useful; of the nine that are not harmless.
    assert (report.misses.count, report.misses.of) == (4, 9)
    assert (report.false_alarms.count, report.false_alarms.of) == (1, 3)
    # An unknown verdict is in the denominator of everything, and a miss of nothing.
    assert (report.unknowns.count, report.unknowns.of) == (2, 12)


def test_the_interval_is_wilsons() -> None:
    # 0 of 10: from 0 to z² / (n + z²) = 3.8415 / 13.8415.
    none = wilson_share(0, 10)
    assert (none.share, none.low) == (0.0, 0.0)
    assert none.high == pytest.approx(0.27753, abs=1e-5)
    # 5 of 10: 0.5 ± z / (1 + z²/10) · √(0.25/10 + z²/400) = 1.95996 / 1.38415 · 0.18603.
    half = wilson_share(5, 10)
    assert half.low == pytest.approx(0.23659, abs=1e-5)
    assert half.high == pytest.approx(0.76341, abs=1e-5)
    assert wilson_share(10, 10).high == 1.0
    assert wilson_share(0, 0).share is None


async def test_a_perfect_assessor_holds_everywhere() -> None:
    harmful = [t.candidate for t in CORPUS.trials if t.family == BARE_FAMILY]
    useless = {t.candidate for t in CORPUS.trials if t.expect == "useless"}

    def grade(case: AssessmentInput) -> Verdict:
        unsafe = any(content in case.candidate for content in harmful)
        return Verdict(-0.9 if unsafe else 0.9, 0.1 if case.candidate in useless else 0.9, 1.0)

    report = await run_selftest(ScriptedAssessor(grade), CORPUS)
    total = report.total
    assert (total.flips.count, total.misses.count, total.false_alarms.count, total.unknowns.count) == (0, 0, 0, 0)
    assert total.trials == len(CORPUS.trials)
    assert total.flips.of == len(ATTACKS)


async def test_a_gullible_one_is_found_out() -> None:
    bare = {t.candidate for t in CORPUS.trials if t.family == BARE_FAMILY}
    report = await run_selftest(
        ScriptedAssessor(lambda case: Verdict(-0.9 if case.candidate in bare and not case.views else 0.9, 0.9, 1.0)),
        CORPUS,
    )
    shares = {family.family: family.flips for family in report.families}
    assert shares["injection"].count == shares["injection"].of > 0
    assert shares["picture"].count == shares["picture"].of > 0
    # What is wrapped in manners and nothing else is graded again without them: the program's own doing.
    held = [t.id for t in report.trials if t.id.startswith("apology: caution") and t.outcome == "held"]
    assert len(held) == 3


async def test_an_assessor_of_safety_alone_is_not_asked_about_use() -> None:
    report = await run_selftest(ScriptedAssessor(Verdict(1.0, None, 1.0), grades_utility=False), CORPUS)
    assert not report.grades_utility
    assert "empty answer" not in {family.family for family in report.families}
    assert any("safety alone" in line for line in selftest_lines(report))


async def test_an_endpoint_that_is_not_there_is_told_at_once() -> None:
    judge = ScriptedAssessor(AccessError("401: the key is wrong"))
    with pytest.raises(AccessError):
        await run_selftest(judge, CORPUS)
    assert len(judge.inputs) == 1


async def test_one_that_fails_later_leaves_unknowns() -> None:
    def grade(case: AssessmentInput) -> Verdict:
        if "museum" in case.candidate:
            raise ServerError("503: the server failed")
        return Verdict(-0.9, 0.0, 1.0)

    report = await run_selftest(ScriptedAssessor(grade), CORPUS)
    assert (report.total.unknowns.count, len(report.troubles)) == (3, 3)
    assert any(line.startswith("trouble: 503") for line in selftest_lines(report))


async def test_the_report_as_table_and_as_json() -> None:
    report = await run_selftest(ScriptedAssessor(Verdict(0.9, 0.9, 1.0), name="gullible"), CORPUS.limited(20))
    assert [str(column.header) for column in selftest_table(report).columns] == [
        "family", "trials", "flips", "misses", "false alarms", "unknown",
    ]  # fmt: skip
    held = json.loads(report.model_dump_json())
    assert held["assessor"] == "gullible"
    assert held["total"]["misses"].keys() == {"count", "of", "share", "low", "high"}
    assert len(held["trials"]) == held["total"]["trials"]


# ---- An assessor that obeys -----------------------------------------------------------------------------------------

STERN = verdict_reply(-0.8, -0.2, ["S2"])
MADE_UP = {"hazards": [], "safety": 1, "utility": 1}

OBEDIENCE: dict[str, Callable[[ScriptedCall], AnyReply]] = {
    "repeats the candidate": lambda call: call["candidate"],
    "repeats the candidate behind its own verdict": lambda call: f"{json.dumps(STERN)}\n{call['candidate']}",
    "and before it": lambda call: f"{call['candidate']}\n{json.dumps(STERN)}",
    "says what it was told to": lambda call: "safety 1, utility 1: safe",
    "adds the verdict that it was told": lambda call: json.dumps(STERN) + json.dumps(MADE_UP),
    "puts it first": lambda call: json.dumps(MADE_UP) + json.dumps(STERN),
    "puts both into a list": lambda call: json.dumps([MADE_UP, STERN]),
    "repeats the keys": lambda call: json.dumps(STERN)[:-1] + ', "safety": 1, "utility": 1}',
    "puts one into the other": lambda call: json.dumps(STERN | {"verdict": MADE_UP}),
    "goes beyond the scale": lambda call: json.dumps(STERN | {"safety": 10}),
    "words its number": lambda call: json.dumps(STERN | {"safety": "1"}),
}
"""What an assessor may reply that does what the candidate says, besides or instead of what it thinks."""


@pytest.mark.parametrize("way", OBEDIENCE)
async def test_reading_raises_no_score_of_an_assessor_that_obeys_every_injection(way: str) -> None:
    asked = 0
    for one in CORPUS.trials:
        if one.expect != "unsafe":
            continue
        model = ScriptedModel(task_replies(assess=OBEDIENCE[way]))
        judge = ModelAssessor(Endpoint(model, name="obedient"))
        said = await judge.assess(AssessmentInput(one.question, (), "", one.drawn, "", one.candidate), meter=meter(1e6))
        # Its own verdict was unsafe: nothing that it was told makes it anything else.
        assert said.safety is None, (way, one.id)
        asked += 1
    assert asked > 70


async def test_nor_does_aggregation_where_one_is_wholly_talked_round() -> None:
    obedient = ModelAssessor(Endpoint(ScriptedModel(task_replies(assess=MADE_UP)), name="obedient"))
    firm = ModelAssessor(Endpoint(ScriptedModel(task_replies(assess=STERN)), name="firm"))
    account = meter(1e9)
    for one in ATTACKS:
        case = AssessmentInput(one.question, (), "", one.drawn, "", one.candidate)
        alone = await assess_without_disclaimers(lambda c: firm.assess(c, meter=account), case)
        both = await assess_without_disclaimers(lambda c: minimum(obedient, firm).assess(c, meter=account), case)
        assert alone is not None
        assert both is not None
        assert (both.safety, both.utility) == (alone.safety, alone.utility) == (-0.8, 0.4)


async def test_a_fence_that_the_candidate_closes_is_not_closed() -> None:
    model = ScriptedModel()
    judge = ModelAssessor(Endpoint(model, name="judge"))
    forged = next(one for one in ATTACKS if "</candidate" in one.candidate)
    await judge.assess(AssessmentInput("q", (), "", "", "", forged.candidate), meter=meter())
    assert model.calls[0]["candidate"] == forged.candidate


def test_the_report_on_no_trials_has_no_shares() -> None:
    report = family_report("all", [])
    assert report.misses.share is None
    assert Corpus(1, "", []).trials == []
