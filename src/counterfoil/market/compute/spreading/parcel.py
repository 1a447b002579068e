"""What travels to a worker and back: plain values alone, so that both ends agree on what they are.

A worker takes nothing on trust: it takes the digest of the algorithm's bytes, reads
the data it has and compares the content root, and puts up the same walls.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, Self

from counterfoil.core import canonical
from counterfoil.errors import DoesNotMatch, InvalidInput
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import Approval, Approvals
from counterfoil.market.compute.environment import Environment
from counterfoil.market.compute.execution import Execution, Input, Work, execute
from counterfoil.market.compute.sandbox import Exit, Limits, Outcome, Output, Sandbox, Usage, Walls

__all__ = ["Parcel", "Returned", "run_parcel"]


@dataclass(frozen=True, slots=True)
class Parcel:
    """One job on its way to a worker.

    Attributes:
        algorithm: The algorithm as a tar file.
        digest_hex: Its digest, as it was approved.
        inputs: Name to (path on the worker, content root).
        parameters: Canonical JSON.
        limits: Name of each limit to its value.
        threads: For numerical libraries.
        walls: What the job is locked in by, by its name.
    """

    algorithm: bytes
    digest_hex: str
    inputs: Mapping[str, tuple[str, str]]
    parameters: bytes
    limits: Mapping[str, int]
    threads: int
    walls: str

    @classmethod
    def of(cls, work: Work, walls: Walls) -> Self:
        """Returns the parcel that holds this work."""
        return cls(
            algorithm=work.algorithm.to_tar(),
            digest_hex=work.algorithm.digest_hex,
            inputs={name: (str(each.place), each.root_hex) for name, each in work.inputs.items()},
            parameters=work.parameters_bytes,
            limits=asdict(work.limits),
            threads=work.threads,
            walls=walls.value,
        )

    def work(self) -> Work:
        """Returns the work in this parcel.

        Raises:
            DoesNotMatch: The algorithm's bytes are others than were approved.
            InvalidInput: The parcel cannot be read.
        """
        algorithm = Algorithm.from_tar(self.algorithm)
        if algorithm.digest_hex != self.digest_hex:
            raise DoesNotMatch(f"the algorithm has the digest {algorithm.digest_hex}, not {self.digest_hex}")
        parameters = canonical.loads(self.parameters)
        if not isinstance(parameters, dict):
            raise InvalidInput("a job's parameters are a JSON object")
        inputs = {name: Input(Path(place), root) for name, (place, root) in self.inputs.items()}
        return Work(algorithm, inputs, parameters, Limits(**self.limits), self.threads)


@dataclass(frozen=True, slots=True)
class Returned:
    """What came of a job, on its way back.

    Attributes:
        outcome: Its fields as plain values, the folder left out.
        outputs: Name to content.
        environment: Where it ran, as plain values.
    """

    outcome: Mapping[str, Any]
    outputs: Mapping[str, bytes]
    environment: Mapping[str, Any]

    def execution(self, digest_hex: str, into: Path) -> Execution:
        """Writes the outputs into a folder and returns the execution, as if it had run here.

        Raises:
            DoesNotMatch: An output is not what the worker said it was, or would lie elsewhere.
        """
        told = dict(self.outcome)
        outputs = tuple(Output(**each) for each in told["outputs"])
        into.mkdir(parents=True, exist_ok=True, mode=0o700)
        for each in outputs:
            content, path = self.outputs.get(each.name, b""), PurePosixPath(each.name)
            if path.is_absolute() or ".." in path.parts or not path.parts:
                raise DoesNotMatch(f"an output named {each.name[:200]!r} lies outside of its folder")
            if sha256(content).hexdigest() != each.sha256_hex or len(content) != each.size_bytes:
                raise DoesNotMatch(f"the output {each.name} arrived as something else than was sent")
            target = into / each.name
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            target.write_bytes(content)
        told |= {
            "exit": Exit(told["exit"]),
            "outputs": outputs,
            "refused": tuple(told["refused"]),
            "usage": Usage(**told["usage"]),
            "folder": into,
        }
        packages = tuple((str(name), str(version)) for name, version in self.environment["packages"])
        environment = Environment(**{**self.environment, "packages": packages})
        return Execution(Outcome(**told), Approval("digest", digest_hex), environment)


def run_parcel(parcel: Parcel) -> Returned:
    """Runs a parcel on this machine; what a worker is asked to call.

    The owner's list was asked before the parcel was sent, and again right before it was: what is checked here is
    that exactly those bytes arrived.

    Raises:
        DoesNotMatch: The algorithm or the data on this machine is another than was agreed.
        NotFound: The data is not on this machine.
        NotSetUp: This machine cannot lock jobs in.
    """
    work = parcel.work()
    approvals = Approvals(digests=frozenset({parcel.digest_hex}))
    with tempfile.TemporaryDirectory(prefix="counterfoil-parcel-") as name:
        done = execute(Sandbox.open(walls=Walls(parcel.walls)), work, approvals, Path(name) / "out")
        outcome = done.outcome
        outputs = {each.name: (outcome.folder / each.name).read_bytes() for each in outcome.outputs}
    told = asdict(outcome)
    del told["folder"]
    return Returned(told | {"exit": str(outcome.exit)}, outputs, asdict(done.environment))
