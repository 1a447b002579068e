"""Runs an approved algorithm on a dataset, in the sandbox, and can run it again to see whether the same comes out.

1. the approval is asked about the bytes that will run;
2. what the algorithm needs is held against what is here;
3. each input is read and its content root compared with the one that was agreed;
4. the bytes of 1, and no other, are laid out in a private folder and run;
5. inputs that were changed meanwhile make the whole run void.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from counterfoil.core import canonical
from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import DoesNotMatch, InvalidInput, NotFound, Stale
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import Approval, Approvals
from counterfoil.market.compute.environment import Environment, environment_of
from counterfoil.market.compute.sandbox import Limits, Outcome, Sandbox, Task
from counterfoil.market.compute.sandbox.log import Line
from counterfoil.market.compute.sandbox.sandbox import Stopped

__all__ = ["Execution", "Input", "Rerun", "Work", "compared", "content_root", "execute", "require_content"]


@dataclass(frozen=True, slots=True)
class Input:
    """A dataset as it was agreed on.

    Attributes:
        place: File or folder on this machine.
        root_hex: Its content root (see docs/reference/delivery.md), 64 hexadecimal digits.
    """

    place: Path
    root_hex: str


@dataclass(frozen=True, slots=True)
class Work:
    """What one job is: everything its result depends on, but the environment.

    Attributes:
        algorithm: The bytes that run.
        inputs: Name below `/in` to a dataset.
        parameters: A JSON object.
        limits: Ceilings.
        threads: For numerical libraries; 1 gives the same result on every run.
    """

    algorithm: Algorithm
    inputs: Mapping[str, Input]
    parameters: Mapping[str, Any] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    threads: int = 1

    @property
    def parameters_bytes(self) -> bytes:
        """The parameters as the algorithm reads them, and as their digest is taken: canonical JSON."""
        return canonical.dumps(self.parameters)


@dataclass(frozen=True, slots=True)
class Execution:
    """A job that has run.

    Attributes:
        outcome: What came of it.
        approval: Why the algorithm was allowed.
        environment: What it ran with.
    """

    outcome: Outcome
    approval: Approval
    environment: Environment


@dataclass(frozen=True, slots=True)
class Rerun:
    """Two runs of the same work, held against each other.

    Attributes:
        differing: Names of outputs that differ, or that only one run has; ascending.
        environment: In a line each, what differs between the environments; empty where that was the same.
    """

    differing: tuple[str, ...]
    environment: tuple[str, ...]


def execute(
    sandbox: Sandbox,
    work: Work,
    approvals: Approvals,
    into: Path,
    *,
    publication: SignedDocument | None = None,
    on_line: Line | None = None,
    is_stopped: Stopped | None = None,
) -> Execution:
    """Runs the work and returns what came of it; an algorithm that fails is a result, not an error.

    Args:
        sandbox: The walls.
        work: What to do.
        approvals: The owner's list.
        into: An empty folder, or one that is made, for the outputs.
        publication: The publisher's document, where the algorithm is approved by its publisher.
        on_line: See `Sandbox.run`.
        is_stopped: See `Sandbox.run`.

    Raises:
        NotAllowed: Nobody approved exactly this algorithm.
        InvalidInput: What it needs is not here, or the work cannot be used.
        NotFound: An input is not there.
        DoesNotMatch: An input has another content than was agreed, or was changed while the job ran.
        NotSetUp: The walls do not stand.
    """
    approval = approvals.require(work.algorithm, publication)
    environment = environment_of(sandbox)
    if unmet := environment.unmet(work.algorithm.python, work.algorithm.packages):
        raise InvalidInput(f"the algorithm needs {unmet[0]}", hint="its owner can install it, or change what it needs")
    stamps = {name: require_content(name, each) for name, each in work.inputs.items()}
    with tempfile.TemporaryDirectory(prefix="counterfoil-algorithm-") as name:
        folder = work.algorithm.lay_out(Path(name) / "algorithm")
        places = {name: each.place for name, each in work.inputs.items()}
        task = Task(folder, work.algorithm.entry, places, work.parameters_bytes)
        outcome = sandbox.run(task, into, work.limits, threads=work.threads, on_line=on_line, is_stopped=is_stopped)
    for name, each in work.inputs.items():
        if _stamp(each.place) != stamps[name]:
            raise DoesNotMatch(
                f"the input {name} was changed while the job ran: its result stands for no known data",
                hint="run the job again, and leave the data alone meanwhile",
            )
    return Execution(outcome, approval, environment)


def compared(first: Execution, again: Execution) -> Rerun:
    """Holds two runs of the same work against each other."""
    before, after = _digests(first.outcome), _digests(again.outcome)
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    return Rerun(tuple(differing), first.environment.differences(again.environment))


def _digests(outcome: Outcome) -> dict[str, str]:
    return {each.name: each.sha256_hex for each in outcome.outputs}


def content_root(place: Path) -> str:
    """Returns the content root of a file or folder, 64 hexadecimal digits; all of it is read.

    Raises:
        NotFound: It is not there.
        DoesNotMatch: It was changed meanwhile.
    """
    from counterfoil.market.delivery.folder import FolderSource
    from counterfoil.market.delivery.source import content_of
    from counterfoil.market.delivery.sources import FileSource

    if not place.exists():
        raise NotFound(f"the input {place} is not there")
    source = FolderSource(place) if place.is_dir() else FileSource(place)
    try:
        return content_of(source).root.hex()
    except Stale as error:
        raise DoesNotMatch(f"the input {place} was changed while it was read") from error
    finally:
        source.close()


def require_content(name: str, given: Input) -> tuple[tuple[str, int, int, int], ...]:
    """Returns the stamp of an input whose content is the agreed one; taken first, so that no change slips between."""
    if not given.place.exists():
        raise NotFound(f"the input {name} is not there: {given.place}")
    stamp = _stamp(given.place)
    found = content_root(given.place)
    if found != given.root_hex:
        raise DoesNotMatch(f"the input {name} has the content root {found}, and {given.root_hex} was agreed")
    return stamp


def _stamp(place: Path) -> tuple[tuple[str, int, int, int], ...]:
    """Returns path, size, time of change and number of every file: what cannot stay as it was when content changes."""
    files = [place, *sorted(place.rglob("*"))] if place.is_dir() else [place]
    found = [(str(each), each.lstat()) for each in files]
    return tuple((name, told.st_size, told.st_ctime_ns, told.st_ino) for name, told in found)
