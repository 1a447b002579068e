"""The checker page as it is built; what it does is tested in browsers (tests/browser)."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest

from counterfoil.checker import MAX_PAGE_BYTES, Held, checker_page, page_digest
from counterfoil.errors import InvalidInput

PAGE = checker_page()
BREAKING = "</script><!-- <script>alert(1)</script> ]]> \u2028 \\u003c"


class Elements(HTMLParser):
    """The scripts, styles and addresses of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None], str]] = []
        self.addresses: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs), ""))
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "action", "data")]

    def handle_data(self, data: str) -> None:
        if self.cdata_elem:
            tag, attrs, text = self.found[-1]
            self.found[-1] = (tag, attrs, text + data)


def test_it_is_one_small_file_that_names_no_other() -> None:
    assert len(PAGE.encode()) < MAX_PAGE_BYTES
    assert Elements(PAGE).addresses == ["data:,"]
    assert "@import" not in PAGE
    assert not re.search(r"\burl\(", PAGE)
    assert not re.findall(r"\bimport [{*]|\bimport\(", PAGE)
    assert page_digest() == sha256(PAGE.encode()).hexdigest()


def test_its_policy_names_its_own_script_and_style_and_nothing_else() -> None:
    found = Elements(PAGE).found
    policy = next(
        str(attrs["content"]) for _, attrs, _ in found if attrs.get("http-equiv") == "Content-Security-Policy"
    )
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    hashes = {
        tag: f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
        for tag, _, text in found
        if tag in ("script", "style")
    }
    assert rules["default-src"] == "'none'"
    assert rules["script-src"] == hashes["script"]
    assert rules["style-src"] == hashes["style"]
    assert rules["connect-src"] == "'self'"
    assert "unsafe" not in policy
    assert all(" on" not in f" {name}" for _, attrs, _ in found for name in attrs)


def test_text_never_becomes_html() -> None:
    for word in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function", "srcdoc"):
        assert word not in PAGE


def test_every_module_is_in_the_page_after_those_it_needs() -> None:
    from counterfoil.checker.script import modules

    seen: list[str] = []
    for name, source in modules().items():
        needed = re.findall(r'^import .* from "\./(\w+)\.js";$', source, re.M)
        assert set(needed) <= set(seen), name
        seen.append(name)
        assert f"modules.{name} = " in PAGE
    assert {"known", "page", "check_file", "sha256"} <= set(seen)


def test_what_it_holds_is_inert() -> None:
    receipt = json.dumps({"a": BREAKING}, ensure_ascii=False).encode()
    page = checker_page(Held(BREAKING, receipt, {"R01": BREAKING}, {"/input/a": BREAKING}, BREAKING))
    scripts = [(attrs, text) for tag, attrs, text in Elements(page).found if tag == "script"]
    assert [attrs for attrs, _ in scripts] == [{"type": "application/json", "id": "held"}, {}]
    assert json.loads(scripts[0][1]) == {
        "name": BREAKING,
        "receipt": receipt.decode(),
        "words": {"R01": BREAKING},
        "units": {"/input/a": BREAKING},
        "by": BREAKING,
    }
    assert "<" not in scripts[0][1]
    assert page.replace(page[page.index("<script type") : page.index("<script>")], "") == PAGE


def test_what_is_no_text_cannot_be_held() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        checker_page(Held("x", b"\xff"))
