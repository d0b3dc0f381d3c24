"""What models cost in money: tables of published prices, and the tariffs that follow from them.

A table is a TOML file; ``prices.toml`` beside this module is the shipped one and shows its form. Prices are never
guessed: a model is priced under its own name or it is not priced, and then the amount is unknown, which is not zero.

A model is looked for under these names, in this order, in the user's table and then in the shipped one:

1. as it was named, ``openai:gpt-4o-mini-2024-07-18``, or with its provider where only an object was given;
2. the same without a date at its end, ``-2024-07-18`` or ``-20240718``: ``openai:gpt-4o-mini``;
3. both without the provider, what stands before the first colon: so an entry ``gpt-4o-mini`` is for any provider.

Source: ours.
"""

import datetime as dt
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any

from ecoalign_agent.economics.cost import MonetaryTariff, Price, Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.validation import require_known_names
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.settings import read_toml

SHIPPED = Path(__file__).with_name("prices.toml")
"""The table that goes with the package."""

FREE = Price(0, 0, 0, 0, currency="", source="nothing is billed", date="")
"""The embedded model's price: known, and nothing, in any currency."""

_DATE = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})\Z")
_AMOUNTS = ("text", "image", "cached", "completion")
_TOLD = ("currency", "source", "date")
_CLASSES = {"ChatOpenAI": "openai", "ChatAnthropic": "anthropic", "ChatGoogleGenerativeAI": "google_genai"}
"""Providers by the class of a model object that was given instead of a name."""
_OWN_ADDRESSES = ("openai.com", "anthropic.com")


@dataclass(frozen=True)
class PriceTable:
    """Prices by model: the first table that knows a model counts.

    Attributes:
        own: the user's tables, the one that counts most first.
        shipped: the one that goes with the package, after all of them.
    """

    own: Sequence[Mapping[str, Price]] = ()
    shipped: Mapping[str, Price] = field(default_factory=dict)

    def find(self, names: Iterable[str], *, shipped: bool = True) -> Price | None:
        """The price of a model that goes by ``names``, in order of precedence; None: it is not known."""
        wanted = [name for given in names for name in _names(given)]
        tables = [*self.own, self.shipped] if shipped else self.own
        return next((table[name] for table in tables for name in wanted if name in table), None)

    def of(self, endpoint: Endpoint | ModerationEndpoint) -> Price | None:
        """The price of an endpoint's model; None: it is not known."""
        if isinstance(endpoint, ModerationEndpoint):
            return FREE if endpoint.free else self.find([endpoint.name], shipped=endpoint.official)
        kind, model = type(endpoint.model).__name__, endpoint.facts.model_name
        if kind == "OfflineModel":
            return FREE
        names = [endpoint.name]
        if model:
            names += [f"{_CLASSES[kind]}:{model}"] if kind in _CLASSES else []
            names.append(model)
        own = self.find(names, shipped=False)
        found, host = own or self.find(names), endpoint.facts.address.partition(":")[0]
        if own is not None or found is None or not host or host.endswith(_OWN_ADDRESSES):
            return found
        return replace(found, source=f"{found.source}; what {endpoint.facts.address} bills is its own affair")


def price_table(*files: str | Path | None) -> PriceTable:
    """The tables in ``files``, those that are named, with the shipped one last.

    Raises:
        UsageError: a file can't be read, or is no TOML.
        PolicyError: an entry is wrong; the message names file, model, field and value.
    """
    return PriceTable([read_prices(file) for file in files if file], _shipped())


def read_prices(file: str | Path) -> Mapping[str, Price]:
    """The prices in a TOML file, by model.

    Raises:
        UsageError: there is no such file, or it is no TOML.
        PolicyError: an entry is wrong; the message names file, model, field and value.
    """
    of = f"price file {str(file)!r}"
    entries = read_toml(file, what="price file")
    told = {key: entries.pop(key) for key in _TOLD if key in entries and not isinstance(entries[key], dict)}
    try:
        return {model.lower(): _price(model, entry, told) for model, entry in entries.items()}
    except PolicyError as error:
        raise PolicyError(f"{of}: {error}") from error


def priced_policy(
    policy: Policy, *, endpoints: Sequence[Endpoint | ModerationEndpoint], files: Sequence[str | Path | None]
) -> tuple[Policy, Mapping[str, Price], Mapping[str, Tariff]]:
    """The policy as it can be reckoned with, the known prices by endpoint, and tariffs where each has its own.

    Args:
        policy: every knob; the prices that it names are read after the first of ``files``.
        endpoints: whom the search asks, the actor first.
        files: the user's own tables, the one that counts most first.

    Raises:
        UsageError: a file can't be read; or the tariff is money, and a price is not known.
        PolicyError: an entry is wrong; or the tariff is money, and the budget was not set.
    """
    told = policy.tariff.prices if isinstance(policy.tariff, MonetaryTariff) else None
    table = price_table(*files[:1], told, *files[1:])
    prices = {endpoint.name: table.of(endpoint) for endpoint in endpoints}
    governed, tariffs = in_money(policy, prices, actor=endpoints[0].name)
    return governed, {name: price for name, price in prices.items() if price is not None}, tariffs


def in_money(policy: Policy, prices: Mapping[str, Price | None], *, actor: str) -> tuple[Policy, Mapping[str, Tariff]]:
    """The policy with its models' prices where it asks for money, and the tariff of each endpoint; else as it is.

    The budget is then in money, and must have been set. `unit`, which is in completion tokens by default, becomes what
    so many completion tokens of the actor cost: the look-ahead then shrinks as it does under the default tariff.

    Args:
        policy: every knob.
        prices: of every endpoint, by name; None: not known.
        actor: the answering endpoint's name.

    Raises:
        UsageError: a price is not known, the prices are in several currencies, or the actor is free.
        PolicyError: the budget was not set.
    """
    if not isinstance(policy.tariff, MonetaryTariff):
        return policy, {}
    known = {name: price for name, price in prices.items() if price is not None}
    missing = [name for name in prices if name not in known]
    if missing:
        raise UsageError(f"tariff money: no price known for {missing[0]}: add it with --prices FILE.toml")
    own = known[actor]
    if own.free:
        raise UsageError(f"tariff money: {actor} is free, so that no budget in money bounds it; leave the tariff out")
    for name, price in known.items():
        if not price.free and price.currency != own.currency:
            raise UsageError(
                f"tariff money: {name} is priced in {price.currency}, {actor} in {own.currency}: "
                "give both in one currency, with --prices FILE.toml"
            )
    if policy.budget in {preset.budget for preset in (Policy(), Policy.frugal(), Policy.paper())}:
        raise PolicyError(
            f"policy: budget is {policy.budget:g}, a default in tokens, but the tariff is money: "
            f"say how much {own.currency} one request may spend, such as --budget 0.05"
        )
    tariffs = {name: price.tariff() for name, price in known.items()}
    tariff = tariffs[actor]
    return policy.replace(tariff=tariff, unit=policy.unit * tariff.completion), tariffs


@cache
def _shipped() -> Mapping[str, Price]:
    return read_prices(SHIPPED)


def _names(name: str) -> list[str]:
    whole = name.strip().lower()
    bare = whole.partition(":")[2]
    spelt = [whole, _DATE.sub("", whole), *([bare, _DATE.sub("", bare)] if bare else [])]
    return list(dict.fromkeys(spelt))


def _price(model: str, entry: object, told: Mapping[str, Any]) -> Price:
    if not isinstance(entry, Mapping):
        raise PolicyError(f"{model} is {entry!r}, must be a table of prices such as ['openai:gpt-4o']")
    if entry and all(isinstance(value, Mapping) for value in entry.values()):
        raise PolicyError(f"{model} holds another table: put a name with a dot in quotes, such as ['gpt-4.1']")
    require_known_names([str(part) for part in entry], (*_AMOUNTS, *_TOLD, "free"), subject=model)
    values = {**told, **entry}
    free = values.get("free", False)
    if not isinstance(free, bool):
        raise PolicyError(f"{model}: free is {free!r}, must be true or false")
    amounts = {part: _amount(model, part, values[part], free=free) for part in _AMOUNTS if part in values}
    missing = [part for part in ("text", "completion") if part not in amounts and not free]
    if missing:
        raise PolicyError(f"{model}: {missing[0]} is missing: a price per million tokens, or free = true")
    text = amounts.get("text", 0.0)
    return Price(
        text=text,
        image=amounts.get("image", text),
        cached=amounts.get("cached", text),
        completion=amounts.get("completion", 0.0),
        currency=_word(model, "currency", values),
        source=_word(model, "source", values),
        date=_day(model, values),
    )


def _amount(model: str, part: str, value: object, *, free: bool) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise PolicyError(f"{model}: {part} is {value!r}, must be a price per million tokens")
    if not 0 <= value < math.inf:
        raise PolicyError(f"{model}: {part} is {value!r}, must be at least 0 and finite")
    if value == 0 and not free:
        raise PolicyError(f"{model}: {part} is 0: write free = true beside it, where nothing is billed")
    return float(value)


def _word(model: str, part: str, values: Mapping[str, Any]) -> str:
    value = values.get(part)
    if not isinstance(value, str) or not value.strip():
        said = "missing" if value is None else repr(value)
        example = {"currency": '"USD"', "source": '"the provider\'s public price list"'}[part]
        raise PolicyError(f"{model}: {part} is {said}, must be a text such as {example}")
    return value.strip()


def _day(model: str, values: Mapping[str, Any]) -> str:
    value = values.get("date")
    if isinstance(value, dt.datetime) or not isinstance(value, dt.date):
        said = "missing" if value is None else repr(value)
        raise PolicyError(f"{model}: date is {said}, must be the day the prices were read, such as 2026-05-27")
    return value.isoformat()
