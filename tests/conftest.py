"""Generated examples are the same in every run where CI decides; elsewhere each run looks at new ones."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

settings.register_profile("same", derandomize=True)
if os.environ.get("CI"):
    settings.load_profile("same")


@pytest.fixture(scope="session", autouse=True)
def _no_cache_of_the_users(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test reads or writes what a person keeps of endpoints, not even one that clears the environment of our own."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ECOALIGN_CACHE", "off")
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield
