"""The write_rows policy reads back as the same."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ecoalign_agent.bench.tuning.policy_file import format_policy, require_free, write_policy
from ecoalign_agent.economics.cost import MonetaryTariff, Tariff
from ecoalign_agent.economics.policy import Policy
from ecoalign_agent.errors import RunError, UsageError
from ecoalign_agent.settings import read_policy

POLICIES = st.builds(
    Policy.replace,
    st.sampled_from([Policy(), Policy.frugal(), Policy.strict(), Policy.paper()]),
    budget=st.floats(1e-6, 1e6),
    k=st.floats(0, 1),
    discount=st.floats(0.01, 1),
    width=st.integers(1, 9),
    review_below=st.none() | st.floats(-1, 1),
    assessors=st.lists(st.text("aé:\"\\'-✓", min_size=1), max_size=2, unique=True),
)


@settings(max_examples=100)
@given(POLICIES)
def test_what_is_written_reads_back_as_the_same(policy: Policy) -> None:
    with TemporaryDirectory() as folder:
        write_policy(Path(folder) / "policy.toml", policy, ["a remark\nof two lines", "[table]"])
        assert read_policy(Path(folder) / "policy.toml") == policy


def test_every_kind_of_tariff_is_written(tmp_path: Path) -> None:
    (tmp_path / "prices.toml").write_text("")
    tariffs = (Tariff(1, 2, 0, 4, name="weights of the policy"), Tariff.processed(), MonetaryTariff())
    for number, tariff in enumerate([*tariffs, MonetaryTariff(prices=str(tmp_path / "prices.toml"))]):
        policy = Policy(tariff=tariff, budget=0.5, deadline=30.0, max_answer_tokens=200, draft=False)
        write_policy(tmp_path / f"{number}.toml", policy)
        assert read_policy(tmp_path / f"{number}.toml") == policy


def test_a_person_reads_what_was_tuned_first() -> None:
    text = format_policy(Policy(caution=0.7), ["for a model"])
    assert text.splitlines() == [
        "# for a model",
        "budget = 6000.0",
        "k = 0.05",
        "discount = 0.95",
        "width = 1",
        "branching = 3",
        "batch = 2",
        "caution = 0.7",
    ]


def test_nothing_of_the_users_is_written_over(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("k = 0.1")
    with pytest.raises(UsageError, match="is there already"):
        require_free(tmp_path / "mine.toml")
    with pytest.raises(UsageError, match="no folder"):
        require_free(tmp_path / "none" / "mine.toml")
    require_free(tmp_path / "new.toml")


def test_a_policy_that_a_file_cannot_hold_is_told(tmp_path: Path) -> None:
    # A file knows weights, and no name of them.
    with pytest.raises(RunError, match="reads back as another policy"):
        write_policy(tmp_path / "x.toml", Policy(tariff=Tariff(text=3.0, name="mine")))
    with pytest.raises(RunError, match="can't be written"):
        write_policy(tmp_path / "no" / "x.toml", Policy())
