"""Checks a proof about rows of a dataset, offline, step by step.

1. format     the file is such a proof, and can be read
2. id         the id leads to one tag only, under the key that the tree names (not for a row by its number)
3. tree       what is at that place stands under the root
4. rows       the rows shown are the ones at that place, all of them
5. record     the record in the file commits to that root
6. log …      that record's receipt: log, issuer, kept, anchor, witnesses, as for every receipt

A step that needs something that is not in the file, or that the checker did not give, reads "not checked".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.check_anchor import LedgerView
from counterfoil.core.check_receipt import LogView, check_receipt
from counterfoil.core.ecvrf import gamma_of, verify
from counterfoil.core.merkle import is_included, root_of
from counterfoil.core.note import VerifierKey
from counterfoil.core.rows import ShownRow, cell_value, columns_digest, id_input, tag_of
from counterfoil.core.rows_proof import IdProof, RowProof, RowsProof, Shown, parse_rows_proof
from counterfoil.core.statement import parse_record
from counterfoil.core.steps import TITLES, Report, Status, Step, failed, not_checked, passed
from counterfoil.core.tag_tree import has_own_place, root_from_walk, tag_number
from counterfoil.core.witness_policy import WitnessPolicy
from counterfoil.core.wording import counted
from counterfoil.errors import CounterfoilError

__all__ = ["ROWS_KIND", "check_rows_proof"]

ROWS_KIND: Final = "rows"
"""Kind of the records that commit to rows."""

_TITLES: Final = {
    "id": "Does the id lead to one place only?",
    "tree": "Is that what stands there?",
    "rows": "Are the rows shown the ones on record?",
    "record": "Does the record commit to this tree?",
}
_OF_RECEIPT: Final = ("log", "issuer", "kept", "anchor", "witnesses")
_WHATS: Final = {"present": "proof that an id is in a dataset", "absent": "proof that an id is not in a dataset"}
_ROW_WHAT: Final = "proof of one row of a dataset"
_LIMIT: Final = "that models were trained on this version and nothing else"


def check_rows_proof(
    data: bytes,
    *,
    issuer: VerifierKey | None = None,
    log: LogView | None = None,
    now: str = "",
    ledger: LedgerView | None = None,
    witnesses: WitnessPolicy | None = None,
) -> Report:
    """Checks a proof file.

    Args:
        data: The bytes of the file.
        issuer: The key the checker trusts; None leaves the issuer unknown.
        log: The log as shown today.
        now: The checker's time.
        ledger: What the checker knows of the ledger that the log's heads are on.
        witnesses: Whose cosignatures the checker demands on the head.

    Returns:
        A report. Hostile input yields failed steps, never an exception.
    """
    try:  # step 1
        proof = parse_rows_proof(data)
    except (CounterfoilError, RecursionError) as error:
        return Report("proof about rows", (failed("format", TITLES["format"], str(error)),))
    what = _what(proof)
    steps = [passed("format", TITLES["format"], f"it is a {what}")]
    if isinstance(proof, IdProof):
        steps += [_id_step(proof), _tree_step(proof), _rows_step(proof)]  # steps 2 to 4
    else:
        steps += [_row_tree_step(proof), _row_step(proof)]
    receipt = None
    if proof.record is not None:
        receipt = check_receipt(
            canonical.dumps(proof.record), issuer=issuer, log=log, now=now, ledger=ledger, witnesses=witnesses
        )
    steps.append(_record_step(proof, receipt))  # step 5
    steps += _receipt_steps(receipt)  # step 6
    return Report(what, tuple(steps), _facts(proof, receipt), receipt.answer if receipt else "")


def _what(proof: RowsProof) -> str:
    if isinstance(proof, RowProof):
        return _ROW_WHAT
    return _WHATS["present" if proof.is_present else "absent"]


def _id_step(proof: IdProof) -> Step:
    title = _TITLES["id"]
    if not verify(proof.tree.key, id_input(proof.id), proof.vrf):
        return failed("id", title, "the tag in the file is not the one that this id has under the tree's key")
    if not proof.is_present and proof.place.tag == tag_of(gamma_of(proof.vrf)):
        return failed("id", title, "the place is the id's own, so it is there")
    told = f"{proof.id!r} has one tag under the tree's key, and nobody can make it another"
    return passed("id", title, told, "whose id it is")


def _tree_step(proof: IdProof) -> Step:
    title, tag = _TITLES["tree"], tag_number(tag_of(gamma_of(proof.vrf)))
    if root_from_walk(proof.place.digest, tag, proof.steps) != proof.tree.root:
        return failed("tree", title, "the way that the tag's bits name does not lead from there to the root")
    if not has_own_place(tag_number(proof.place.tag), tag, proof.steps):
        return failed("tree", title, "the tag that was found does not belong at this place")
    of = f"{counted(proof.tree.count, 'id')} in the column {proof.tree.column}"
    if proof.is_present:
        return passed("tree", title, f"the id is there, with {counted(proof.place.count, 'row')}, among {of}", _LIMIT)
    return passed("tree", title, f"the id is not there: its one place holds another id, among {of}", _LIMIT)


def _rows_step(proof: IdProof) -> Step:
    title = _TITLES["rows"]
    if proof.shown is None:
        none = "there are none to show; to demand this finding, require `absent`"
        told = "no rows are shown" if proof.is_present else none
        return not_checked("rows", title, told)
    columns = columns_digest(proof.shown.columns)
    leaves = [row.leaf(columns) for row in proof.shown.rows]
    if not all(_is_of(proof, proof.shown, row) for row in proof.shown.rows):
        return failed("rows", title, f"a row has another id in the column {proof.tree.column}")
    if len(leaves) != proof.place.count or root_of(leaves) != proof.place.root:
        return failed("rows", title, "a row, its salt, or the number of rows is not the one on record")
    return passed(
        "rows", title, f"{counted(len(leaves), 'row')}, all that the id has, exactly as on record", "that they are true"
    )


def _is_of(proof: IdProof, shown: Shown, row: ShownRow) -> bool:
    """Whether a row says the id, as text or as an integer, in the column that the tree names."""
    if proof.tree.column not in shown.columns:
        return False
    cell = row.cells[shown.columns.index(proof.tree.column)]
    return cell in (b"s" + proof.id.encode(), b"i" + proof.id.encode())


def _row_tree_step(proof: RowProof) -> Step:
    title, tree = _TITLES["tree"], proof.tree
    leaf = proof.shown.rows[0].leaf(tree.columns)
    if not is_included(leaf, proof.index, tree.count, proof.path, tree.root):
        return failed("tree", title, "the row does not stand at its place under the root")
    return passed("tree", title, f"it is row {proof.index:,} of {tree.count:,}, counted from 0", _LIMIT)


def _row_step(proof: RowProof) -> Step:
    title = _TITLES["rows"]
    if columns_digest(proof.shown.columns) != proof.tree.columns:
        return failed("rows", title, "the columns are called otherwise than on record")
    return passed("rows", title, "the row is shown with the names of its columns", "that it is true")


def _record_step(proof: RowsProof, receipt: Report | None) -> Step:
    title = _TITLES["record"]
    if receipt is None:
        return not_checked("record", title, "the file carries no record, so whose tree this is stays open")
    broken = next((each for each in receipt.steps if each.status is Status.FAILED and each.id not in _OF_RECEIPT), None)
    if broken is not None:
        return failed("record", title, broken.detail)
    about = receipt.facts.get("about") or {}
    part = "ids" if isinstance(proof, IdProof) else "rows"
    is_fitting = receipt.facts.get("kind") == ROWS_KIND and about.get(part) == proof.tree.to_json()
    if not is_fitting or not _dataset_leaf(proof):
        return failed("record", title, "the record in the file commits to another tree, or to none")
    return passed(
        "record",
        title,
        f"it does, {receipt.facts['time']}, for the dataset {about.get('dataset')}, leaf {_dataset_leaf(proof)[:16]}…",
        "that the tree was built from all of the data; whoever has data and home can see (counterfoil rows check)",
    )


def _dataset_leaf(proof: RowsProof) -> str:
    """Returns the leaf hash (hex) of the dataset's record, which the record in the file builds on; empty without."""
    try:
        builds_on = parse_record(str((proof.record or {}).get("entry", "")).encode()).builds_on
    except (CounterfoilError, UnicodeEncodeError):
        return ""
    return builds_on[0] if len(builds_on) == 1 else ""


def _receipt_steps(receipt: Report | None) -> list[Step]:
    if receipt is None:
        return [not_checked(each, TITLES[each], "the file carries no record") for each in _OF_RECEIPT]
    return [step for each in _OF_RECEIPT if (step := receipt.step(each)) is not None]


def _facts(proof: RowsProof, receipt: Report | None) -> dict[str, Any]:
    told: Mapping[str, Any] = receipt.facts if receipt is not None else {}
    names = ("origin", "index", "leaf", "time", "about")
    facts = {name: told[name] for name in names if name in told}
    facts["dataset_leaf"] = _dataset_leaf(proof)
    facts["fields"] = _fields(proof.shown) if proof.shown is not None else []
    about = told.get("about") or {}
    dataset = str(about["dataset"])[:200] if "dataset" in about else "a dataset that the file does not name"
    if isinstance(proof, RowProof):
        return facts | {"finding": "row", "row": proof.index, "shows": f"row {proof.index:,} of {dataset} is as shown"}
    is_there = proof.is_present
    shows = f"{proof.id!r} is {'in' if is_there else 'NOT in'} {dataset}"
    shows += f", with {counted(proof.place.count, 'row')}" if is_there else ""
    found = {"finding": "present" if is_there else "absent", "present": is_there, "shows": shows}
    return facts | found | {"id": proof.id, "column": proof.tree.column, "rows": proof.place.count if is_there else 0}


def _fields(shown: Shown) -> list[dict[str, Any]]:
    return [
        {"pointer": f"row {number}", "title": name, "value": cell_value(cell)}
        for number, row in enumerate(shown.rows, 1)
        for name, cell in zip(shown.columns, row.cells, strict=True)
    ]
