"""The checker page, opened in a browser, and core's answer to hold its own against."""

from __future__ import annotations

import io
import json
import re
import zipfile
from base64 import b64encode
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from making import signer
from playwright.sync_api import Browser, Page

from counterfoil.checker import checker_page
from counterfoil.core.note import VerifierKey
from counterfoil.core.steps import Report
from counterfoil.store.check_file import check_file, read_head

RUN = """async ([files, given]) => {
  const m = globalThis.counterfoil;
  const bytes = (text) => m.bytes.bytesOf(atob(text));
  const file = (each) => each && new File([bytes(each.data)], each.name);
  const hex = (text) => text && m.bytes.fromHex(text);
  const reports = [];
  for (const each of files) {
    const report = await m.check_file.checkFile(file(each), {
      issuer: given.issuer ? m.note.VerifierKey.parse(given.issuer) : null,
      ledger: { block: hex(given.block), contract: hex(given.contract), logId: hex(given.log_id) },
      witnesses: given.witnesses ? m.witness_policy.WitnessPolicy.parse(given.witnesses) : null,
      other: file(given.other),
      now: given.now,
    });
    const { what, steps, facts, answer, isIntact, verdict } = report;
    reports.push({ what, steps, facts, answer, isIntact, verdict });
  }
  return reports;
}"""

OF_THE_COMMAND_LINE = re.compile(r" \(--[^)]*\)")
WORDED_BY_A_READER = re.compile(
    r"not valid JSON|the JSON is not in canonical form|twice in one object|nested deeper|surrogate|beyond 2\^53"
    r"|is not a JSON number|codec can't decode|is not UTF-8 text"
)
"""What cannot be read is refused by both; which words a reader of JSON or of UTF-8 has for it is its own affair."""
SIGNER = signer().key
Compare = Callable[..., list[Report]]
WORDED_BY_ZIP = re.compile(r"^(.* is (?:not a bundle|damaged)): .*$")


QUOTES_NO_TEXT = re.compile(
    r"^(.*its format is )?(['\"]).*\2( is not a place in a log| is not 0x .*| in an anchor is not .*)?$"
)
"""Python and JavaScript spell what is no text in their own ways: True and true."""


def zipped(members: Mapping[str, bytes]) -> bytes:
    """Returns a bundle file with these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in members.items():
            file.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


@dataclass(frozen=True)
class Checker:
    """An opened checker page."""

    page: Page

    def reports(self, files: Iterable[bytes], name: str = "file", **given: Any) -> list[dict[str, Any]]:
        """Returns what the page's script finds in each file."""

        def sent(data: bytes) -> dict[str, str]:
            return {"name": name, "data": b64encode(data).decode()}

        brought = {key: given[key].hex() for key in ("block", "contract", "log_id") if given.get(key)}
        if given.get("other"):
            brought["other"] = sent(given["other"])
        if given.get("issuer"):
            brought["issuer"] = str(given["issuer"])
        if given.get("witnesses"):
            brought["witnesses"] = given["witnesses"].text()
        brought["now"] = given.get("now", "")
        return list(self.page.evaluate(RUN, [[sent(data) for data in files], brought]))

    def choose(self, name: str, data: bytes, mime: str = "application/octet-stream") -> None:
        """Chooses a file as a person does, and waits until its report stands."""
        self.page.evaluate("() => { document.getElementById('verdict')?.setAttribute('data-before', ''); }")
        self.page.set_input_files("#file", {"name": name, "mimeType": mime, "buffer": data})
        self.page.wait_for_selector("#result:not([aria-busy]) #verdict:not([data-before])")

    def shown(self) -> dict[str, Any]:
        """Returns the report that people see."""
        return dict(
            self.page.evaluate(
                """() => ({
                  verdict: document.getElementById("verdict").textContent,
                  steps: [...document.querySelectorAll(".steps li")].map((li) => ({
                    id: li.dataset.step,
                    title: li.querySelector(".title").textContent,
                    status: li.querySelector(".status").textContent,
                    detail: li.querySelector(".detail").textContent,
                    limit: li.querySelector(".limit span")?.textContent ?? "",
                  })),
                })"""
            )
        )


def require_same(found: Mapping[str, Any], report: Report, about: object = None) -> None:
    """Holds that the page's report is core's: verdict, answer, and every step's id, title, status, words and limit."""
    expected = report.to_json()
    steps = [{key: step[key] for key in ("id", "title", "status", "detail", "limit")} for step in expected["steps"]]
    theirs = [dict(step) for step in found["steps"]]
    assert [(step["id"], step["status"]) for step in theirs] == [(step["id"], step["status"]) for step in steps], about
    assert found["isIntact"] == report.is_intact, about
    assert found["answer"] == report.answer, about
    for mine, other in zip(steps, theirs, strict=True):
        mine["detail"] = OF_THE_COMMAND_LINE.sub("", mine["detail"])
        for step in (mine, other):
            step["detail"] = WORDED_BY_ZIP.sub(r"\1", QUOTES_NO_TEXT.sub(r"\1\3", step["detail"]))
        if WORDED_BY_A_READER.search(mine["detail"]) and WORDED_BY_A_READER.search(other["detail"]):
            mine["detail"] = other["detail"]
    assert theirs == steps, about
    if report.is_intact:
        assert found["verdict"] == report.verdict, about
    facts = json.loads(json.dumps(dict(expected["facts"])))
    assert {name: found["facts"][name] for name in facts} == facts, about


def written(folder: Path, text: str) -> str:
    """Writes a page and returns its address on the disk."""
    path = folder / "checker.html"
    path.write_text(text, "utf-8")
    return path.as_uri()


@pytest.fixture(scope="module")
def checker(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checker]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(written(tmp_path_factory.mktemp("page"), checker_page()))
    yield Checker(page)
    context.close()


@pytest.fixture
def compare(checker: Checker, tmp_path: Path) -> Compare:
    """Checks files on the page and with core, holds the answers to be the same, and returns core's."""

    def compared(files: Sequence[bytes], issuer: VerifierKey | None = SIGNER, **given: Any) -> list[Report]:
        expected = []
        for number, data in enumerate(files):
            path = tmp_path / f"{number}" / "file"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            expected.append(core(path, issuer, **given))
        found = checker.reports(files, issuer=issuer, **given)
        for number, (theirs, mine) in enumerate(zip(found, expected, strict=True)):
            if theirs["what"] == "file":  # neither JSON nor zip: the command line says so before core looks
                assert [(step["id"], step["status"]) for step in theirs["steps"]] == [("format", "failed")], number
                assert not mine.is_intact, number
            else:
                require_same(theirs, mine, number)
        return expected

    return compared


def core(path: Path, issuer: VerifierKey | None, other: bytes = b"", **given: Any) -> Report:
    """Core's answer, with a second file as the command line takes it."""
    if other:
        second = path.with_name("other")
        second.write_bytes(other)
        is_bundle = path.read_bytes().startswith(b"PK")
        given |= {"since": read_head(second)} if is_bundle else {"against": second}
    return check_file(path, issuer=issuer, **given)
