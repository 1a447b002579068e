"""What a buyer gets of a job: one tar with what left, the signed receipt and the gate's decision.

receipt.json   the execution receipt, signed
gate.json      the gate's decision, canonical JSON; its digest is in the receipt; left out where there is none
out/NAME       each output that left

Written into a folder, it has `job.json` and `sheet.json` beside it: the specification and the offer sheet it was
bought under, as the buyer kept them.
"""

from __future__ import annotations

import io
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from shutil import rmtree
from typing import Final

from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence
from counterfoil.market.compute.gate.rules import MOST_FILES, OUTPUT_NAME
from counterfoil.market.compute.jobs.receipt import ExecutionReceipt, read_receipt
from counterfoil.store.new_file import require_new

__all__ = [
    "GATE_FILE",
    "JOB_FILE",
    "MOST_RESULT_BYTES",
    "RECEIPT_FILE",
    "SHEET_FILE",
    "Result",
    "pack_result",
    "read_result",
]

GATE_FILE: Final = "gate.json"
JOB_FILE: Final = "job.json"
MOST_RESULT_BYTES: Final = 600 * 2**20
RECEIPT_FILE: Final = "receipt.json"
SHEET_FILE: Final = "sheet.json"
_OUT: Final = "out/"
_MODE: Final = 0o644
_MOST_FILES: Final = MOST_FILES + 3
"""What a gate names at most, the log, the receipt and the decision."""


@dataclass(frozen=True, slots=True)
class Result:
    """A result that was read; every output is the one the receipt names.

    Attributes:
        receipt: What was run.
        signed: The same, with its key.
        outputs: What left, by name.
        gate: The gate's decision; empty without one.
        bought: What it was bought under, by file name; written beside it, so that others can check the whole.
    """

    receipt: ExecutionReceipt
    signed: SignedDocument
    outputs: Mapping[str, bytes]
    gate: bytes
    bought: Mapping[str, bytes] = field(default_factory=dict)

    def write(self, folder: Path) -> Path:
        """Writes everything into a new folder, and returns it; one that holds just this already is left as it is.

        Raises:
            InvalidInput: There is something else under this name, or it cannot be written.
        """
        files = {f"out/{name}": data for name, data in self.outputs.items()} | {RECEIPT_FILE: self.signed.encode()}
        files |= ({GATE_FILE: self.gate} if self.gate else {}) | dict(self.bought)
        try:
            if _holds(folder, files):
                return folder
            require_new(folder)
            work = folder.with_name(f"{folder.name}.partial")  # killed in between, no half of it has the name
            if work.is_dir():
                rmtree(work)
            (work / "out").mkdir(parents=True)
            for name, data in files.items():
                (work / name).write_bytes(data)
            work.rename(folder)
        except OSError as error:
            raise InvalidInput(f"{folder} cannot be written: {error.strerror}") from error
        return folder


def _holds(folder: Path, files: Mapping[str, bytes]) -> bool:
    """Whether a folder holds these files, and no others."""
    if not folder.is_dir():
        return False
    found = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    return set(found) == set(files) and all(found[name].read_bytes() == data for name, data in files.items())


def pack_result(receipt: bytes, outputs: Mapping[str, bytes], gate: bytes) -> bytes:
    """Returns the tar; equal for equal parts."""
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w", format=tarfile.USTAR_FORMAT) as archive:
        for name, data in _members(receipt, outputs, gate):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), _MODE
            archive.addfile(member, io.BytesIO(data))
    return made.getvalue()


def read_result(packed: bytes) -> Result:
    """Reads what `pack_result` made; nothing is written anywhere.

    Raises:
        MalformedEvidence: It is no such file.
        DoesNotMatch: The receipt's signature does not hold, or an output or the decision is not the one it names.
    """
    files = _files(packed)
    if RECEIPT_FILE not in files:
        raise MalformedEvidence("the result holds no receipt")
    receipt, signed = read_receipt(files.pop(RECEIPT_FILE))
    gate = files.pop(GATE_FILE, b"")
    outputs = {name.removeprefix(_OUT): data for name, data in files.items()}
    if not all(name.startswith(_OUT) for name in files) or not all(OUTPUT_NAME.fullmatch(name) for name in outputs):
        raise MalformedEvidence("the result holds files that belong elsewhere")
    told = {each.name: (each.sha256, each.size) for each in receipt.outputs}
    if {name: (sha256(data).hexdigest(), len(data)) for name, data in outputs.items()} != told:
        raise DoesNotMatch("the outputs are not those that the execution receipt names")
    if (sha256(gate).hexdigest() if gate else "") != receipt.gate:
        raise DoesNotMatch("the gate's decision is not the one that the execution receipt names")
    return Result(receipt, signed, outputs, gate)


def _members(receipt: bytes, outputs: Mapping[str, bytes], gate: bytes) -> list[tuple[str, bytes]]:
    first = [(RECEIPT_FILE, receipt), *([(GATE_FILE, gate)] if gate else [])]
    return first + [(f"{_OUT}{name}", data) for name, data in sorted(outputs.items())]


def _files(packed: bytes) -> dict[str, bytes]:
    if len(packed) > MOST_RESULT_BYTES:
        raise MalformedEvidence(f"a result has {len(packed):,} bytes; {MOST_RESULT_BYTES:,} is the limit")
    files: dict[str, bytes] = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(packed), mode="r:") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isreg() and not member.issparse() else None
                if content is None or member.name in files or member.size > len(packed):
                    raise MalformedEvidence(f"{member.name[:80]!r} in a result is no plain file")
                if len(files) >= _MOST_FILES:
                    raise MalformedEvidence(f"a result holds more than {_MOST_FILES} files")
                files[member.name] = content.read()
    except (tarfile.TarError, ValueError, OverflowError, EOFError) as error:
        raise MalformedEvidence(f"a result is a tar file: {error}") from error
    return files
