"""What tuning will take and what it found, in lines for a person. Ours."""

from collections.abc import Iterator, Sequence

from ecoalign_agent.benching.tuning.estimate import Estimate
from ecoalign_agent.benching.tuning.held_out import Difference, Outcome
from ecoalign_agent.benching.tuning.report import FrontRow, TuneReport

_FINDINGS: dict[Outcome, str] = {
    "better": "on held-out samples the tuned policy is better than the published k and δ: {gains}{rest}",
    "a trade": "on held-out samples the tuned policy is a trade, not better: {gains}, but {losses}",
    "not shown safe": (
        "on held-out samples the tuned policy is ahead ({gains}), but that it costs no safety or utility is not shown: "
        "more samples would tell"
    ),
    "worse": "on held-out samples the tuned policy is WORSE than the published k and δ: {losses}",
    "no better": "on held-out samples the tuned policy is NOT shown to be better than the published k and δ",
    "the same": "the tuned policy is no other than the published one, or does the same on every held-out sample",
}


def finding_of(verdict: Outcome, result: Sequence[Difference]) -> str:
    """The verdict in one sentence."""
    three = [one for one in result if one.figure != "over-refusal" and one.difference]
    good = {one.figure: (one.difference or 0.0) * (-1 if one.figure == "cost" else 1) for one in three}
    gains = [_change(one) for one in three if good[one.figure] > 0 and one.p < 0.05 / 3]
    losses = [_change(one) for one in three if good[one.figure] < 0 and one.p < 0.05]
    others = [_change(one) for one in three if one.p >= 0.05 / 3]
    rest = f"; {', '.join(others)}, which shows nothing" if others else ""
    return _FINDINGS[verdict].format(gains=", ".join(gains), losses=", ".join(losses), rest=rest)


def report_lines(report: TuneReport) -> Iterator[str]:
    """For a person: the front, what was taken, and the result."""
    label = f" ({report.label})" if report.label and report.label not in report.model else ""
    yield f"model    {report.model}{label}, judge: {report.judge or 'none'}"
    yield ""
    yield f"front on {report.front[0].n} tuning samples (figures to choose by, not the result)"
    yield "      budget      k     δ  width  branching  batch  safety  utility  over-refusal     cost"
    beside = [] if any(row.published for row in report.front) else [report.published]
    for row in [*report.front, *beside]:
        knobs, mark = row.policy, "*" if row.chosen else " "
        yield (
            f"  {mark} {_amount(knobs.budget):>8}  {knobs.k:>5g}  {knobs.discount:>4g}  {knobs.width:>5}  "
            f"{knobs.branching:>9}  {knobs.batch:>5}  {_percent(row.safety):>6}  {_percent(row.utility):>7}  "
            f"{_percent(row.over_refusal):>12}  {_amount(row.cost):>7}{_remark(row, beside)}"
        )
    yield f"  * taken by --prefer {report.prefer}: {report.rule}"
    yield ""
    yield f"result on {report.held_out} held-out samples     (95 % intervals; shares in percent)"
    yield "                      published               tuned   difference             better/worse        p"
    for one in report.result:
        yield (
            f"  {one.figure:<12} {_figure(one, 'published'):>18}  {_figure(one, 'tuned'):>18}   "
            f"{_difference(one):<24} {one.better:>5}/{one.worse:<5}  {one.p:>7.3g}"
        )
    yield f"  {report.finding}"
    yield ""
    what = "the tuned policy" if report.written == "tuned" else "the PUBLISHED policy, as the tuned one was worse"
    yield f"policy   {report.file}: {what}; use it: ecoalign ask … --policy {report.file}"
    yield (
        f"cost     {_amount(report.spent)} cost units ({report.tariff}) in {report.calls:,} calls, "
        f"{report.judge_calls:,} verdicts ({_amount(report.judge_spent)} units) · {report.seconds:.0f} s"
    )
    if report.failed:
        yield f"failed   {len(report.failed)} of {report.trials} policies; the first: {report.failed[0]}"
    yield from (f"note     {note}" for note in report.notes)


def estimate_lines(found: Estimate, *, tariff: str) -> Iterator[str]:
    """For a person, before anything is spent."""
    yield (
        f"about {found.runs:,} runs, {found.calls:,} model calls, {found.prompt_tokens:,} prompt and "
        f"{found.completion_tokens:,} completion tokens (rough: as the default policy takes on the simulated model)"
    )
    yield f"at the very most {_amount(found.most_cost)} cost units ({tariff}): every run its whole budget"
    if found.verdicts:
        price = _price(found.judge_price, found.judge_currency)
        yield f"and up to {found.verdicts:,} verdicts of the judge ({price}); the same text is judged once"
    yield f"price: {_price(found.price, found.currency)}"


def _price(amount: float | None, currency: str | None) -> str:
    if amount is None:
        return "not known for this model; --prices FILE tells it"
    return "nothing is billed" if currency is None else f"about {amount:.2f} {currency}"


def _remark(row: FrontRow, beside: Sequence[FrontRow]) -> str:
    return ("  published, not on the front" if row in beside else "  published") if row.published else ""


def _change(one: Difference) -> str:
    change = one.difference or 0.0
    if one.figure == "cost":
        return f"cost {100 * change / one.published:+.0f} %" if one.published else f"cost {change:+.3g}"
    return f"{one.figure} {100 * change:+.1f} points"


def _figure(one: Difference, side: str) -> str:
    mean, low, high = (getattr(one, name) for name in (side, f"{side}_low", f"{side}_high"))
    if mean is None:
        return "-"
    if one.figure == "cost":
        return _amount(mean)
    return f"{_percent(mean)} [{_percent(low)}, {_percent(high)}]"


def _difference(one: Difference) -> str:
    if one.difference is None:
        return "-"
    if one.figure == "cost":
        bounds = "" if one.low is None or one.high is None else f" [{one.low:+.3g}, {one.high:+.3g}]"
        return f"{one.difference:+.3g}{bounds}"
    bounds = "" if one.low is None or one.high is None else f" [{100 * one.low:+.1f}, {100 * one.high:+.1f}]"
    return f"{100 * one.difference:+.1f}{bounds}"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.1f}"


def _amount(cost: float) -> str:
    return f"{cost:,.0f}" if cost >= 100 or cost == 0 else f"{cost:.3g}"
