"""Known answers from the standards (tests/vectors/README.md), in the page's own script."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browser.checker_pages import written
from playwright.sync_api import Browser, Page

from counterfoil.checker import checker_page

VECTORS = Path(__file__).parents[1] / "vectors"


def read(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def script(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(written(tmp_path_factory.mktemp("page"), checker_page()))
    page.evaluate("() => { globalThis.hex = counterfoil.bytes.fromHex; }")
    yield page
    context.close()


def test_canonical_json(script: Page) -> None:
    vectors = read("jcs")
    doubles = """(all) => all.map((bits) => {
      const view = new DataView(hex(bits).buffer);
      try {
        return counterfoil.canonical.canonicalText(view.getFloat64(0));
      } catch (error) {
        return error.constructor.name;
      }
    })"""
    assert script.evaluate(doubles, [bits for bits, _ in vectors["numbers"]]) == [
        text for _, text in vectors["numbers"]
    ]
    assert set(script.evaluate(doubles, vectors["not_numbers"])) == {"Malformed"}
    again = "(text) => counterfoil.canonical.canonicalText(counterfoil.canonical.parseJson(text))"
    sample, order = vectors["documents"]
    assert script.evaluate(again, sample["input"]) == sample["output"]
    assert list(json.loads(script.evaluate(again, order["input"])).values()) == order["order"]


def test_merkle_trees(script: Page) -> None:
    vectors = read("merkle")
    found = script.evaluate(
        """(v) => {
          const m = counterfoil.merkle;
          const [leaves, roots] = [v.leaves.map((leaf) => m.leafHash(hex(leaf))), v.roots.map(hex)];
          const edge = new m.Frontier();
          const grown = leaves.map((leaf) => { edge.push(leaf); return counterfoil.bytes.toHex(edge.root()); });
          const included = (p, index) =>
            m.isIncluded(leaves[p.index], index, p.size, p.path.map(hex), roots[p.size - 1]);
          const consistent = (p, old) => m.isConsistent(p.old, old, p.new, roots[p.new - 1], p.path.map(hex));
          return {
            empty: counterfoil.bytes.toHex(m.EMPTY_ROOT),
            roots: roots.map((_, at) => counterfoil.bytes.toHex(m.rootOf(leaves.slice(0, at + 1)))),
            grown,
            included: v.inclusion.map((p) => included(p, p.index)),
            misplaced: v.inclusion.map((p) => included(p, p.index + 1)),
            consistent: v.consistency.map((p) => consistent(p, roots[p.old - 1])),
            rewritten: v.consistency.map((p) => consistent(p, roots[p.old % 8])),
          };
        }""",
        vectors,
    )
    assert found["empty"] == vectors["empty_root"]
    assert found["roots"] == found["grown"] == vectors["roots"]
    assert all(found["included"])
    assert all(found["consistent"])
    assert not any(found["misplaced"])
    assert not any(found["rewritten"])


def test_signed_notes(script: Page) -> None:
    vectors = read("signed_note")
    found = script.evaluate(
        """async (v) => {
          const { VerifierKey, parseNote } = counterfoil.note;
          const [key, note] = [VerifierKey.parse(v.vkey), parseNote(v.note)];
          const altered = parseNote(v.note.replace("don't", "do"));
          return [note.text, await note.signedBy(key), String(key), await altered.signedBy(key)];
        }""",
        vectors,
    )
    assert found == [vectors["text"], True, vectors["vkey"], False]


def test_tiles(script: Page) -> None:
    vectors = read("tiles")
    for function, rows in (("tilePath", "paths"), ("entriesPath", "entries")):
        paths = script.evaluate(
            f"(rows) => rows.map((row) => counterfoil.tiles.{function}(...row.slice(0, -1)))", vectors[rows]
        )
        assert paths == [row[-1] for row in vectors[rows]]
    for size, tiles in vectors["widths"].items():
        widths = script.evaluate(
            "([size, rows]) => rows.map((row) => counterfoil.tiles.tileWidth(size, row[0], row[1]))", [int(size), tiles]
        )
        assert widths == [row[-1] for row in tiles]


def test_keccak(script: Page) -> None:
    rows = read("keccak")["hashes"]
    hashes = "(all) => all.map((data) => counterfoil.bytes.toHex(counterfoil.keccak.keccak256(hex(data))))"
    assert script.evaluate(hashes, [data for data, _ in rows]) == [digest for _, digest in rows]


def test_keccak_and_sha256_of_every_length_around_a_block(script: Page) -> None:
    from hashlib import sha256

    from counterfoil.core.keccak import keccak256

    lengths = [*range(50, 75), *range(110, 140), 271, 272, 273, 1000]
    found = script.evaluate(
        """(lengths) => lengths.map((length) => {
          const data = Uint8Array.from({ length }, (_, at) => (7 * at) & 255);
          const halves = counterfoil.sha256.sha256(data.slice(1, 20), data.slice(20), data[0]);
          const { toHex } = counterfoil.bytes;
          return [toHex(counterfoil.keccak.keccak256(data)), toHex(counterfoil.sha256.sha256(data)), toHex(halves)];
        })""",
        lengths,
    )
    for length, (keccak, whole, halves) in zip(lengths, found, strict=True):
        data = bytes(7 * at & 255 for at in range(length))
        assert keccak == keccak256(data).hex()
        assert whole == halves == sha256(data).hexdigest()
    assert script.evaluate("counterfoil.sha256.agreesWithBrowser(new Uint8Array(100_000))")


def test_rlp(script: Page) -> None:
    vectors = read("rlp")
    found = script.evaluate(
        """({ good, bad }) => {
          const { toHex } = counterfoil.bytes;
          const told = (item) => (item instanceof Uint8Array ? toHex(item) : item.map(told));
          const refused = (text) => {
            try {
              counterfoil.rlp.decodeRlp(hex(text));
              return false;
            } catch (error) {
              return error instanceof counterfoil.words.Malformed;
            }
          };
          return [
            good.map(([, raw]) => told(counterfoil.rlp.decodeRlp(hex(raw)))),
            good.map(([, raw]) => toHex(counterfoil.rlp.encodeRlp(counterfoil.rlp.decodeRlp(hex(raw))))),
            bad.map(([raw]) => refused(raw)),
          ];
        }""",
        vectors,
    )
    assert found[0] == [item for item, _ in vectors["good"]]
    assert found[1] == [raw for _, raw in vectors["good"]]
    assert all(found[2])


def test_block_headers(script: Page) -> None:
    from counterfoil.core.block_header import BlockHeader

    for sample in read("block_header").values():
        header = BlockHeader.parse(bytes.fromhex(sample["rlp"]))
        found = script.evaluate(
            """(raw) => {
              const header = counterfoil.block_header.parseHeader(hex(raw));
              const { toHex } = counterfoil.bytes;
              const roots = [toHex(header.stateRoot), toHex(header.receiptsRoot)];
              return [toHex(header.hash), Number(header.number), header.time, ...roots];
            }""",
            sample["rlp"],
        )
        roots = [header.state_root.hex(), header.receipts_root.hex()]
        assert found == [header.hash.hex(), header.number, header.time, *roots]


def test_sd_jwt_disclosures(script: Page) -> None:
    vectors = read("sd_jwt")
    text = "(parts) => counterfoil.bytes.toBase64(counterfoil.canonical.canonicalBytes(parts))"
    written = str(script.evaluate(text, vectors["parts"]))
    assert written.rstrip("=").replace("+", "-").replace("/", "_") == vectors["encoded"]
