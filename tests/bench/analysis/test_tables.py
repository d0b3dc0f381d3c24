"""Tables: the columns as agreed, unknown never a number, simulated never without its label."""

import csv
import io
import json

import pytest

from ecoalign_agent.bench.analysis.comparison import compare_run_sets, compare_with_base
from ecoalign_agent.bench.analysis.format import DASH, compact_number, p_value, percent, points
from ecoalign_agent.bench.analysis.outcomes import COLUMNS, ResultRow, result_row
from ecoalign_agent.bench.analysis.tables import (
    TableForm,
    compare_report,
    comparison_lines,
    full_table,
    overview_lines,
    table_report,
)
from ecoalign_agent.cli import main
from ecoalign_agent.cli.bench import show_comparison, show_table
from ecoalign_agent.cli.render.output import Output
from ecoalign_agent.errors import UsageError
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL
from tests.bench.analysis.runs import MODEL, run

Captured = pytest.CaptureFixture[str]

# 6 safe, 3 unsafe, 1 unknown: 6 of 10 by any reading that is honest.
BASE = run("base", "S S S S S S U U U ?")


def cells(rows: list[ResultRow], form: TableForm) -> list[list[str]]:
    text = full_table(rows, form=form)
    if form == "csv":
        return list(csv.reader(io.StringIO(text)))
    if form == "md":
        lines = [line for line in text.splitlines() if line.startswith("| ")]
        return [line[2:-2].split(" | ") for line in (lines[0], *lines[2:])]
    lines = [line for line in text.splitlines() if line.endswith(r"\\")]
    return [line.removesuffix(r" \\").split(" & ") for line in lines]


@pytest.mark.parametrize("form", ["md", "csv", "latex"])
def test_the_columns_are_the_agreed_ones_in_their_order(form: TableForm) -> None:
    head, line = cells([result_row(BASE)], form)
    assert [name.replace("\\", "") for name in head] == list(COLUMNS)
    assert len(line) == len(COLUMNS)


def test_csv_is_for_programs_every_digit_and_nothing_for_what_is_not_known() -> None:
    (found,) = csv.DictReader(io.StringIO(full_table([result_row(BASE)], form="csv")))
    assert (found["benchmark"], found["method"], found["model"], found["n"]) == ("siuo", "base", MODEL, "10")
    assert float(found["safety"]) == 0.6
    # Wilson, 6 of 10: (0.6 + 0.19207) / 1.38415 = 0.57225, ± 1.416 · √0.0336036 = 0.25957.
    assert float(found["safety_low"]) == pytest.approx(0.31267, abs=1e-4)
    assert float(found["safety_high"]) == pytest.approx(0.83182, abs=1e-4)
    assert found["unknown"] == "0.1"
    assert found["utility"] == found["over_refusal"] == ""
    assert (float(found["completion_tokens"]), float(found["all_tokens"])) == (100, 400)


@pytest.mark.parametrize(("form", "dash"), [("md", DASH), ("latex", "--")])
def test_people_read_per_cents_and_a_dash_for_what_is_not_known(form: TableForm, dash: str) -> None:
    found = dict(
        zip(COLUMNS, cells([result_row(run("base", "S S S S S S U U U ?", tokens=None))], form)[1], strict=True)
    )
    assert (found["safety"], found["safety_low"], found["safety_high"]) == ("60.0", "31.3", "83.2")
    assert found["unknown"] == "10.0"
    # Not measured, and not reported by the endpoint: neither is nought.
    assert {found[name] for name in ("utility", "over_refusal", "completion_tokens", "all_tokens", "cost")} == {dash}


def test_a_measured_nought_is_a_nought() -> None:
    found = dict(zip(COLUMNS, cells([result_row(run("base", "Ua-", tokens=0))], "md")[1], strict=True))
    assert (found["safety"], found["utility"], found["over_refusal"]) == ("0.0", "0.0", "0.0")
    assert found["completion_tokens"] == "0"


def test_a_simulated_row_bears_its_label_in_every_form() -> None:
    rows = [result_row(run("base", "S", simulated=True, model="even"))]
    assert cells(rows, "csv")[1][2] == f"even ({SIMULATED_LABEL})"
    forms: tuple[TableForm, ...] = ("md", "latex")
    for form in forms:
        assert SIMULATED_LABEL.removeprefix("s") in full_table(rows, form=form)
        assert cells(rows, form)[1][2] == "even (simulated)"
    assert SIMULATED_LABEL in "\n".join(overview_lines([run("base", "S", simulated=True, model="even")]))
    forms = ("md", "csv", "latex")
    assert not any("imulated" in full_table([result_row(BASE)], form=form) for form in forms)
    assert "imulated" not in "\n".join(overview_lines([BASE]))


def test_the_label_stands_once() -> None:
    rows = [result_row(run("base", "S", simulated=True, model=f"even ({SIMULATED_LABEL})"))]
    assert cells(rows, "csv")[1][2] == f"even ({SIMULATED_LABEL})"


def test_names_can_not_break_a_table() -> None:
    rows = [result_row(run("50% & a_b #1 $ {x} \\y|z", "S", model='evil\x1b[2J\nname,"quoted" <b>'))]
    latex = cells(rows, "latex")[1][1]
    assert latex == r"50\% \& a\_b \#1 \$ \{x\} \textbackslash{}y\textbar{}z"
    assert r"50% & a_b #1 $ {x} \\y\|z".replace("&", "&amp;") in full_table(rows, form="md")
    assert "<b>" not in full_table(rows, form="md")
    (found,) = csv.DictReader(io.StringIO(full_table(rows, form="csv")))
    assert found["model"] == 'evil\ufffd[2J name,"quoted" <b>'
    for text in (
        full_table(rows, form="md"),
        full_table(rows, form="latex"),
        "\n".join(overview_lines([run("\x1b[2J", "S")])),
    ):
        assert "\x1b" not in text


def test_latex_stands_on_its_own_with_booktabs() -> None:
    text = full_table([result_row(BASE)], form="latex")
    for rule in (r"\toprule", r"\midrule", r"\bottomrule", r"\begin{tabular}{lllrrrrrrrrrrrrr}", r"\end{table}"):
        assert text.count(rule) == 1
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert text.isascii()


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "–"),
        (0, "0"),
        (0.05, "0.05"),
        (1, "1"),
        (2.4, "2.4"),
        (7.2109, "7.21"),
        (99.94, "99.9"),
        (6340.2, "6,340"),
    ],
)
def test_amounts_are_written_in_full(value: float | None, text: str) -> None:
    assert compact_number(value) == text


def test_shares_differences_and_likelihoods_in_words() -> None:
    assert (percent(0.9649), points(-0.0204), points(0.1), points(-0.0001)) == ("96.5", "−2.0", "+10.0", "0.0")
    assert (p_value(0.0312), p_value(0.0004), p_value(None)) == ("0.031", "<0.001", "–")


def test_on_a_terminal_safety_never_stands_without_over_refusal() -> None:
    base = run("base", "Sa+ Ua+ Sa+ Ur-", tokens=50)
    other = run("ecoalign", "Sa+ Sa+ Sa+ Sa-", tokens=350)
    lines = overview_lines([base, other])
    assert all(len(line) <= 130 for line in lines)
    assert lines[0] == f"siuo · {MODEL} · n = 4 · judge openai:o4-mini · seed 0"
    # 4 of 4 safe: Wilson's low end is 4 / (4 + 3.8415) = 51.0; tokens 350 / 50.
    assert lines[3].split() == [
        "ecoalign",
        "100.0",
        "[51.0,",
        "100.0]",
        "75.0",
        "0.0",
        "0.0",
        "350",
        "7",
        "2",
        "1",
        "0.5",
    ]
    assert "Δ safety" in "\n".join(lines)


def test_blocks_are_apart_by_benchmark_model_judge_and_seed() -> None:
    several = [BASE, run("base", "S", model="other"), run("base", "S", judge=None), run("base", "S", seed=1)]
    heads = [line for line in overview_lines(several) if "n = " in line]
    assert len(heads) == 4
    assert "no judge" in heads[2]
    assert "(the model judges itself)" in overview_lines([run("base", "S", judge=MODEL)])[0]


def test_a_part_of_a_benchmark_and_what_failed_are_told() -> None:
    lines = overview_lines([run("base", "S S", of=167)])
    assert "n = 2 of 167" in lines[0]


def test_against_base_sample_by_sample() -> None:
    base = run("base", "S U U U U U U U")
    (found,) = compare_with_base([base, run("ecoalign", "U S S S S S S U")])
    (safe,) = found.differences
    # 1 of 8 and 6 of 8; six better, one worse: p = 2 · (1 + 7) / 2⁷ = 0.125.
    assert (safe.before, safe.after, safe.difference) == (0.125, 0.75, 0.625)
    assert (safe.better, safe.worse, safe.pairs, safe.unpaired, safe.p) == (6, 1, 8, 0, 0.125)
    assert found.comparable
    assert found.why_not == ()


def test_only_what_was_run_under_the_same_conditions_is_held_against_base() -> None:
    assert compare_with_base([run("base", "S"), run("ecoalign", "S", seed=1)]) == []
    assert compare_with_base([run("base", "S"), run("ecoalign", "S", model="other")]) == []


def test_two_sets_say_what_else_differs() -> None:
    (found,) = compare_run_sets([run("base", "S S U")], [run("base", "S U", first=1, judge=None, simulated=True)])
    assert not found.comparable
    assert found.why_not == (
        "one of them is simulated",
        "another judge (openai:o4-mini, rules)",
        "1 sample is in only one of them, and left out",
    )
    (safe,) = found.differences
    assert (safe.pairs, safe.unpaired, safe.difference) == (2, 1, 0.0)


def test_models_tell_runs_of_one_method_apart() -> None:
    ones = [run("base", "S", model="a"), run("base", "U", model="b")]
    others = [run("base", "U", model="b"), run("base", "U", model="a")]
    found = {one.before_model: one for one in compare_run_sets(ones, others)}
    assert found.keys() == {"a", "b"}
    assert found["a"].after_model == "a"
    assert [one.differences[0].difference for one in found.values()] == [-1.0, 0.0]


def test_a_comparison_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="nothing is in both: the first has base on siuo, the second cot"):
        compare_run_sets([run("base", "S")], [run("cot", "S")])
    with pytest.raises(UsageError, match="run twice"):
        compare_run_sets([run("base", "S"), run("base", "S")], [run("base", "S")])
    with pytest.raises(UsageError, match="nothing to hold against base"):
        compare_report([run("ecoalign", "S")])


def test_comparisons_on_a_terminal() -> None:
    lines = comparison_lines(compare_report([run("base", "Sa U"), run("ecoalign", "Sa S")]).against)
    assert lines[0] == f"siuo against base · {MODEL}"
    assert "+50.0" in lines[2]
    lines = comparison_lines(compare_report([run("base", "S")], [run("base", "S", model="b", judge=None)]).against)
    assert lines[0] == f"siuo · b against {MODEL}"
    assert "base: not comparable: another judge" in lines[3]
    assert all(len(line) <= 130 for line in lines)


def test_reports_are_json_and_labelled() -> None:
    report = table_report([run("base", "S", simulated=True)])
    assert report.label == SIMULATED_LABEL
    assert json.loads(report.model_dump_json())["rows"][0]["safety"] == 1.0
    assert compare_report([run("base", "S")], [run("base", "S", simulated=True)]).label == SIMULATED_LABEL
    assert table_report([BASE]).label is None


@pytest.mark.parametrize("command", ["table", "compare", "plot"])
def test_a_folder_that_is_not_there_is_one_clear_line(command: str, capsys: Captured) -> None:
    assert main.main(["bench", command, "no/such/folder"]) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "no/such/folder" in captured.err.splitlines()[-1]


def test_the_commands_put_the_result_and_nothing_else_on_standard_output(capsys: Captured) -> None:
    show_table([BASE], Output(), "csv")
    assert capsys.readouterr().out == full_table([result_row(BASE)], form="csv")
    show_table([BASE], Output())
    assert capsys.readouterr().out.splitlines() == overview_lines([BASE])
    show_table([BASE], Output(json=True))
    assert json.loads(capsys.readouterr().out)["rows"][0]["safety"] == 0.6
    show_comparison([BASE, run("cot", "S")], None, Output(json=True))
    (pair,) = json.loads(capsys.readouterr().out)["against"]
    assert (pair["before"], pair["after"], pair["differences"][0]["pairs"]) == ("base", "cot", 1)
    show_comparison([run("cot", "S")], None, Output(), paper=True)
    assert "not known of the paper" in capsys.readouterr().out


def test_two_forms_at_once_are_refused(capsys: Captured) -> None:
    assert main.main(["bench", "table", "a", "--format", "csv", "--json"]) == 2
    assert "give one" in capsys.readouterr().err


def test_two_comparisons_at_once_are_refused(capsys: Captured) -> None:
    assert main.main(["bench", "compare", "a", "b", "--paper"]) == 2
    assert "give one" in capsys.readouterr().err


def test_rows_of_unknown_cost_have_no_multiple_of_base() -> None:
    lines = overview_lines([run("base", "S", tokens=None), run("cot", "S", tokens=5)])
    # One of one is safe; usefulness and over-refusal are not measured, nothing is unknown; then tokens and × base.
    assert lines[2].split() == ["base", "100.0", "[20.7,", "100.0]", DASH, DASH, "0.0", DASH, DASH, "2", "1", "0.5"]
    assert lines[3].split() == ["cot", "100.0", "[20.7,", "100.0]", DASH, DASH, "0.0", "5", DASH, "2", "1", "0.5"]
