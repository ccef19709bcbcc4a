"""Headless Chromium on the pages of a running Airflow: what a person sees, clicks and types, with a screenshot of each step.

Debian's Chromium with the driver that belongs to it, both by their paths, so that nothing is looked for or downloaded.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from selenium.common.exceptions import StaleElementReferenceException, WebDriverException
from selenium.webdriver import Chrome, ChromeOptions, Keys
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from spark_jobs.local.airflow.api import AirflowApi
from tests.submitted import wait_until

SECONDS = 120.0
WIDE = (1600, 1200)
FLAGS = (
    "--headless",
    # Tests run as root in places, where Chromium's sandbox does not start; it sees pages of loopback only.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-proxy-server",
    "--lang=en-US",
)


@dataclass(frozen=True)
class Browser:
    """One window. Elements are named by CSS selectors, and by a text in them where there are several."""

    driver: Chrome
    api: AirflowApi
    shots: Path

    def open(self, path: str) -> None:
        self.driver.get(f"{self.api.address}{path}")

    def log_in(self, path: str) -> None:
        """Ask for a page as somebody who is not logged in, and do what the login form asks."""
        self.open(path)
        self.find("[name=username]").send_keys(self.api.user)
        self.shoot("login")
        self.find("[name=password]").send_keys(self.api.password + Keys.ENTER)

    def find(self, css: str, text: str = "", seconds: float = SECONDS) -> WebElement:
        """The first element that is shown and has the text; waits for it."""
        found: list[WebElement] = []

        def is_there() -> bool:
            found[:] = self.shown(css, text)
            return bool(found)

        try:
            wait_until(is_there, f"{css} {text!r} on {self.driver.current_url}", seconds)
        except AssertionError:
            self.shoot("not_found")
            raise
        return found[0]

    def shown(self, css: str, text: str = "") -> list[WebElement]:
        """All elements that are shown now and have the text."""
        try:
            return [one for one in self.driver.find_elements(By.CSS_SELECTOR, css) if one.is_displayed() and text in one.text]
        except StaleElementReferenceException:
            # The page was drawn anew between the two questions.
            return []

    def click(self, css: str, text: str = "") -> None:
        """Click it once it is there and nothing moves in front of it."""

        def is_clicked() -> bool:
            try:
                self.find(css, text).click()
            except WebDriverException:
                return False
            return True

        wait_until(is_clicked, f"{css} {text!r} to be clicked", SECONDS)

    def type(self, css: str, text: str) -> None:
        """Replace what a field holds, and leave it as the tabulator does."""
        self.find(css).send_keys(Keys.CONTROL, "a")
        self.find(css).send_keys(text + Keys.TAB)

    def text(self, css: str) -> str:
        """What it says; empty if it is drawn anew just now."""
        try:
            return self.find(css).text
        except StaleElementReferenceException:
            return ""

    def shoot(self, name: str, *widths: int) -> None:
        """A picture of the whole window, and one more for each of these widths."""
        self.driver.save_screenshot(str(self.shots / f"{name}.png"))
        for width in widths:
            self.driver.set_window_size(width, WIDE[1])
            self.driver.save_screenshot(str(self.shots / f"{name}_{width}.png"))
        self.driver.set_window_size(*WIDE)

    def errors(self) -> list[str]:
        """What the pages complained of since they were asked last; refused requests are told in their own place."""
        entries: list[dict[str, str]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [one["message"] for one in entries if one["level"] == "SEVERE" and one["source"] != "network"]


@contextmanager
def running_browser(api: AirflowApi, folder: Path, shots: Path) -> Iterator[Browser]:
    """A window on pages of this Airflow, with a profile of its own in `folder`."""
    programs = {name: shutil.which(name) for name in ("chromium", "chromedriver")}
    missing = [name for name, path in programs.items() if path is None]
    assert not missing, f"{', '.join(missing)} not on PATH: `make browser` installs what the tests of pages need"
    options = ChromeOptions()
    options.binary_location = str(programs["chromium"])
    for flag in (*FLAGS, f"--user-data-dir={folder}", f"--window-size={WIDE[0]},{WIDE[1]}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, Service(str(programs["chromedriver"])))
    try:
        yield Browser(driver, api, shots)
    finally:
        driver.quit()
