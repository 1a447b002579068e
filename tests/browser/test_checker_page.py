"""The checker page as people use it: by drop, by choice, by keyboard, from a disk and from a server."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from browser.checker_pages import Checker, written, zipped
from hostile import test_receipts as receipts
from making import SCHEMA, VALUES, BankLog
from making_anchors import anchored
from playwright.sync_api import FileChooser, Page, expect

from counterfoil.checker import MAX_PAGE_BYTES, Held, check_link, checker_page
from counterfoil.core.schema import Schema, SchemaField
from counterfoil.core.steps import Report
from counterfoil.store.check_file import check_file

BANK = receipts.BANK
KEY = str(BANK.key.key)
RECEIPT = replace(BANK.receipt(4), anchor=anchored(BANK, 6))
FILE = RECEIPT.encode()
SIGNED = "intact, and signed by the issuer you named"
UNKNOWN = "intact, issuer unknown"
BREAKING = "<img src=x onerror=\"document.title='run'\"></script><!--<script>document.title='run'//"
"""What would run, were it ever read as HTML."""

LookOver = Callable[[Page], None]
Shots = Callable[[Page, str], None]


@pytest.fixture
def checker(page: Page, tmp_path: Path) -> Checker:
    page.goto(written(tmp_path, checker_page()))
    return Checker(page)


def core(folder: Path, data: bytes) -> Report:
    path = folder / "file"
    path.write_bytes(data)
    return check_file(path)


# --- what is seen ---


def test_the_page_is_small_and_asks_for_nothing(page: Page, tmp_path: Path) -> None:
    assert len(checker_page().encode()) < MAX_PAGE_BYTES
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    address = written(tmp_path, checker_page())
    page.goto(address)
    checker = Checker(page)
    checker.choose("receipt.json", FILE)
    assert [url for url in asked if not url.startswith("data:")] == [address]


def test_a_receipt_step_by_step(checker: Checker, tmp_path: Path, look_over: LookOver, shots: Shots) -> None:
    page = checker.page
    look_over(page)
    shots(page, "empty")
    checker.choose("receipt.json", FILE)
    report = core(tmp_path, FILE)
    shown = checker.shown()
    assert shown["verdict"] == report.verdict == UNKNOWN
    assert [(step["id"], step["title"], step["status"]) for step in shown["steps"]] == [
        (step.id, step.title, str(step.status)) for step in report.steps
    ]
    assert [step["limit"] for step in shown["steps"]] == [step.limit for step in report.steps]
    look_over(page)
    shots(page, "unknown")
    page.fill("#issuer", KEY)
    expect(page.locator("#verdict")).to_have_text(SIGNED)
    page.get_by_text("On a shared ledger: the hash of the block").click()
    page.fill("#block", "0x" + anchored(BANK, 6).block_hash.hex().upper())
    expect(page.locator('[data-step="anchor"] .status')).to_have_text("passed")
    look_over(page)
    shots(page, "signed")
    page.set_viewport_size({"width": 390, "height": 844})
    shots(page, "signed-phone")


def test_the_persons_values_with_their_titles(checker: Checker) -> None:
    checker.choose("receipt.json", FILE)
    rows = checker.page.locator("tbody tr").all()
    shown = {row.locator("th").inner_text(): row.locator("td").inner_text() for row in rows}
    assert shown == {
        "Age in years /input/age": "41",
        "Amount /input/amount": "1234.5",
        "Purpose /input/purpose": "a car, used",
        "Decision /output/label": "granted",
        "Reasons /reasons": "(left empty)",
    }


def test_what_is_not_shown_is_counted(checker: Checker) -> None:
    checker.choose("receipt.json", BANK.receipt(4, pointers=["/output/label"]).encode())
    assert "4 more values are on record and not shown here." in checker.page.inner_text("#result")


def test_an_altered_receipt(checker: Checker, look_over: LookOver, shots: Shots) -> None:
    checker.choose("receipt.json", FILE.replace(b"41]", b"42]"))
    verdict = checker.page.locator("#verdict")
    expect(verdict).to_have_text("does not match: a value, or its salt, is not the one that was recorded")
    assert "What it says (not proven: a step failed)" in checker.page.inner_text("#result")
    look_over(checker.page)
    shots(checker.page, "altered")


def test_a_bundle(checker: Checker, look_over: LookOver, shots: Shots) -> None:
    checker.page.fill("#issuer", KEY)
    checker.choose("evidence.zip", zipped(BANK.range_bundle()))
    assert checker.shown()["verdict"] == SIGNED
    assert "9 decision" in checker.page.inner_text("#result")
    look_over(checker.page)
    shots(checker.page, "bundle")


def test_ten_thousand_records_while_the_page_breathes(checker: Checker) -> None:
    """The bar moves, the report is right, and a second file takes over from the first."""
    page, log = checker.page, BankLog().fill(10_000)
    data = zipped(log.range_bundle())
    page.evaluate(
        """() => {
          globalThis.bars = [];
          new MutationObserver(() => bars.push(document.getElementById("bar").value))
            .observe(document.getElementById("told"), { childList: true, subtree: true });
        }"""
    )
    page.fill("#issuer", KEY)
    checker.choose("evidence.zip", data)
    assert checker.shown()["verdict"] == SIGNED
    assert "10,000 records" in page.inner_text('[data-step="format"]')
    bars = page.evaluate("bars")
    assert len(bars) > 3
    assert bars == sorted(bars)
    assert page.locator("#progress").is_hidden()
    page.set_input_files("#file", {"name": "evidence.zip", "mimeType": "", "buffer": data})
    page.wait_for_selector("#progress:not([hidden])")
    page.set_input_files("#file", {"name": "receipt.json", "mimeType": "", "buffer": FILE})
    expect(page.locator(".what")).to_have_text("receipt.json: a receipt")
    expect(page.locator("#progress")).to_be_hidden(timeout=60_000)
    page.evaluate("new Promise((resolve) => requestIdleCallback(resolve))")
    expect(page.locator(".what")).to_have_text("receipt.json: a receipt")


# --- how it is used ---


def test_a_file_dropped_anywhere(checker: Checker) -> None:
    page = checker.page
    for target in ("#drop", "footer"):
        given = page.evaluate_handle(
            """(text) => {
              const data = new DataTransfer();
              data.items.add(new File([text], "dropped.json"));
              return data;
            }""",
            FILE.decode(),
        )
        page.evaluate("document.getElementById('result').replaceChildren()")
        page.dispatch_event(target, "dragover", {"dataTransfer": given})
        page.dispatch_event(target, "drop", {"dataTransfer": given})
        expect(page.locator("#verdict")).to_have_text(UNKNOWN)


def test_by_keyboard_alone(page: Page, tmp_path: Path) -> None:
    chosen: list[FileChooser] = []
    page.on(
        "filechooser", lambda each: chosen.append(each)
    )  # early, so that the browser hands its dialogs over in time
    page.goto(written(tmp_path, checker_page()))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "drop"
    with page.expect_file_chooser():
        page.keyboard.press("Enter")
    chosen[0].set_files({"name": "receipt.json", "mimeType": "", "buffer": FILE})
    expect(page.locator("#verdict")).to_be_focused()  # a screen reader goes on with the verdict
    page.locator("#drop").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "issuer"
    page.keyboard.type(KEY)
    expect(page.locator("#verdict")).to_have_text(SIGNED)
    assert page.evaluate("document.activeElement.id") == "issuer"  # typing is not interrupted
    expect(page.locator("#said")).to_have_text(SIGNED)  # and a screen reader is told
    page.keyboard.press("Tab")
    with page.expect_file_chooser():
        page.keyboard.press("Space")


def test_a_key_from_a_file_dropped_or_mistyped(checker: Checker) -> None:
    page = checker.page
    page.set_input_files("#key-file", {"name": "bank.vkey", "mimeType": "", "buffer": f"{KEY}\n".encode()})
    expect(page.locator("#issuer")).to_have_value(KEY)
    checker.choose("receipt.json", FILE)
    assert checker.shown()["verdict"] == SIGNED
    page.fill("#issuer", KEY.replace("+b", "+c", 1))
    expect(page.locator("#issuer-error")).to_contain_text("the key id contradicts the key")
    assert page.get_attribute("#issuer", "aria-invalid") == "true"
    page.set_input_files("#file", {"name": "issuer.vkey", "mimeType": "", "buffer": KEY.encode()})
    expect(page.locator("#issuer")).to_have_value(KEY)
    expect(page.locator("#issuer-error")).to_be_empty()
    page.get_by_text("On a shared ledger: the hash of the block").click()
    page.fill("#block", "nonsense")
    expect(page.locator("#block-error")).to_contain_text("is not 0x and 64 digits")


def test_a_second_file(checker: Checker) -> None:
    page = checker.page
    page.fill("#issuer", KEY)
    checker.choose("receipt.json", FILE)
    page.get_by_text("Hold it against a second file").click()
    more = zipped(BankLog().fill(300).range_bundle())
    page.set_input_files("#other-file", {"name": "evidence.zip", "mimeType": "", "buffer": more})
    expect(page.locator('[data-step="kept"] .status')).to_have_text("passed")
    expect(page.locator(".verdict")).to_contain_text("Answer of the log: kept")
    liar = zipped(receipts.twin().range_bundle())
    page.set_input_files("#other-file", {"name": "evidence.zip", "mimeType": "", "buffer": liar})
    expect(page.locator("#verdict")).to_contain_text("convicted")
    page.set_input_files("#other-file", {"name": "x.zip", "mimeType": "", "buffer": b"PK"})
    expect(page.locator("#verdict")).to_contain_text("The second file is of no use here")


def test_a_browser_without_ed25519_says_so(page: Page, tmp_path: Path) -> None:
    page.add_init_script(
        "SubtleCrypto.prototype.importKey = () => Promise.reject(new DOMException('', 'NotSupportedError'))"
    )
    page.goto(written(tmp_path, checker_page()))
    checker = Checker(page)
    page.fill("#issuer", KEY)
    checker.choose("receipt.json", FILE)
    step = next(step for step in checker.shown()["steps"] if step["id"] == "issuer")
    assert step["status"] == "not checked"
    assert "this browser cannot check such signatures" in step["detail"]
    assert checker.shown()["verdict"] == UNKNOWN


def test_a_browser_that_cannot_unpack_says_so(page: Page, tmp_path: Path) -> None:
    page.add_init_script("globalThis.DecompressionStream = class { constructor() { throw new TypeError(); } }")
    page.goto(written(tmp_path, checker_page()))
    checker = Checker(page)
    checker.choose("evidence.zip", zipped(BANK.range_bundle()))
    expect(page.locator("#verdict")).to_contain_text("This browser cannot unpack bundles")


def test_a_browser_whose_hashes_differ_is_not_believed(page: Page, tmp_path: Path) -> None:
    page.add_init_script("SubtleCrypto.prototype.digest = async () => new ArrayBuffer(32)")
    page.goto(written(tmp_path, checker_page()))
    checker = Checker(page)
    checker.choose("receipt.json", FILE)
    expect(page.locator("#verdict")).to_contain_text("compute different hashes")


# --- what a file cannot do ---


def test_nothing_in_a_file_becomes_html(checker: Checker, console: list[str]) -> None:
    page = checker.page
    title = page.title()
    fields = (*SCHEMA.fields[:4], SchemaField("/reasons", BREAKING.replace("\n", ""), "any"))
    log = BankLog(schema=Schema(BREAKING, fields))
    for value in (BREAKING, [{"code": BREAKING, "features": [BREAKING]}], {BREAKING: BREAKING}):
        log.decide(VALUES | {"/input/purpose": BREAKING, "/output/label": BREAKING, "/reasons": value})
    for index in range(3):
        checker.choose(f"{BREAKING.replace('/', '')}.json", log.receipt(index).encode())
        assert checker.shown()["verdict"] == UNKNOWN
        assert page.locator("img, #result script").count() == 0
        assert BREAKING in page.inner_text("#result")
    checker.choose("x", BREAKING.encode())
    assert page.title() == title
    assert console == []


def test_text_cannot_hide_or_turn_around(checker: Checker) -> None:
    log = BankLog()
    log.decide(VALUES | {"/input/purpose": "pay\u202e001\u200b\x1b[2J\u2066"})
    checker.choose("receipt.json", log.receipt(0).encode())
    assert "pay\ufffd001\ufffd\ufffd[2J\ufffd" in checker.page.inner_text("#result")


def test_the_policy_lets_no_other_script_run(checker: Checker, console: list[str]) -> None:
    page = checker.page
    added = """() => {
      const script = document.createElement("script");
      script.append("document.title = 'run'");
      document.body.append(script);
    }"""
    page.evaluate(added)
    assert page.title() != "run"
    assert "TrustedHTML" in page.evaluate(
        "() => { try { document.body.innerHTML = '<b>x</b>'; return 'set'; } catch (error) { return String(error); } }"
    )
    assert console
    console.clear()


# --- a page with its receipt ---


def test_a_page_that_holds_a_receipt_checks_itself(
    page: Page, tmp_path: Path, look_over: LookOver, shots: Shots
) -> None:
    log = BankLog(schema=Schema("s", (*SCHEMA.fields[:4], SchemaField("/reasons", "Reasons", "array"))))
    reasons = [{"code": "R01", "features": ["amount"]}, {"code": "R9", "features": ["age", "amount"]}]
    log.decide(VALUES | {"/output/label": BREAKING, "/reasons": reasons})
    receipt = log.receipt(0).encode()
    words, units = {"R01": f"The amount. {BREAKING}"}, {"/input/amount": f"DM {BREAKING}", "/input/age": "years"}
    held = Held("receipt.json", receipt, words, units, f"Example Bank plc {BREAKING}")
    page.goto(written(tmp_path, checker_page(held)))
    checker = Checker(page)
    expect(page.locator("#verdict")).to_have_text(UNKNOWN)  # no key comes from the file
    assert page.input_value("#issuer") == ""
    told = page.locator(".reasons li").all_inner_texts()
    assert told == [f"The amount. {BREAKING} code R01", "Age in years, Amount code R9"]
    assert "came with this page, not with the proof" in page.inner_text("#result")
    assert page.locator("img").count() == 0
    assert page.inner_text("h1") == "Your receipt"
    opening = page.inner_text("#by-script").partition("What it rests on")
    assert opening[0].startswith(f"The decision: {BREAKING}")
    assert f"Example Bank plc {BREAKING} (log: bank.example/credit)" in opening[0]
    rows = page.locator("[aria-labelledby=decided] tbody tr").all_inner_texts()
    assert [row.replace("\t", ": ") for row in rows] == [
        "Age in years: 41 years",
        f"Amount: 1234.5 DM {BREAKING}",
        "Purpose: a car, used",
    ]
    headings = page.locator("h2").all_inner_texts()
    assert headings[1:] == [
        "Intact, issuer unknown",
        "The steps",
        "What to do now",
        "What you bring",
        "Check another file",
        "Whom you trust here",
    ]
    look_over(page)
    shots(page, "held")
    page.set_viewport_size({"width": 390, "height": 844})
    shots(page, "held-phone")
    with page.expect_download() as saved:
        page.get_by_text("Save receipt.json").click()
    assert Path(saved.value.path()).read_bytes() == receipt
    page.fill("#issuer", KEY)
    expect(page.locator("#verdict")).to_have_text(SIGNED)
    checker.choose("other.json", FILE)
    assert "Save" not in page.inner_text("#result")
    assert page.inner_text("h1") == "Check a receipt or a bundle"


def test_a_page_whose_receipt_was_altered_says_so_first(
    page: Page, tmp_path: Path, look_over: LookOver, shots: Shots
) -> None:
    page.goto(written(tmp_path, checker_page(Held("receipt.json", FILE.replace(b"41]", b"42]")))))
    expect(page.locator("#verdict")).to_have_text(
        "does not match: a value, or its salt, is not the one that was recorded"
    )
    assert page.inner_text("h1") == "Do not rely on this receipt"
    assert page.inner_text(".plainly") == "It was altered: at least one value is not the one on record."
    assert page.inner_text("#by-script").startswith("receipt.json: a receipt\n\nIt was altered")
    told = page.inner_text("#result")
    assert "more values are on record" not in told
    assert "left out here, because they are not the ones on record" in told
    assert "Ask the organisation for the receipt again" in told
    look_over(page)
    shots(page, "held-altered")


def test_a_page_that_holds_a_receipt_is_checked_by_another_page(checker: Checker) -> None:
    altered = FILE.replace(b"41]", b"42]")
    for data, verdict in ((FILE, UNKNOWN), (altered, "does not match")):
        page = checker_page(Held("mine.json", data)).encode()
        checker.choose("receipt.html", page)
        assert checker.shown()["verdict"].startswith(verdict)
        assert "mine.json: a receipt" in checker.page.inner_text("#result")
    checker.choose("page.html", checker_page().encode())
    assert "neither a receipt" in checker.shown()["verdict"]


# --- links, and a server that has proofs ---


@contextmanager
def served(answers: dict[str, tuple[int, str, str]]) -> Iterator[str]:
    """A web server with these answers by path: status, type, body."""

    class Answering(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, kind, body = answers.get(self.path, (404, "application/problem+json", "{}"))
            self.send_response(status)
            self.send_header("content-type", kind)
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def link_to(server: str, index: int = 4) -> str:
    receipt = BANK.receipt(index)
    return check_link(server, BANK.origin, receipt.leaf, KEY.split("+")[1], index)


def test_a_link_asks_for_the_file_and_compares(checker: Checker, look_over: LookOver, shots: Shots) -> None:
    page = checker.page
    page.goto(page.url + "#" + link_to("").partition("#")[2])
    assert "bank.example/credit" in page.inner_text("#link")
    assert RECEIPT.leaf.hex() in page.inner_text("#link")
    assert page.locator("#fetch").count() == 0  # from a disk, nobody can be asked
    look_over(page)
    shots(page, "link")
    checker.choose("receipt.json", FILE)
    expect(page.locator("#result")).to_contain_text("This file holds the record that your link is about.")
    checker.choose("receipt.json", BANK.receipt(5).encode())
    expect(page.locator("#result")).to_contain_text("another record than the one your link is about")


@pytest.mark.parametrize("prefix", ["", "/counterfoil"])
def test_a_proof_from_the_pages_own_server(page: Page, prefix: str) -> None:
    proof = json.dumps({"receipt": json.loads(BANK.receipt(4, pointers=[]).encode())}, indent=1)
    answers = {
        f"{prefix}/check": (200, "text/html; charset=utf-8", checker_page()),
        f"{prefix}/api/v1/proofs/{RECEIPT.leaf.hex()}": (200, "application/json", proof),
    }
    with served(answers) as address:
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        page.goto(link_to(address + prefix))
        page.fill("#issuer", KEY)
        assert [url.partition("#")[0] for url in asked] == [f"{address}{prefix}/check"]  # nothing unasked
        page.click("#fetch")
        expect(page.locator("#verdict")).to_have_text(SIGNED)
        assert "0 of 5 fields are shown" in page.inner_text("#result")
        expect(page.locator("#result")).to_contain_text("This file holds the record that your link is about.")


@pytest.mark.parametrize("body", ["", "{}", "[]", '{"receipt": 5}', "<html>", '{"receipt": {}}'])
def test_a_server_that_has_no_proof(page: Page, body: str) -> None:
    answers = {
        "/check": (200, "text/html; charset=utf-8", checker_page()),
        f"/api/v1/proofs/{RECEIPT.leaf.hex()}": (200, "application/json", body),
    }
    with served(answers) as address:
        page.goto(link_to(address))
        page.click("#fetch")
        if body == '{"receipt": {}}':
            expect(page.locator("#verdict")).to_contain_text("does not match")
        else:
            expect(page.locator("#fetch-error")).to_contain_text("can be checked without it")


def test_a_server_that_says_no(page: Page, console: list[str]) -> None:
    with served({"/check": (200, "text/html; charset=utf-8", checker_page())}) as address:
        page.goto(link_to(address))
        page.click("#fetch")
        expect(page.locator("#fetch-error")).to_contain_text("no such proof (404)")
    assert len(console) == 1  # the browser's own remark on the 404
    console.clear()


@pytest.mark.parametrize(
    "fragment",
    ["", "#", "#x", "#o=bank.example&l=AAAA&k=12345678", "#l=" + "A" * 43, f"#o={BREAKING}&l={'A' * 43}&k=12345678"],
    ids=range(6),
)
def test_fragments_that_are_no_links(page: Page, tmp_path: Path, fragment: str) -> None:
    page.goto(written(tmp_path, checker_page()) + fragment)
    assert page.locator("#link").is_hidden()
    assert page.locator("img").count() == 0


def test_links_as_they_are_written() -> None:
    leaf = bytes(range(32))
    link = check_link("https://bank.example", "bank.example:8080/credit", leaf, "1a2b3c4d")
    hashed = b64encode(leaf, b"-_").decode().rstrip("=")
    assert link == f"https://bank.example/check#o=bank.example:8080/credit&l={hashed}&k=1a2b3c4d"
    assert "&i=7&" in check_link("https://bank.example", "bank.example", leaf, "1a2b3c4d", 7)
