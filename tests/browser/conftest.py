"""A real Chromium for tests: no console errors, and no faults that axe finds, in any of them.

`page` is a fresh page; `new_page(**options)` opens more, each in a context of its own;
`look_over` runs axe in light and dark, on a desk and on a phone, where nothing scrolls sideways.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from axe_playwright_python.base import AXE_SCRIPT, AxeResults
from playwright.sync_api import Browser, Page, sync_playwright

CHROMIUM: Final = Path("/usr/bin/chromium")
ARGS: Final = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-gpu",
    "--disable-quic",
    "--disable-sync",
    "--no-first-run",
)
DESK: Final = {"width": 1280, "height": 900}
PHONE: Final = {"width": 390, "height": 844}
WAIT_MS: Final = 30_000
LOOK: Final = "axe.run({resultTypes: ['violations']})"
SCROLLED: Final = """
    [...document.querySelectorAll(".scrolls")]
        .filter((each) => each.scrollWidth > each.clientWidth)
        .map((each) => each.getAttribute("aria-label"))
"""

NewPage = Callable[..., Page]
LookOver = Callable[[Page], None]
Scrolled = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One Chromium for all tests of this folder; it ends before others run, which may want a loop of their own."""
    if not CHROMIUM.exists():
        pytest.skip(f"there is no Chromium at {CHROMIUM}: apt-get install chromium")
    sandbox = ("--no-sandbox",) if os.geteuid() == 0 else ()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=[*ARGS, *sandbox])
        yield browser
        browser.close()


@pytest.fixture
def console() -> list[str]:
    """Errors that the pages of this test told of; a test that expects some takes them out."""
    return []


@pytest.fixture
def new_page(browser: Browser, console: list[str]) -> Iterator[NewPage]:
    """Opens pages: `new_page(color_scheme="dark", viewport=PHONE)`. Any console error fails the test."""
    contexts = []

    def opened(**options: Any) -> Page:
        context = browser.new_context(**({"viewport": DESK} | options))
        context.set_default_timeout(WAIT_MS)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: console.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: console.append(str(error)))
        return page

    yield opened
    for context in contexts:
        context.close()
    assert console == []


@pytest.fixture
def page(new_page: NewPage) -> Page:
    """A fresh page, 1280 by 900."""
    return new_page()


@pytest.fixture(scope="module")
def scrolled() -> Scrolled:
    """Returns the names of the tables of a page that are wider than their place."""
    return lambda page: page.evaluate(SCROLLED)


@pytest.fixture(scope="module")
def look_over(scrolled: Scrolled) -> LookOver:
    """Holds that axe finds nothing on a page, light and dark, at 1280 and 390 pixels, and that nothing sticks out."""

    def looked(page: Page) -> None:
        page.evaluate(AXE_SCRIPT)  # half a megabyte, once for all four looks
        for size in (DESK, PHONE):
            page.set_viewport_size(size)
            for scheme in ("light", "dark"):
                page.emulate_media(color_scheme=scheme)
                found = AxeResults(page.evaluate(LOOK))
                assert found.violations_count == 0, f"{scheme}, {size['width']} px: {found.generate_report()}"
            over = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
            assert over <= 0, f"at {size['width']} px the page is {over} px too wide"
        assert scrolled(page) == [], "on a phone these scroll sideways"
        page.set_viewport_size(DESK)
        page.emulate_media(color_scheme="light")

    return looked


@pytest.fixture
def shots() -> Callable[[Page, str], None]:
    """Takes screenshots into the folder that COUNTERFOIL_SHOTS names, for people to look at; nothing without it."""
    folder = os.environ.get("COUNTERFOIL_SHOTS")

    def shot(page: Page, name: str) -> None:
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            page.screenshot(path=Path(folder) / f"{name}.png", full_page=True)

    return shot
