"""The browser of these tests can fail them."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Page

GOOD = "<!doctype html><html lang=en><title>A page</title><main><h1>A page</h1><p>Words.</p></main>"


def test_a_plain_page_has_no_faults(page: Page, look_over: Callable[[Page], None]) -> None:
    page.set_content(GOOD)
    look_over(page)


@pytest.mark.parametrize(
    "more",
    [
        "<img src=''>",
        "<p style='color:#999;background:#aaa'>Pale</p>",
        "<style>@media (prefers-color-scheme: dark) { p { color: #999; background: #aaa } }</style>",
        "<style>@media (max-width: 400px) { p { color: #999; background: #aaa } }</style>",
        "<div style='width:2000px'>Wide</div>",
    ],
    ids=["no alternative text", "pale", "pale in the dark", "pale on a phone", "wide"],
)
def test_faults_are_found(page: Page, look_over: Callable[[Page], None], more: str) -> None:
    page.set_content(GOOD.replace("</main>", f"{more}</main>"))
    with pytest.raises(AssertionError):
        look_over(page)


def test_errors_on_the_console_are_heard(page: Page, console: list[str]) -> None:
    page.set_content(GOOD)
    with page.expect_event("pageerror"):
        page.evaluate("console.error('broken'); setTimeout(() => { throw new Error('thrown') })")
    assert console == ["broken", "thrown"]
    console.clear()
