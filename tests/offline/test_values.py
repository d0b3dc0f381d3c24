"""Values in lines of text."""

import pytest

from ecoalign_agent.offline.values import ValueType, bounds, minutes, normalised, values_in


@pytest.mark.parametrize(
    ("kind", "text", "values"),
    [
        ("time", "Saturday 10:00 - 20:00", ["10:00 - 20:00"]),
        ("time", "Open 9am to 5.30pm", ["9am to 5.30pm"]),
        ("time", "Departs 17:42", ["17:42"]),
        ("time", "Monday closed", ["closed"]),
        ("time", "Adults 9.50 EUR", []),
        ("money", "Coffee beans 1 kg 13.90", ["13.90"]),
        ("money", "Adults 9.50 EUR", ["9.50 EUR"]),
        ("money", "TOTAL EUR 52.47", ["EUR 52.47"]),
        ("money", "Loyalty discount -2.50", ["-2.50"]),
        ("money", "$1,250.00 or £3", ["$1,250.00", "£3"]),
        ("money", "Children under 12 free", ["free"]),
        ("money", "Apples 1.310 kg", []),
        ("money", "14.03.2025", []),
        ("money", "10:00", []),
        ("date", "Date 14.03.2025", ["14.03.2025"]),
        ("date", "Best before March 2026", ["March 2026"]),
        ("date", "14 March 2025 and 2025-03-15", ["14 March 2025", "2025-03-15"]),
        ("phone", "Phone 01632 960 144", ["01632 960 144"]),
        ("phone", "+44 1632 960144", ["+44 1632 960144"]),
        ("phone", "14.03.2025", []),
        ("email", "write to info@example.org", ["info@example.org"]),
        ("website", "see www.example.org/visit", ["www.example.org/visit"]),
        ("address", "12 Mill Lane, Oakham", ["12 Mill Lane, Oakham"]),
        ("number", "Station 400 m", ["400 m"]),
        ("number", "Receipt 20418", ["20418"]),
        ("number", "Line U4, platform 12", ["U4", "12"]),
        ("number", "10:00", []),
    ],
)
def test_values_by_type(kind: ValueType, text: str, values: list[str]) -> None:
    assert sorted(values_in(text, kind)) == sorted(values)


def test_the_ends_of_a_range() -> None:
    assert bounds("Saturday 10:00 – 20:00") == ("10:00", "20:00")
    assert bounds("at 10:00") is None


@pytest.mark.parametrize(
    ("clock", "after_midnight"),
    # 17:42 = 17 · 60 + 42; 12am is midnight, 12pm is noon.
    [("17:42", 1062), ("9am", 540), ("5:30 pm", 1050), ("12am", 0), ("12pm", 720), ("noon", 720), ("soon", None)],
)
def test_times_in_minutes(clock: str, after_midnight: int | None) -> None:
    assert minutes(clock) == after_midnight


def test_values_compare_by_what_they_say() -> None:
    assert normalised("10:00 – 20:00") == normalised("10:00-20:00") == normalised("10:00 to 20:00")
    assert normalised("EUR 52.47.") == "eur52.47"
