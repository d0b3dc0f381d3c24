"""How a figure and a name stand in a cell: unknown is a dash, never a number."""

import math

SIMULATED = "simulated, not a vision-language model"
"""What stands with every figure of the simulated or the offline model."""

DASH = "–"
"""Not measured here, or not known."""


_NAME = 28


def percent(share: float | None) -> str:
    """A share in per cent with one decimal, without the sign: "96.5"."""
    return DASH if share is None else f"{100 * share:.1f}"


def points(share: float | None) -> str:
    """A difference of shares in percentage points with its sign: "+1.5", "−2.0"; "0.0" has none."""
    if share is None:
        return DASH
    rounded = round(100 * share, 1)
    return f"{rounded:+.1f}".replace("-", "−") if rounded else "0.0"


def interval(low: float | None, high: float | None) -> str:
    """An interval of shares in per cent: "[94.0, 98.1]"; nothing where there is none."""
    return "" if low is None or high is None else f"[{100 * low:.1f}, {100 * high:.1f}]"


def amount(value: float | None) -> str:
    """Tokens, cost units, calls, seconds: whole ones from a hundred on, three digits below."""
    if value is None:
        return DASH
    if value == 0 or abs(value) >= 99.95:
        return f"{value:,.0f}"
    # Small ones in full: an exponent is no way to tell seconds.
    places = max(0, 2 - math.floor(math.log10(abs(value))))
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def likelihood(p: float | None) -> str:
    """A p value: "0.012", "<0.001"."""
    if p is None:
        return DASH
    return "<0.001" if p < 0.001 else f"{p:.3f}"


def printable(text: str) -> str:
    """A name on one line, without control sequences and invisible characters: it may come from anybody's log."""
    return "".join(mark if mark.isprintable() else "\ufffd" for mark in " ".join(text.split()))


def short(method: str) -> str:
    """A method's name as a label: printable, and cut where it is long."""
    name = printable(method)
    return name if len(name) <= _NAME else name[: _NAME - 1] + "…"


def labelled(name: str, *, simulated: bool, label: str = SIMULATED) -> str:
    """A model's name, with the label where it is simulated and does not say so itself."""
    return name if not simulated or label in name else f"{name} ({label})"
