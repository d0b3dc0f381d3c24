"""Policies and tariffs that a search is driven under, drawn at random."""

import random

from ecoalign_agent import Policy, Tariff

TARIFFS = {
    "equivalents": Tariff(),
    "processed": Tariff.processed(),
    "money": Tariff.priced(text=0.15, completion=0.6, cached=0.075),
    "dear pictures": Tariff(text=0.2, image=1.5, cached=0.1, completion=1.0),
    "dear cache": Tariff(text=0.25, image=0.25, cached=0.5, completion=1.0),
}
"""What tokens cost where the search is driven; in the last a token from the cache costs more than another."""


def drawn_policy(dice: random.Random, *, deadline: float | None = None) -> Policy:
    """Any preset, with other settings, tariff and budget, from one that is too small to one that is never used up."""
    base = dice.choice([Policy(), Policy.frugal(), Policy.strict(), Policy.paper()])
    tariff = TARIFFS[dice.choice(list(TARIFFS))]
    # What a budget buys goes by the tariff: prompts are the larger part.
    scale = tariff.completion * (3.0 if tariff.text >= tariff.completion else 1.0)
    return base.replace(
        tariff=tariff,
        budget=6_000.0 * scale * 2.0 ** dice.uniform(-1.8, 3.0),
        unit=20.0 * scale,
        width=dice.randint(1, 3),
        branching=dice.randint(1, 4),
        batch=dice.randint(1, 4),
        forecasts=dice.choice(["inline", "simulated", "auto"]),
        value=dice.choice(["rate", "npv"]),
        choice=dice.choice(["satisfied", "gamma"]),
        answers=dice.choice(["early", "early", "end"]),
        max_rounds=dice.choice([1, 4, 12]),
        draft=dice.random() < 0.5,
        confirm_decline=dice.random() < 0.5,
        partial=dice.random() < 0.5,
        assess_answers_twice=dice.random() < 0.3,
        deadline=deadline,
    )
