"""Checks an execution receipt by running the job again: for whoever holds the data, an auditor at the owner's say.

1. *format*: the receipt can be read, and its signature holds;
2. *issuer*: the key is the one that the checker named, and signed the offer sheet, too;
3. *job*: it is about this specification: offer, data, algorithm, parameters;
4. *outputs*: the files that came with it, and the gate's decision, are those that it names, no more and no fewer;
5. *algorithm*: the bytes at hand have the digest that is named;
6. *data*: the data at hand have the content root that is named;
7. *environment*: what it ran with is what is here, so that nothing but the job can make a difference;
8. *rerun*: run again and put through the gate of the sheet, the same outputs come out, byte for byte, and none that
   the gate lets pass is missing from the receipt.

A step that needs one before that failed is not taken. Cheap steps come first; the last takes as long as the job.
"""

from __future__ import annotations

import tempfile
from hashlib import sha256
from pathlib import Path
from typing import Final

from counterfoil.core import canonical
from counterfoil.core.check_document import OUTPUTS, WHICH_KEY, outputs_step
from counterfoil.core.note import VerifierKey
from counterfoil.core.steps import TITLES, Report, Status, Step, failed, not_checked, passed
from counterfoil.errors import CounterfoilError, DoesNotMatch, InvalidInput
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.environment import environment_of
from counterfoil.market.compute.execution import Execution, Input, Work, content_root, execute
from counterfoil.market.compute.gate import Gated, RowIndex, check_outputs
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.jobs.receipt import ExecutionReceipt, read_receipt
from counterfoil.market.compute.jobs.result_file import GATE_FILE, JOB_FILE, RECEIPT_FILE, SHEET_FILE
from counterfoil.market.compute.jobs.row_data import columns_of
from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.compute.sandbox import Exit, Sandbox, Walls
from counterfoil.market.sheets.sheet import SignedSheet, read_sheet
from counterfoil.store.check_file import outputs_beside

__all__ = ["check_execution", "read_bought"]

_MOST_FILE_BYTES: Final = 16 * 2**20
_JOB: Final = "Is it about the job that was bought?"
_ALGORITHM: Final = "Is this the algorithm that ran?"
_DATA: Final = "Are these the data it ran on?"
_ENVIRONMENT: Final = "Is here what it ran with?"
_RERUN: Final = "Does the same come out when it is run again?"


def check_execution(
    receipt: bytes | str,
    sheet: SignedSheet,
    spec: JobSpec,
    algorithm: Algorithm,
    data: Path,
    *,
    folder: Path | None = None,
    issuer: VerifierKey | None = None,
    walls: Walls = Walls.BUBBLEWRAP,
) -> Report:
    """Returns what the steps above find; an algorithm that now fails, or gives something else, is a finding.

    Args:
        receipt: The signed receipt.
        sheet: The offer sheet that the job was bought under.
        spec: The specification that was bought.
        algorithm: The bytes that are said to have run.
        data: The data, as a file or folder of this machine.
        folder: What the result was fetched into, with outputs and the gate's decision beside the receipt; None for
            a receipt alone.
        issuer: The seller's market key, from a source the checker trusts.
        walls: What the algorithm is locked in by here.

    Raises:
        NotFound: The data are not there.
        InvalidInput: They are neither a file nor a folder, or a folder that holds links, pipes or devices; or the
            gate's decision cannot be read.
        NotSetUp: Jobs cannot be locked in on this machine.
    """
    try:
        told, signed = read_receipt(receipt)
    except CounterfoilError as error:
        return Report("execution receipt", (failed("format", TITLES["format"], error.message),))
    steps = [passed("format", TITLES["format"], f"an execution receipt of {told.ended}, rightly signed")]
    steps += [
        _issuer(signed.key, sheet.key, issuer),
        _job(told, sheet, spec),
        _outputs(told, folder),
        _algorithm(told, algorithm),
        _data(told, data),
    ]
    sandbox = Sandbox.open(walls=walls)
    steps.append(_environment(told, sandbox))
    if any(each.status is Status.FAILED for each in steps):
        steps.append(not_checked("rerun", _RERUN, "something before does not match"))
    else:
        steps.append(_rerun(told, sheet, spec, algorithm, data, sandbox))
    return Report("execution receipt", tuple(steps), {"order": told.order, "outputs": len(told.outputs)})


def read_bought(folder: Path) -> tuple[bytes, SignedSheet, JobSpec]:
    """Reads receipt, offer sheet and specification from a folder that a buyer fetched a result into.

    Raises:
        InvalidInput: One is not there, or cannot be read.
        MalformedEvidence: Sheet or specification is none.
        DoesNotMatch: The sheet's signature does not hold.
    """
    receipt, sheet, job = (_file(folder / name) for name in (RECEIPT_FILE, SHEET_FILE, JOB_FILE))
    return receipt, read_sheet(sheet), JobSpec.decode(job)


def _file(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            found = file.read(_MOST_FILE_BYTES + 1)
    except OSError as error:
        hint = "name the folder that a job's result was fetched into"
        raise InvalidInput(f"{path} cannot be read: {error.strerror}", hint=hint) from error
    if len(found) > _MOST_FILE_BYTES:
        raise InvalidInput(f"{path} is too large: {_MOST_FILE_BYTES:,} bytes is the limit")
    return found


def _issuer(receipts: VerifierKey, sheets: VerifierKey, named: VerifierKey | None) -> Step:
    if receipts.public != sheets.public:
        return failed("issuer", TITLES["issuer"], f"signed by {receipts.fingerprint}, which did not sign the sheet")
    if named is None:
        told = f"no key was given; it says that it and the offer sheet are signed by {receipts.fingerprint}"
        return not_checked("issuer", TITLES["issuer"], told)
    if receipts.public != named.public:
        told = f"it and the offer sheet are signed by {receipts.fingerprint}, not by {named.fingerprint}; {WHICH_KEY}"
        return failed("issuer", TITLES["issuer"], told)
    return passed("issuer", TITLES["issuer"], f"signed by {sheets.name}, which signed the offer sheet")


def _job(told: ExecutionReceipt, sheet: SignedSheet, spec: JobSpec) -> Step:
    named = {
        "offer": spec.offer,
        "job": spec.digest_hex,
        "inputs": spec.dataset,
        "algorithm": spec.algorithm.digest if spec.algorithm else "",
        "parameters": sha256(canonical.dumps(dict(spec.parameters))).hexdigest(),
    }
    other = next((name for name, value in named.items() if getattr(told, name) != value), None)
    if other is None and spec.offer != sheet.sheet.offer:
        other = "offer sheet"
    if other is not None:
        return failed("job", _JOB, f"it is for another {other}")
    if sheet.sheet.wares.compute is None:
        return failed("job", _JOB, "nothing can be computed under this offer sheet")
    return passed("job", _JOB, f"job {told.job[:16]}… of the order {told.order[:18]}…")


def _outputs(told: ExecutionReceipt, folder: Path | None) -> Step:
    """Step 4."""
    if folder is None:
        return not_checked("outputs", OUTPUTS, "the receipt came alone")
    step = outputs_step({each.name: each.sha256 for each in told.outputs}, outputs_beside(folder / RECEIPT_FILE) or {})
    if step.status is Status.FAILED:
        return step
    gate = folder / GATE_FILE
    decision = outputs_step(
        {GATE_FILE: told.gate} if told.gate else {},
        {GATE_FILE: sha256(_file(gate)).hexdigest()} if gate.exists() else {},
    )
    return decision if decision.status is Status.FAILED else step


def _algorithm(told: ExecutionReceipt, algorithm: Algorithm) -> Step:
    if not told.algorithm:
        return not_checked("algorithm", _ALGORITHM, "the seller's node counted by itself, no algorithm ran")
    if algorithm.digest_hex != told.algorithm:
        here, ran = algorithm.digest_hex[:16], told.algorithm[:16]
        found = f"what is here has the digest {here}…, and {ran}… ran; a file's name counts as its bytes do"
        return failed("algorithm", _ALGORITHM, found)
    return passed("algorithm", _ALGORITHM, f"{algorithm.name} {algorithm.version}, byte for byte")


def _data(told: ExecutionReceipt, data: Path) -> Step:
    try:
        root = content_root(data)
    except DoesNotMatch as error:
        return failed("data", _DATA, error.message)
    if root != told.inputs:
        return failed("data", _DATA, f"these have the content root {root[:16]}…, and it ran on {told.inputs[:16]}…")
    return passed("data", _DATA, f"content root {root[:16]}…", "that the data are true, or whose they are")


def _environment(told: ExecutionReceipt, sandbox: Sandbox) -> Step:
    here = environment_of(sandbox).digest_hex
    if here == told.environment:
        return passed("environment", _ENVIRONMENT, f"the same, digest {here[:16]}…")
    other = Walls.BUBBLEWRAP if sandbox.runsc is not None else Walls.GVISOR
    found = f"another machine, other packages or another sandbox (try --sandbox {other})"
    return not_checked("environment", _ENVIRONMENT, f"{found}: numbers may differ in their last digits for that alone")


def _rerun(
    told: ExecutionReceipt, sheet: SignedSheet, spec: JobSpec, algorithm: Algorithm, data: Path, sandbox: Sandbox
) -> Step:
    """Step 8."""
    assert sheet.sheet.wares.compute is not None, "an offer of jobs has rules for computing"
    try:
        rules = ComputeRules.from_json(sheet.sheet.wares.compute)
    except CounterfoilError as error:
        return failed("rerun", _RERUN, f"the offer sheet's rules for it cannot be read: {error.message}")
    if not told.algorithm or (rules.privacy is not None and rules.privacy.blocks is not None):
        return not_checked("rerun", _RERUN, "the answer has noise in it, which comes out otherwise each time")
    work = Work(algorithm, {"data": Input(data, told.inputs)}, dict(spec.parameters), spec.capped(rules.limits))
    with tempfile.TemporaryDirectory(prefix="counterfoil-check-") as name:
        into = Path(name) / "out"
        try:
            ran = execute(sandbox, work, Approvals(frozenset({algorithm.digest_hex})), into)
        except CounterfoilError as error:
            return failed("rerun", _RERUN, f"it cannot be run: {error.message}")
        into.mkdir(exist_ok=True)
        try:
            gated = _gated(ran, into, rules, told.job, data, sheet)
        except InvalidInput as error:
            return failed("rerun", _RERUN, f"its outputs cannot be held against the data: {error.message}")
    return _compared(told, ran, gated)


def _gated(ran: Execution, into: Path, rules: ComputeRules, job: str, data: Path, sheet: SignedSheet) -> Gated:
    """Puts what came out through the gate, as the seller's node does."""
    content = sheet.sheet.wares.content
    columns = columns_of(data, content.media_type) if content is not None else None
    index = RowIndex.build(columns) if columns else None
    code = 0 if ran.outcome.exit is Exit.FINISHED else 1
    return check_outputs(into, rules.gate, index, job=job, exit_code=code, log=ran.outcome.log)


def _compared(told: ExecutionReceipt, ran: Execution, gated: Gated) -> Step:
    """Holds the receipt's outputs against what passed now, or waits for a person, who may have released it."""
    if ran.outcome.for_buyer != told.exit:
        return failed("rerun", _RERUN, f"it {ran.outcome.for_buyer} now, and the receipt says {told.exit}")
    digests = {name: sha256(content).hexdigest() for name, content in {**gated.held, **gated.passed}.items()}
    other = next((each.name for each in told.outputs if digests.get(each.name) != each.sha256), None)
    if other is not None:
        return failed("rerun", _RERUN, f"{other} comes out otherwise", "which of both runs was right")
    missing = sorted(gated.passed.keys() - {each.name for each in told.outputs})
    if missing:
        return failed("rerun", _RERUN, f"the gate lets {missing[0]} pass, and the receipt does not name it")
    count = len(told.outputs)
    return passed("rerun", _RERUN, f"{count} output{'s' if count != 1 else ''} came out the same, byte for byte")
