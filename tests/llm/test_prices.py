"""Prices in money: what a table says, whom an entry is for, what a run cost, and a budget in money."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import HumanMessage, SystemMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr

from ecoalign_agent import EcoAlign, Policy
from ecoalign_agent.cli.main import main
from ecoalign_agent.economics.cost import MonetaryTariff, Price, Tariff, Usage
from ecoalign_agent.errors import PolicyError, UsageError
from ecoalign_agent.events.result import Result
from ecoalign_agent.factory import build_endpoint, price_table
from ecoalign_agent.llm.endpoint import Endpoint
from ecoalign_agent.llm.moderations import ModerationEndpoint
from ecoalign_agent.llm.prices import PriceTable
from ecoalign_agent.settings import Settings, read_policy
from ecoalign_agent.testing import CompletionReply, scan_reply, scripted_call, task_replies
from tests.scripted_server import Answer, ChatServer
from tests.search.stage import picture

KEY = SecretStr("sk-canary-0123456789")
OWN = Price(1, 1, 1, 2, "EUR", "our own bill", "2026-01-02")


def price(text: float = 1.0, **changes: Any) -> Price:
    fields: dict[str, Any] = {"image": text, "cached": text, "completion": 2.0, "currency": "USD"}
    return Price(**{"text": text, "source": "a list", "date": "2026-01-02", **fields, **changes})


class TestTheShippedTable:
    def test_the_prices_are_those_that_were_published(self) -> None:
        # Text, cached and completion tokens, in USD per million.
        expected = {
            "openai:gpt-4o": (2.5, 1.25, 10),
            "openai:gpt-4o-mini": (0.15, 0.075, 0.6),
            "openai:gpt-4.1": (2, 0.5, 8),
            "openai:gpt-4.1-mini": (0.4, 0.1, 1.6),
            "openai:gpt-4.1-nano": (0.1, 0.025, 0.4),
            "anthropic:claude-sonnet-4-5": (3, 0.3, 15),
            "anthropic:claude-haiku-4-5": (1, 0.1, 5),
            "moderation:omni-moderation-latest": (0, 0, 0),
        }
        shipped = price_table().shipped
        assert {name: (p.text, p.cached, p.completion) for name, p in shipped.items()} == expected

    def test_every_price_has_its_source_and_its_day(self) -> None:
        for found in price_table().shipped.values():
            assert found.currency == "USD"
            assert len(found.source.split()) >= 4
            assert "2024-01-01" < found.date < "2027"
            # Pictures are billed as text by all of them.
            assert found.image == found.text


class TestWhomAnEntryIsFor:
    TABLE = PriceTable([], {"openai:gpt-4o-mini": price(1), "gpt-4o-mini": price(2), "a:m-2024-07-18": price(3)})

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("openai:gpt-4o-mini", 1),
            ("OpenAI:GPT-4o-mini ", 1),
            ("openai:gpt-4o-mini-2024-07-18", 1),
            ("openai:gpt-4o-mini-20240718", 1),
            # An entry without a provider is for any of them.
            ("gpt-4o-mini", 2),
            ("azure_openai:gpt-4o-mini", 2),
            ("a:m-2024-07-18", 3),
        ],
    )
    def test_it_is_found_under_its_name(self, name: str, text: float) -> None:
        found = self.TABLE.find([name])
        assert found is not None
        assert found.text == text

    @pytest.mark.parametrize(
        "name",
        [
            "openai:gpt-4o",
            "openai:gpt-4o-mini-audio",
            "openai:gpt-4o-mini-2024",
            "openai:gpt-4o-mini-2024-07-18-ft",
            "ft:gpt-4o-mini:us",
            "openai/gpt-4o-mini",
            # A date of the entry's own is not taken off.
            "a:m",
            "a:m-2024-07-19",
            "",
        ],
    )
    def test_no_other_name_is_taken_for_it(self, name: str) -> None:
        assert self.TABLE.find([name]) is None

    def test_the_users_entry_wins_however_it_is_written(self) -> None:
        table = PriceTable([{"gpt-4o-mini": price(7)}, {"openai:gpt-4o-mini": price(8)}], self.TABLE.shipped)
        found = table.find(["openai:gpt-4o-mini-2024-07-18"])
        assert found is not None
        assert found.text == 7

    def test_a_model_object_is_priced_by_its_class_and_name(self) -> None:
        chat = ChatOpenAI(model="gpt-4o-mini-2024-07-18", api_key=KEY)
        found = price_table().price_of(build_endpoint(chat, Settings()))
        assert found is not None
        assert (found.text, found.source) == (0.15, "OpenAI's public price list")
        assert price_table().price_of(build_endpoint(ChatOpenAI(model="gpt-9", api_key=KEY), Settings())) is None

    def test_at_another_address_the_list_price_says_so(self) -> None:
        chat = ChatOpenAI(model="gpt-4o-mini", api_key=KEY, base_url="http://127.0.0.1:9/v1")
        found = price_table().price_of(Endpoint(chat, name="openai:gpt-4o-mini"))
        assert found is not None
        assert found.source == "OpenAI's public price list; what 127.0.0.1:9 bills is its own affair"
        # Whoever writes a price of their own knows what is billed there.
        assert PriceTable([{"gpt-4o-mini": OWN}], {}).price_of(Endpoint(chat, name="openai:gpt-4o-mini")) == OWN

    def test_the_embedded_model_is_free(self) -> None:
        found = price_table().price_of(build_endpoint("offline", Settings()))
        assert found is not None
        assert found.free

    def test_a_moderation_endpoint_is_free_at_openai_and_unknown_elsewhere(self) -> None:
        table = price_table()
        found = table.price_of(ModerationEndpoint("omni-moderation-latest", api_key=KEY))
        assert found is not None
        assert found.free
        assert table.price_of(ModerationEndpoint("omni-moderation-latest", api_key=KEY, base_url="http://x/v1")) is None
        elsewhere = ModerationEndpoint("m", api_key=KEY, base_url="http://x/v1")
        assert PriceTable([{"moderation:m": OWN}], {}).price_of(elsewhere) == OWN


ENTRY = 'currency = "EUR"\nsource = "our bill"\ndate = 2026-01-02\n["m"]\n'


class TestATableOfOnesOwn:
    def read(self, folder: Path, text: str) -> dict[str, Price]:
        file = folder / "prices.toml"
        file.write_text(text, encoding="utf-8")
        return dict(price_table(file).own[0])

    def test_what_is_left_out_costs_what_text_costs(self, tmp_path: Path) -> None:
        read = self.read(tmp_path, ENTRY + "text = 2\ncompletion = 3.5")
        assert read == {"m": Price(2, 2, 2, 3.5, "EUR", "our bill", "2026-01-02")}

    def test_an_entry_may_say_all_of_it_itself(self, tmp_path: Path) -> None:
        own = 'text = 2\nimage = 1\ncached = 0.5\ncompletion = 3\ncurrency = "CHF"\nsource = "x"\ndate = 2026-02-03'
        assert self.read(tmp_path, ENTRY + own) == {"m": Price(2, 1, 0.5, 3, "CHF", "x", "2026-02-03")}

    def test_free_has_to_be_said(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, ENTRY + "free = true")["m"].free
        assert not self.read(tmp_path, ENTRY + "free = true\ntext = 0\ncompletion = 1")["m"].free

    @pytest.mark.parametrize(
        ("text", "says"),
        [
            (ENTRY + "text = -1\ncompletion = 1", "m: text is -1, must be a price per million tokens, at least 0"),
            (ENTRY + "text = nan\ncompletion = 1", "m: text is nan, must be a price per million tokens, at least 0"),
            (ENTRY + "text = 1\ncompletion = inf", "m: completion is inf"),
            (ENTRY + "text = '1'\ncompletion = 1", "m: text is '1', must be a price per million tokens"),
            (ENTRY + "text = true\ncompletion = 1", "m: text is True"),
            (ENTRY + "text = 0\ncompletion = 1", "m: text is 0: write free = true"),
            (ENTRY + "text = 1\ncompletion = 1\ncached = 0", "m: cached is 0: write free = true"),
            (ENTRY + "text = 1", "m: completion is missing"),
            (ENTRY + "completion = 1", "m: text is missing"),
            (ENTRY + "text = 1\ncompletion = 1\nimages = 1", "m: there is no 'images'; the nearest is 'image'"),
            (ENTRY + "free = 1", "m: free is 1, must be true or false"),
            (ENTRY + "free = true\ndate = '2026-01-02'", "m: date is '2026-01-02', must be the day"),
            (ENTRY + "free = true\ncurrency = 7", "m: currency is 7, must be a text"),
            ("['m']\nfree = true\ncurrency = 'EUR'\ndate = 2026-01-02", "m: source is missing"),
            ("['m']\nfree = true\ncurrency = 'EUR'\nsource = 'x'", "m: date is missing"),
            ("[gpt-4.1]\ntext = 1\ncompletion = 1", "gpt-4 holds another table: put a name with a dot in quotes"),
            ("m = 3", "m is 3, must be a table of prices"),
        ],
    )
    def test_a_mistake_is_one_line_that_names_file_model_field_and_value(
        self, text: str, says: str, tmp_path: Path
    ) -> None:
        with pytest.raises(PolicyError) as error:
            self.read(tmp_path, text)
        assert str(error.value).startswith(f"price file {str(tmp_path / 'prices.toml')!r}: {says}")
        assert "\n" not in str(error.value)

    def test_a_file_that_is_missing_or_no_toml_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match=r"price file '.*no\.toml': No such file"):
            price_table(tmp_path / "no.toml")
        with pytest.raises(UsageError, match=r"price file .* is no TOML"):
            self.read(tmp_path, "text: 1")


class TestMoneyInAPolicyFile:
    def read(self, folder: Path, text: str) -> Policy:
        (folder / "policy.toml").write_text(text, encoding="utf-8")
        return read_policy(folder / "policy.toml")

    def test_money_by_name_and_by_file(self, tmp_path: Path) -> None:
        assert self.read(tmp_path, "tariff = 'money'").tariff == MonetaryTariff()
        # A file is looked for beside the policy.
        read = self.read(tmp_path, "tariff = { prices = 'mine.toml' }").tariff
        assert read == MonetaryTariff(prices=str(tmp_path / "mine.toml"))

    @pytest.mark.parametrize("entry", ["{ prices = 3 }", "{ prices = '' }", "{ prices = 'x', text = 1 }"])
    def test_what_makes_no_sense_is_refused(self, entry: str, tmp_path: Path) -> None:
        with pytest.raises(PolicyError, match=r"policy: tariff.* prices"):
            self.read(tmp_path, f"tariff = {entry}")

    def test_it_is_no_tariff_before_the_models_are_known(self) -> None:
        with pytest.raises(PolicyError, match="money is no price yet: 1 tokens"):
            MonetaryTariff().cost(Usage(text=1))


@given(st.tuples(*[st.floats(0, 1_000)] * 4), st.tuples(*[st.integers(0, 10**6)] * 4))
def test_a_price_and_its_tariff_come_to_the_same(
    prices: tuple[float, float, float, float], tokens: tuple[int, int, int, int]
) -> None:
    known, usage = Price(*prices, "USD", "a list", "2026-01-02"), Usage(*tokens)
    # What is free weighs a millionth of a millionth: 1e6 tokens come to 1e-6 at the most.
    assert known.tariff().cost(usage) == pytest.approx(known.cost(usage), rel=1e-9, abs=1.1e-6)


def answering(body: dict[str, Any]) -> Answer:
    """A model that scans, answers and grades, and counts 1 000 prompt tokens, a picture 200 of them, and 50 written."""
    messages = body["messages"]
    call = scripted_call([SystemMessage(messages[0]["content"]), HumanMessage(messages[-1]["content"])])
    reply = task_replies(scan=scan_reply(draft="It is open from 9 to 5.", actions=[]))(call)
    details = {"cached_tokens": 400, "image_tokens": 200 * call.images}
    usage = {"prompt_tokens": 1_000, "completion_tokens": 50, "prompt_tokens_details": details}
    return CompletionReply(json.dumps(reply), usage=usage)


@pytest.fixture(scope="module")
def server() -> Iterator[ChatServer]:
    with ChatServer(answering) as running:
        yield running


def prices_file(folder: Path, **models: str) -> str:
    entries = "".join(f'["openai:{model}"]\n{entry}\n' for model, entry in models.items())
    file = folder / "prices.toml"
    file.write_text('currency = "USD"\nsource = "our bill"\ndate = 2026-01-02\n' + entries, encoding="utf-8")
    return str(file)


async def ask(server: ChatServer, model: str = "openai:gpt-4o-mini", **options: Any) -> Result:
    async with EcoAlign(model, base_url=server.url, **options) as agent:
        return await agent.ask("When is it open?", [picture()])


class TestWhatARunCost:
    async def test_in_money_by_the_shipped_price(self, server: ChatServer) -> None:
        cost = (await ask(server)).cost
        # Scan and verdict, each 400 text + 200 image at 0.15, 400 cached at 0.075, 50 completion at 0.60:
        # (600 · 0.15 + 400 · 0.075 + 50 · 0.6) / 1e6 = (90 + 30 + 30) / 1e6 = 0.00015, twice.
        assert cost.calls == 2
        assert cost.money is not None
        assert cost.money.amount == pytest.approx(0.0003)
        assert cost.money.by_model == {"openai:gpt-4o-mini": pytest.approx(0.0003)}
        assert (cost.money.currency, cost.money.date, cost.money_unknown) == ("USD", "2026-05-27", [])
        assert "OpenAI's public price list" in cost.money.source
        assert cost.tokens.image == 400

    async def test_of_an_unknown_model_nothing_is_known_which_is_not_zero(self, server: ChatServer) -> None:
        cost = (await ask(server, "openai:mine")).cost
        assert (cost.money, cost.money_unknown) == (None, ["openai:mine"])

    async def test_every_model_costs_its_own_price(self, server: ChatServer, tmp_path: Path) -> None:
        prices = prices_file(tmp_path, mine="text = 1\ncompletion = 2")
        cost = (await ask(server, assessor="openai:mine", prices=prices)).cost
        assert cost.money is not None
        # mine: (1 000 · 1 + 50 · 2) / 1e6; both together 0.00015 + 0.0011.
        assert cost.money.by_model == {
            "openai:gpt-4o-mini": pytest.approx(0.00015),
            "openai:mine": pytest.approx(0.0011),
        }
        assert cost.money.amount == pytest.approx(0.00125)
        assert cost.money.date == "2026-01-02"

    async def test_one_unknown_model_makes_the_whole_unknown(self, server: ChatServer) -> None:
        cost = (await ask(server, assessor="openai:mine")).cost
        assert (cost.money, cost.money_unknown) == (None, ["openai:mine"])

    async def test_currencies_are_not_added(self, server: ChatServer, tmp_path: Path) -> None:
        prices = prices_file(tmp_path, mine='text = 1\ncompletion = 2\ncurrency = "EUR"')
        cost = (await ask(server, assessor="openai:mine", prices=prices)).cost
        assert (cost.money, cost.money_unknown) == (None, ["openai:mine"])

    async def test_the_environment_names_a_table_and_the_caller_a_louder_one(
        self, server: ChatServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("ECOALIGN_PRICES", prices_file(tmp_path, mine="text = 1\ncompletion = 2"))
        quiet = (await ask(server, "openai:mine")).cost.money
        (tmp_path / "louder").mkdir()
        louder = prices_file(tmp_path / "louder", mine="text = 10\ncompletion = 20")
        loud = (await ask(server, "openai:mine", prices=louder)).cost.money
        assert quiet is not None
        assert loud is not None
        assert [quiet.amount, loud.amount] == pytest.approx([0.0022, 0.022])

    async def test_the_embedded_model_is_known_to_cost_nothing(self) -> None:
        cost = (await EcoAlign("offline").ask("When is it open?")).cost
        assert cost.money is not None
        assert (cost.money.amount, cost.money.currency, cost.money.date) == (0.0, None, None)


class TestABudgetInMoney:
    POLICY = Policy(tariff=MonetaryTariff(), budget=0.01)

    async def test_holds_and_is_reckoned_at_each_models_own_price(self, server: ChatServer, tmp_path: Path) -> None:
        prices = prices_file(tmp_path, mine="text = 1\ncompletion = 2")
        cost = (await ask(server, assessor="openai:mine", prices=prices, policy=self.POLICY)).cost
        assert cost.tariff == "USD"
        assert cost.budget == pytest.approx(0.01 * 0.95)  # s0 = 0.9: 0.5 + 0.5 · 0.9
        assert cost.spent == pytest.approx(0.00125)
        assert cost.by_phase == {"scan": pytest.approx(0.00015), "assess": pytest.approx(0.0011)}
        assert cost.money is not None
        assert cost.money.amount == pytest.approx(cost.spent)

    async def test_what_a_dear_assessor_may_cost_is_held_at_its_price(self, server: ChatServer, tmp_path: Path) -> None:
        # At a hundred times the price of the actor, 0.01 USD pays for no verdict.
        prices = prices_file(tmp_path, dear="text = 15\ncompletion = 60")
        with pytest.raises(UsageError, match="can't pay for a scan and an answer"):
            await ask(server, assessor="openai:dear", prices=prices, policy=self.POLICY)

    async def test_the_horizon_shrinks_as_in_tokens(self, server: ChatServer) -> None:
        agent = EcoAlign("openai:gpt-4o-mini", base_url=server.url, policy=self.POLICY)
        # 20 completion tokens of 0.60 a million.
        assert agent._context.policy.unit == pytest.approx(20 * 0.6e-6)
        assert agent._context.policy.tariff == Tariff(0.15e-6, 0.15e-6, 0.075e-6, 0.6e-6, "USD")

    def test_an_unknown_price_is_refused_by_the_models_name(self, server: ChatServer) -> None:
        with pytest.raises(UsageError, match=r"^tariff money: no price known for openai:mine: add it with --prices"):
            EcoAlign("openai:mine", base_url=server.url, policy=self.POLICY)
        with pytest.raises(UsageError, match="no price known for openai:other"):
            EcoAlign("openai:gpt-4o", base_url=server.url, assessor="openai:other", policy=self.POLICY)

    def test_a_free_actor_is_bounded_by_no_money(self) -> None:
        with pytest.raises(UsageError, match=r"tariff money: offline .* is free"):
            EcoAlign("offline", policy=self.POLICY)

    def test_two_currencies_are_no_budget(self, server: ChatServer, tmp_path: Path) -> None:
        prices = prices_file(tmp_path, mine='text = 1\ncompletion = 2\ncurrency = "EUR"')
        with pytest.raises(UsageError, match="openai:mine is priced in EUR, openai:gpt-4o in USD"):
            EcoAlign("openai:gpt-4o", base_url=server.url, assessor="openai:mine", prices=prices, policy=self.POLICY)

    @pytest.mark.parametrize("preset", [Policy(), Policy.frugal(), Policy.strict(), Policy.paper()])
    def test_six_thousand_dollars_are_nobodys_default(self, preset: Policy, server: ChatServer) -> None:
        with pytest.raises(PolicyError, match=r"budget is .* a default in tokens, but the tariff is money"):
            EcoAlign("openai:gpt-4o", base_url=server.url, policy=preset.replace(tariff="money"))


class TestOnTheCommandLine:
    def test_the_receipt_says_what_it_cost(
        self, server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        (tmp_path / "notice.png").write_bytes(picture())
        command = ["ask", "When is it open?", "--image", str(tmp_path / "notice.png"), "--base-url", server.url]
        assert main([*command, "--model", "openai:gpt-4o-mini"]) == 0
        receipt = capsys.readouterr().err
        assert "money        0.000300 USD (OpenAI's public price list; what " in receipt
        assert main([*command, "--model", "openai:mine"]) == 0
        assert "money        no price known for openai:mine: add it with --prices FILE.toml" in capsys.readouterr().err
        prices = prices_file(tmp_path, mine="text = 1\ncompletion = 2")
        money = ["--model", "openai:mine", "--prices", prices, "--tariff", "money", "--budget", "0.05", "--json"]
        assert main([*command, *money]) == 0
        cost = json.loads(capsys.readouterr().out)["cost"]
        assert (cost["tariff"], cost["money"]["amount"]) == ("USD", pytest.approx(cost["spent"]))

    def test_a_mistake_is_one_line_and_status_2(
        self, server: ChatServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        command = ["ask", "When?", "--base-url", server.url, "--model", "openai:mine"]
        assert main([*command, "--tariff", "money", "--budget", "0.05"]) == 2
        assert "no price known for openai:mine" in capsys.readouterr().err
        assert main([*command, "--tariff", "cowries"]) == 2
        assert "tariff is 'cowries'" in capsys.readouterr().err
        assert main([*command, "--prices", prices_file(tmp_path, mine="text = -1\ncompletion = 1")]) == 2
        assert "openai:mine: text is -1" in capsys.readouterr().err
