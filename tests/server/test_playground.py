"""LangServe's playground as a person meets it: rendered and run in a real browser."""

import asyncio
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ecoalign_agent import EcoAlign
from ecoalign_agent.server.langserve import SEARCH_PATH
from ecoalign_agent.testing import ScriptedModel
from tests.search.stage import QUESTION
from tests.server.urls import app_of, served

webdriver = pytest.importorskip("selenium.webdriver")
WebDriverWait = pytest.importorskip("selenium.webdriver.support.wait").WebDriverWait

CHROMIUM, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-dev-shm-usage"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--window-size=1200,1400"),
)

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver"),
    pytest.mark.filterwarnings(
        # Both are LangServe's own.
        "ignore:Accessing the 'model_fields' attribute on the instance",
        "ignore:astream_log is deprecated",
    ),
]


@pytest.fixture
def browser(tmp_path: Path) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path / 'profile'}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield running
    finally:
        running.quit()


class Person:
    """Looks, types and presses, and waits as long as a page may take."""

    def __init__(self, browser: Any) -> None:
        self.browser = browser

    def until(self, sees: Callable[[], Any]) -> Any:
        return WebDriverWait(self.browser, 15).until(lambda _: sees())

    def field(self, name: str) -> Any:
        found = f"[id='#/properties/{name}-input']"
        return self.until(lambda: next(iter(self.browser.find_elements("css selector", found)), None))

    def press(self, name: str) -> None:
        buttons = self.browser.find_elements("css selector", "button")
        next(button for button in buttons if button.text == name).click()

    def sees(self, words: str) -> bool:
        return words in self.browser.find_element("css selector", "body").text

    def complaints(self) -> list[str]:
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]


def asks(browser: Any, url: str) -> str:
    """Type a question, press start, and return what the page shows when the answer is there."""
    person = Person(browser)
    browser.get(f"{url}{SEARCH_PATH}/playground/")
    person.field("question").send_keys(QUESTION)
    # The options are rendered too, at what leaves the server's policy as it is.
    assert [person.field(name).get_attribute("value") for name in ("budget", "deadline")] == ["0", "0"]
    person.press("Start")
    person.until(lambda: person.sees('"status": "answered"'))
    assert person.complaints() == []
    return str(browser.find_element("css selector", "body").text)


async def test_a_question_is_typed_and_its_answer_appears(browser: Any) -> None:
    model = ScriptedModel()
    async with served(app_of(EcoAlign(model))) as url:
        page = await asyncio.to_thread(asks, browser, url)
    assert model.calls[0]["question"] == QUESTION
    # The result as `--json` prints it, the answer on top.
    shown = page[page.index("Output") :]
    assert shown.index('"answer": "It is open from 9 to 5."') < shown.index('"status": "answered"')
    assert '"safety": 0.9' in shown
