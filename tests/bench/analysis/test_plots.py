"""Plots: the front is right, no label lies on another, simulated says so, and the same figures give the same bytes."""

import itertools
import math
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.backends.backend_agg import FigureCanvasAgg

from ecoalign_agent.bench.analysis.charts import place_labels, save_figure, style
from ecoalign_agent.bench.analysis.outcomes import ResultRow
from ecoalign_agent.bench.analysis.plots import (
    cost_safety,
    over_refusal_bars,
    plot_set,
    rows_by_budget,
    safety_utility,
    score_over_budget,
    staircase,
)
from ecoalign_agent.bench.analysis.statistics import dominates, pareto_front
from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.models.simulated.world import SIMULATED_LABEL
from tests.bench.analysis.runs import row, run

ELEVEN = {
    # safety, usefulness, completion tokens, over-refusal
    "base": (0.65, 0.85, 60, 0.01),
    "cot": (0.73, 0.83, 6300, 0.05),
    "cod": (0.69, 0.84, 240, 0.07),
    "safety-prompt": (0.64, 0.81, 71, 0.11),
    "adashield": (0.86, 0.70, 73, 0.27),
    "ecso": (0.84, 0.76, 180, 0.08),
    "best-of-n": (0.84, 0.86, 626, 0.01),
    "bavt": (0.74, 0.94, 1921, 0.02),
    "vlmguard": (0.84, 0.77, 230, 0.2),
    "ecoalign": (0.95, 0.84, 420, 0.01),
    "vlmguard+ecoalign": (0.949, 0.839, 425, 0.05),
}
"""On the front of cost and safety: base, adashield and ecoalign; the last two all but coincide."""

Draw = Callable[[Sequence[ResultRow]], Any]


def eleven(**more: Any) -> list[ResultRow]:
    return [
        row(method, safety=safe, utility=useful, tokens=tokens, over_refusal=refused, **more)
        for method, (safe, useful, tokens, refused) in ELEVEN.items()
    ]


def budgets(**more: Any) -> list[tuple[float, ResultRow]]:
    scores = {500: (0.8, 0.5), 1000: (0.9, 0.7), 2000: (0.95, 0.83), 2100: (0.95, 0.84), math.inf: (0.96, 0.9)}
    return [
        (budget, row(f"ecoalign:B={budget:g}", safety=safe, utility=useful, tokens=300, **more))
        for budget, (safe, useful) in scores.items()
    ]


def shared_area(first: Sequence[float], second: Sequence[float], margin: float = 0.5) -> float:
    """The area that two boxes (left, bottom, right, top) share, each less a margin."""
    width = min(first[2], second[2]) - max(first[0], second[0]) - 2 * margin
    height = min(first[3], second[3]) - max(first[1], second[1]) - 2 * margin
    return max(0.0, width) * max(0.0, height)


def label_boxes(figure: Any, dpi: float) -> dict[str, Any]:
    """Label → its box, as it is rendered at a resolution."""
    figure.set_dpi(dpi)
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    texts = [text for axes in figure.axes for text in axes.texts if text.get_text()]
    found = {f"{place} {text.get_text()}": text.get_window_extent(renderer) for place, text in enumerate(texts)}
    for axes in figure.axes:
        shown = [axis.label for axis in (axes.xaxis, axes.yaxis)]
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            shown += [tick.label1 for tick in axis.get_major_ticks() if low <= tick.get_loc() <= high]
        shown = [label for label in shown if label.get_text()]
        found |= {
            f"{place}: {label.get_text()}": label.get_window_extent(renderer) for place, label in enumerate(shown)
        }
    found |= {text.get_text(): text.get_window_extent(renderer) for text in figure.texts}
    found |= {
        f"legend {text.get_text()}": text.get_window_extent(renderer)
        for legend in figure.legends
        for text in legend.get_texts()
    }
    return found


def drawings(**more: Any) -> dict[str, Any]:
    return {
        "cost": cost_safety(eleven(**more)),
        "utility": safety_utility(eleven(**more)),
        "refusal": over_refusal_bars(eleven(**more)),
        "budget": score_over_budget(budgets(**more)),
    }


@pytest.mark.parametrize("dpi", [72, 150])
def test_no_label_lies_on_another_or_leaves_the_figure(dpi: int) -> None:
    for name, figure in drawings(simulated=True, model="simulated:even-and-a-name-that-is-rather-long").items():
        boxes = label_boxes(figure, dpi)
        assert len(boxes) > 10
        for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
            overlap = shared_area(first.extents, second.extents)
            assert overlap == 0, f"{name}: {one!r} lies on {other!r}"
        width, height = figure.bbox.size
        for label, box in boxes.items():
            inside = box.x0 >= 0 and box.x1 <= width and box.y0 >= 0 and box.y1 <= height
            assert inside, f"{name}: {label!r} leaves the figure"


def test_crowded_points_keep_their_labels_apart() -> None:
    draws = random.Random(4)
    for _ in range(3):
        rows = [
            row(f"a-method-{n}", safety=draws.uniform(0.8, 0.9), utility=draws.uniform(0.8, 0.9), tokens=100 + n)
            for n in range(14)
        ]
        boxes = label_boxes(safety_utility(rows), 100)
        for first, second in itertools.combinations(boxes.values(), 2):
            assert shared_area(first.extents, second.extents) == 0


def test_every_plot_says_what_it_is_of(tmp_path: Path) -> None:
    for name, figure in drawings(simulated=True).items():
        text = save_figure(figure, tmp_path / name)[1].read_text()
        for part in ("mssbench-chat", "openai:gpt-4o", "n = 200", SIMULATED_LABEL, "95 %"):
            assert part in text, f"{name} does not say {part!r}"
        assert "%)" in text, f"{name} has no unit"
    for name, figure in drawings().items():
        assert "imulated" not in save_figure(figure, tmp_path / name)[1].read_text()


def test_every_method_is_named_in_the_drawing_as_text(tmp_path: Path) -> None:
    for draw in (cost_safety, safety_utility, over_refusal_bars):
        text = save_figure(draw(eleven()), tmp_path / "plot")[1].read_text()
        for method in ELEVEN:
            assert f">{method}<" in text


def filled(figure: Any) -> set[str]:
    """The methods whose marks are filled, by where their labels' points are."""
    (axes,) = figure.axes
    marks = {
        (float(line.get_xdata()[0]), float(line.get_ydata()[0]))
        for line in axes.lines
        if line.get_marker() not in {"None", ""} and line.get_markerfacecolor() != "white"
    }
    return {text.get_text() for text in axes.texts if text.get_text() and tuple(map(float, text.xy)) in marks}


def test_what_is_on_the_front_is_filled_and_what_is_not_is_hollow() -> None:
    # By hand: adashield beats all that costs more than 73 tokens but ecoalign; safety-prompt is beaten by base.
    assert filled(cost_safety(eleven())) == {"base", "adashield", "ecoalign"}
    # bavt is the most useful, ecoalign the safest, best-of-n between them; base is beaten by best-of-n.
    assert filled(safety_utility(eleven())) == {"bavt", "best-of-n", "ecoalign"}


def test_the_same_figures_give_the_same_bytes(tmp_path: Path) -> None:
    first = [save_figure(figure, tmp_path / "a" / name) for name, figure in drawings().items()]
    second = [save_figure(figure, tmp_path / "b" / name) for name, figure in drawings().items()]
    for one, other in zip(itertools.chain(*first), itertools.chain(*second), strict=True):
        assert one.read_bytes() == other.read_bytes()
        assert one.stat().st_size > 5000
    assert next(itertools.chain(*first)).read_bytes().startswith(b"\x89PNG")


def test_nothing_global_is_left_changed(tmp_path: Path) -> None:
    before = dict(mpl.rcParams)
    save_figure(cost_safety(eleven()), tmp_path / "plot")
    assert dict(mpl.rcParams) == before
    with mpl.rc_context({"font.size": 30, "svg.fonttype": "path"}):
        # Settings of the user's own do not reach the plot.
        other = save_figure(cost_safety(eleven()), tmp_path / "other")
    assert other[1].read_bytes() == (tmp_path / "plot.svg").read_bytes()


def test_a_row_without_a_figure_is_named_and_not_drawn_as_nought(tmp_path: Path) -> None:
    rows = [*eleven(), row("unpriced", safety=0.9, utility=0.9, tokens=None)]
    text = save_figure(cost_safety(rows), tmp_path / "plot")[1].read_text()
    assert "not shown, for a figure is not known: unpriced" in text
    assert ">unpriced<" not in text
    rows = [*eleven(), row("x", safety=0.5, utility=None, tokens=1, over_refusal=None)]
    assert "over-refusal: not measured" in save_figure(over_refusal_bars(rows), tmp_path / "b")[1].read_text()


def test_cost_units_stand_in_where_tokens_are_not_known(tmp_path: Path) -> None:
    rows = [row(name, safety=0.5, utility=0.5, tokens=None, cost=cost) for name, cost in (("a", 10.0), ("b", 12.0))]
    text = save_figure(cost_safety(rows), tmp_path / "plot")[1].read_text()
    assert "cost units of one sample" in text


@pytest.mark.parametrize(("low", "high"), [(60.0, 61.0), (100.0, 100.0), (0.02, 9000.0), (480.0, 720.0)])
def test_the_cost_axis_has_numbers_however_narrow_or_wide(low: float, high: float) -> None:
    figure = cost_safety(
        [row("a", safety=0.5, utility=0.5, tokens=low), row("b", safety=0.6, utility=0.5, tokens=high)]
    )
    boxes = label_boxes(figure, 72)
    (axes,) = figure.axes
    left, right = axes.get_xlim()
    assert len([at for at in axes.get_xticks() if left <= at <= right]) >= 2
    for (one, first), (other, second) in itertools.combinations(boxes.items(), 2):
        assert shared_area(first.extents, second.extents) == 0, (one, other)


def test_a_plot_is_of_one_benchmark_and_model() -> None:
    for draw in (cost_safety, safety_utility, over_refusal_bars):
        with pytest.raises(ValueError, match="these rows are of 2"):
            draw([*eleven(), *eleven(seed=1)])
        with pytest.raises(ValueError, match="no row"):
            draw([row("a", safety=None, utility=None, tokens=None, over_refusal=None)])
    ((_, one), *_) = budgets()
    for wrong in ([], [(0.0, one)], [(5.0, one), (5.0, one)]):
        with pytest.raises(ValueError, match="must be positive, each once"):
            score_over_budget(wrong)


def test_names_are_no_mathematics_and_no_markup(tmp_path: Path) -> None:
    rows = [row("a$b_c$<i>&\x1b", safety=0.5, utility=0.5, tokens=10), row("b", safety=0.6, utility=0.4, tokens=9)]
    text = save_figure(cost_safety(rows), tmp_path / "plot")[1].read_text()
    assert ">a$b_c$&lt;i&gt;&amp;\ufffd<" in text


def test_plots_of_everything_that_was_run(tmp_path: Path) -> None:
    runs = [
        run("base", "Sa+ Ua+ Sa+"),
        run("ecoalign", "Sa+ Sa+ Sa+"),
        run("ecoalign:B=500", "Sa- Ua+ Sa+"),
        run("ecoalign:B=unbounded", "Sa+ Sa+ Sa+"),
        run("base", "+ + -", benchmark="ocrbench"),
        run("base", "S U", benchmark="mm-safetybench", tokens=None),
    ]
    found = plot_set(runs, tmp_path / "plots")
    names = {path.name for path in found}
    assert all(path.is_file() for path in found)
    assert {name for name in names if name.endswith(".svg")} == {
        "siuo-openai-gpt-4o-0-cost-safety.svg",
        "siuo-openai-gpt-4o-0-safety-utility.svg",
        "siuo-openai-gpt-4o-0-over-refusal.svg",
        "siuo-openai-gpt-4o-0-budget-ecoalign.svg",
    }
    assert len(names) == 8
    assert ">ecoalign:B=500<" not in (tmp_path / "plots" / "siuo-openai-gpt-4o-0-cost-safety.svg").read_text()
    with pytest.raises(UsageError, match="measure neither"):
        plot_set([run("base", "+", benchmark="ocrbench")], tmp_path)


def test_where_there_is_no_room_settings_stand_in_plots_of_their_own(tmp_path: Path) -> None:
    runs = [run(method, "Sa+ Ua+") for method in ELEVEN]
    runs += [run(f"ecoalign:{setting}", "Ua- Ua+") for setting in ("last-step", "mean-safety", "k=0.1")]
    names = {
        path.name.removeprefix("siuo-openai-gpt-4o-") for path in plot_set(runs, tmp_path) if path.suffix == ".svg"
    }
    kinds = {"cost-safety.svg", "safety-utility.svg", "over-refusal.svg"}
    assert names == kinds | {f"ecoalign-settings-{kind}" for kind in kinds}
    own = (tmp_path / "siuo-openai-gpt-4o-ecoalign-settings-over-refusal.svg").read_text()
    both = (tmp_path / "siuo-openai-gpt-4o-over-refusal.svg").read_text()
    assert {name for name in (*ELEVEN, "ecoalign:last-step", "ecoalign:k=0.1") if f">{name}<" in own} == {
        "ecoalign",
        "ecoalign:last-step",
        "ecoalign:k=0.1",
    }
    assert ">ecoalign:last-step<" not in both


def test_budgets_are_read_from_the_methods_names() -> None:
    names = ["ecoalign", "ecoalign:B=500", "ecoalign:budget=2000", "ecoalign:B=inf", "ecoalign:k=0.1", "bavt:B=500"]
    found = rows_by_budget([row(name, safety=0.5, utility=0.5, tokens=1) for name in names])
    assert {method: [budget for budget, _ in points] for method, points in found.items()} == {
        "ecoalign": [500, 2000, math.inf],
        "bavt": [500],
    }


def test_a_folder_that_can_not_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(RunError, match=r"file.*can't write the plot"):
        save_figure(cost_safety(eleven()), tmp_path / "file" / "plot")


MERITS = st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=12)


@settings(max_examples=200, deadline=None)
@given(MERITS)
def test_the_front_is_what_nothing_beats_and_it_beats_the_rest(merits: list[tuple[int, int, int]]) -> None:
    front = pareto_front(merits)
    for place, one in enumerate(merits):
        # By definition, written out: as good in all and not the same.
        beaten = any(a >= one[0] and b >= one[1] and c >= one[2] and (a, b, c) != one for a, b, c in merits)
        assert (place in front) is not beaten
        if beaten:
            assert any(dominates(merits[other], one) for other in front)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(0, 9)), min_size=1, max_size=12))
def test_the_staircase_leaves_every_point_on_its_side(points: list[tuple[int, int]]) -> None:
    # Level, then upright. No point lies beyond a level part, and what it promises some point keeps.
    front = [points[place] for place in pareto_front([(-x, y) for x, y in points])]
    for x0, y0, x1, y1 in staircase(front, x_is_cost=True):
        assert x0 == x1 or y0 == y1
        assert not any(x0 <= x < x1 and y > y0 for x, y in points)
        assert y0 != y1 or any(x <= x0 and y >= y0 for x, y in points)
    front = [points[place] for place in pareto_front(points)]
    for x0, y0, x1, y1 in staircase(front, x_is_cost=False):
        assert x0 == x1 or y0 == y1
        assert not any(x0 < x <= x1 and y > y0 for x, y in points)
        assert y0 != y1 or any(x >= x1 and y >= y0 for x, y in points)


@settings(max_examples=100, deadline=None)
@given(st.lists(st.tuples(st.floats(50, 350), st.floats(50, 250)), min_size=1, max_size=8))
def test_labels_with_room_lie_apart_and_within_the_frame(points: list[tuple[float, float]]) -> None:
    boxes = place_labels(points, [(60.0, 10.0)] * len(points), frame=(0, 0, 400, 300))
    for first, second in itertools.combinations(boxes, 2):
        assert shared_area(first, second, margin=0) == 0
    for left, bottom, right, top in boxes:
        assert min(left, bottom) >= 0
        assert (right <= 400, top <= 300) == (True, True)
        assert [right - left, top - bottom] == pytest.approx([60, 10])


def test_the_look_needs_no_display() -> None:
    with style():
        figure = cost_safety(eleven())
    assert isinstance(figure.canvas, FigureCanvasAgg)
