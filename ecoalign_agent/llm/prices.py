"""Prices of models in money: tables of published prices, and the tariffs that follow from them.

A table is a TOML file; ``prices.toml`` beside this module is the shipped one and shows its form. Prices are never
guessed: a model is priced under its own name or it is not priced, and then the amount is unknown, which is not zero.

A model is looked for under these names, in this order, in the user's tables and then in the shipped one:

1. its given name, ``openai:gpt-4o-mini-2024-07-18``, or with its provider if only an object was given;
2. the same without a date at its end, ``-2024-07-18`` or ``-20240718``: ``openai:gpt-4o-mini``;
3. both without the provider, the part before the first colon: so an entry ``gpt-4o-mini`` is for any provider.

Source: ours.
"""

import datetime as dt
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from ecoalign_agent.economics.cost import TOKEN_PARTS, MonetaryTariff, Price, Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.economics.validation import explain
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint

FREE = Price(0, 0, 0, 0, currency="", source="nothing is billed", date="")
"""Price of the embedded model: known, and nothing, in any currency."""

_SHIPPED = Path(__file__).with_name("prices.toml")
_DATE_SUFFIX = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8})\Z")
_PROVIDERS = {"ChatOpenAI": "openai", "ChatAnthropic": "anthropic", "ChatGoogleGenerativeAI": "google_genai"}
"""Providers by the class of a model object that was given instead of a name."""
_PROVIDER_HOSTS = ("openai.com", "anthropic.com")

_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False, description="a price per million tokens, at least 0")]


class _Entry(BaseModel):
    """One model in a table of prices."""

    model_config = ConfigDict(strict=True, extra="forbid")

    text: _Amount = 0.0
    image: _Amount = 0.0
    cached: _Amount = 0.0
    completion: _Amount = 0.0
    currency: str = Field(pattern=r"\S", description='a text such as "USD"')
    source: str = Field(pattern=r"\S", description='a text such as "the provider\'s public price list"')
    date: dt.date = Field(description="the day the prices were read, such as 2026-05-27")
    free: bool = Field(default=False, description="true or false")


@dataclass(frozen=True)
class PriceTable:
    """Prices by model, in lower case: the user's tables in order of precedence, then the package's."""

    own: Sequence[Mapping[str, Price]] = ()
    shipped: Mapping[str, Price] = field(default_factory=dict)

    def find(self, names: Iterable[str], *, shipped: bool = True) -> Price | None:
        """The price of a model that goes by ``names``, in order of precedence; None: it is not known."""
        spellings = [spelling for name in names for spelling in _spellings(name)]
        tables = [*self.own, self.shipped] if shipped else self.own
        return next((table[name] for table in tables for name in spellings if name in table), None)

    def price_of(self, endpoint: Endpoint | ModerationEndpoint) -> Price | None:
        """The price of an endpoint's model; None: it is not known."""
        if isinstance(endpoint, ModerationEndpoint):
            return FREE if endpoint.free else self.find([endpoint.name], shipped=endpoint.official)
        kind, model = type(endpoint.model).__name__, endpoint.facts.model_name
        if kind == "OfflineModel":
            return FREE
        names = [endpoint.name]
        if model:
            names += [f"{_PROVIDERS[kind]}:{model}"] if kind in _PROVIDERS else []
            names.append(model)
        own = self.find(names, shipped=False)
        found, host = own or self.find(names), endpoint.facts.address.partition(":")[0]
        if own is not None or found is None or not host or host.endswith(_PROVIDER_HOSTS):
            return found
        return replace(found, source=f"{found.source}; what {endpoint.facts.address} bills is its own affair")


@cache
def shipped_prices() -> Mapping[str, Price]:
    """The prices that the package ships."""
    return parse_prices(tomllib.loads(_SHIPPED.read_text(encoding="utf-8")))


def parse_prices(content: Mapping[str, Any]) -> Mapping[str, Price]:
    """The prices in a table's content, by model; a PolicyError names model, field and value of a wrong entry."""
    common = [key for key in ("currency", "source", "date") if not isinstance(content.get(key, {}), dict)]
    shared = {key: content[key] for key in common}
    models = [model for model in content if model not in shared]
    return {model.lower(): _parse_price(model, content[model], shared) for model in models}


def priced_policy(
    policy: Policy, *, endpoints: Sequence[Endpoint | ModerationEndpoint], table: PriceTable
) -> tuple[Policy, Mapping[str, Price], Mapping[str, Tariff]]:
    """The policy with its actor's tariff, the known prices by endpoint, and the tariffs of endpoints with their own.

    A policy whose tariff is not money is returned as it is, without tariffs. In money the budget must have been set,
    and `unit`, which is in completion tokens by default, becomes the price of so many completion tokens of the actor,
    the first of ``endpoints``: the look-ahead then shrinks as it does under the default tariff.

    Raises:
        UsageError: in money, if a price is not known, the prices are in several currencies, or the actor is free.
        PolicyError: in money, if the budget was not set.
    """
    prices = {endpoint.name: table.price_of(endpoint) for endpoint in endpoints}
    known = {name: price for name, price in prices.items() if price is not None}
    if not isinstance(policy.tariff, MonetaryTariff):
        return policy, known, {}
    missing = [name for name in prices if name not in known]
    if missing:
        raise UsageError(f"tariff money: no price known for {missing[0]}: add it with --prices FILE.toml")
    actor = endpoints[0].name
    currency = known[actor].currency
    if known[actor].free:
        raise UsageError(f"tariff money: {actor} is free, so that no budget in money bounds it; leave the tariff out")
    for name, price in known.items():
        if not price.free and price.currency != currency:
            raise UsageError(
                f"tariff money: {name} is priced in {price.currency}, {actor} in {currency}: "
                "give both in one currency, with --prices FILE.toml"
            )
    if policy.budget in {preset.budget for preset in (Policy(), Policy.frugal(), Policy.paper())}:
        raise PolicyError(
            f"policy: budget is {policy.budget:g}, a default in tokens, but the tariff is money: "
            f"say how much {currency} one request may spend, such as --budget 0.05"
        )
    tariffs = {name: price.tariff() for name, price in known.items()}
    return policy.replace(tariff=tariffs[actor], unit=policy.unit * tariffs[actor].completion), known, tariffs


def _spellings(name: str) -> list[str]:
    full = name.strip().lower()
    bare = full.partition(":")[2]
    spellings = [full, _DATE_SUFFIX.sub("", full), *([bare, _DATE_SUFFIX.sub("", bare)] if bare else [])]
    return list(dict.fromkeys(spellings))


def _parse_price(model: str, entry: object, shared: Mapping[str, Any]) -> Price:
    if not isinstance(entry, Mapping):
        raise PolicyError(f"{model} is {entry!r}, must be a table of prices such as ['openai:gpt-4o']")
    if entry and all(isinstance(value, Mapping) for value in entry.values()):
        raise PolicyError(f"{model} holds another table: put a name with a dot in quotes, such as ['gpt-4.1']")
    values = {**shared, **entry}
    try:
        read = _Entry.model_validate(values)
    except ValidationError as error:
        raise PolicyError(f"{model}: {explain(error, _Entry, values)}") from None
    for part in TOKEN_PARTS:
        if part in values and getattr(read, part) == 0 and not read.free:
            raise PolicyError(f"{model}: {part} is 0: write free = true beside it, if nothing is billed")
        if part in {"text", "completion"} and part not in values and not read.free:
            raise PolicyError(f"{model}: {part} is missing: a price per million tokens, or free = true")
    return Price(
        text=read.text,
        image=read.image if "image" in values else read.text,
        cached=read.cached if "cached" in values else read.text,
        completion=read.completion,
        currency=read.currency.strip(),
        source=read.source.strip(),
        date=read.date.isoformat(),
    )
