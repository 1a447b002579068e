"""What is to be run, exactly: the document whose digest a buyer puts on the ledger when it buys a job.

    {"format": "counterfoil job 1", "offer": "0x…", "algorithm": {"digest", "name", "version"}, "dataset": "<root>",
     "parameters": {…}, "limits": {…}, "nonce": "<64 hex>"}

Canonical JSON. The nonce keeps the digest from being guessed. It is not signed: the ledger says who bought it.
A job asks for an algorithm, or, where the offer gives them, for statistics with noise: `statistics`, a list, in the
place of `algorithm`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from hashlib import sha256
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput, MalformedEvidence
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.gate.privacy.statistics import MOST_STATISTICS
from counterfoil.market.compute.sandbox import Limits

__all__ = ["JOB_FORMAT", "NO_PARAMETERS", "AlgorithmNamed", "JobSpec"]

JOB_FORMAT: Final = "counterfoil job 1"
MOST_SPEC_BYTES: Final = 2**18
NO_PARAMETERS: Final[Mapping[str, Any]] = {"type": "object", "properties": {}, "additionalProperties": False}
"""The schema of an offer that names none: what nobody described, nobody approved."""

_HEX: Final = re.compile(r"[0-9a-f]{64}")
_OFFER: Final = re.compile(r"0x[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class AlgorithmNamed:
    """An algorithm by its digest, and as its author calls it."""

    digest: str
    name: str
    version: str

    @classmethod
    def of(cls, algorithm: Algorithm) -> AlgorithmNamed:
        """Names an algorithm."""
        return cls(algorithm.digest_hex, algorithm.name, algorithm.version)

    def to_json(self) -> dict[str, str]:
        """Returns it as documents have it."""
        return {"digest": self.digest, "name": self.name, "version": self.version}


@dataclass(frozen=True, slots=True)
class JobSpec:
    """One job; see the module.

    Attributes:
        offer: The offer's id, `0x` and 64 digits.
        algorithm: What is run; None where statistics are asked for.
        statistics: As `gate.privacy.statistics` reads them; empty where an algorithm is run.
        dataset: Root of the contents it runs on, 64 hexadecimal digits.
        parameters: For the algorithm.
        limits: What is asked for; the offer's limits cap it. None: those of the offer.
        nonce: 64 random hexadecimal digits.
    """

    offer: str
    algorithm: AlgorithmNamed | None
    dataset: str
    nonce: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    statistics: Sequence[Mapping[str, Any]] = ()
    limits: Mapping[str, int] = field(default_factory=dict)

    def encode(self) -> bytes:
        """Returns the document's canonical bytes."""
        told: dict[str, Any] = {
            "dataset": self.dataset,
            "format": JOB_FORMAT,
            "limits": dict(self.limits),
            "nonce": self.nonce,
            "offer": self.offer,
            "parameters": dict(self.parameters),
        }
        if self.algorithm is not None:
            told["algorithm"] = self.algorithm.to_json()
        else:
            told["statistics"] = [dict(each) for each in self.statistics]
        return canonical.dumps(told)

    @property
    def digest_hex(self) -> str:
        """SHA-256 of the document: what is bought."""
        return sha256(self.encode()).hexdigest()

    def capped(self, most: Limits) -> Limits:
        """Returns the limits that count: what is asked for, and no more than the offer gives."""
        offered = {each.name: getattr(most, each.name) for each in fields(Limits)}
        found = {name: min(self.limits.get(name, most_of_it), most_of_it) for name, most_of_it in offered.items()}
        # Files lie in memory: who asks for less of that, or is given less, has less room for files, too.
        return Limits(**found | {"disk_bytes": min(found["disk_bytes"], found["memory_bytes"])})

    @classmethod
    def decode(cls, data: bytes) -> JobSpec:
        """Reads a document.

        Raises:
            MalformedEvidence: It is none, or holds more than it should.
        """
        if len(data) > MOST_SPEC_BYTES:
            raise MalformedEvidence(f"a job's specification has {len(data):,} bytes; {MOST_SPEC_BYTES:,} is the limit")
        try:
            made = cls._read(canonical.loads(data))
        except InvalidInput as error:
            raise MalformedEvidence(error.message, hint=error.hint) from error
        if made.encode() != data:
            raise MalformedEvidence("a job's specification is not written as it is specified: canonical JSON")
        return made

    @classmethod
    def _read(cls, value: Any) -> JobSpec:
        if not isinstance(value, Mapping):
            raise InvalidInput("a job's specification is no JSON object")
        table = StrictTable(value, "the job")
        table.choice("format", (JOB_FORMAT,))
        algorithm: AlgorithmNamed | None = None
        statistics: tuple[Mapping[str, Any], ...] = ()
        if table.has("algorithm"):
            named = table.table("algorithm")
            algorithm = AlgorithmNamed(_digest(named, "digest"), named.text("name"), named.text("version"))
            named.require_empty()
        else:
            table.tables("statistics", "statistic")
            statistics = _statistics(value["statistics"])
        limits = dict(table.mapping("limits"))
        _require_limits(limits)
        offer = table.text("offer", pattern=_OFFER, like="0x and 64 digits")
        parameters = dict(table.mapping("parameters"))
        made = cls(offer, algorithm, _digest(table, "dataset"), _digest(table, "nonce"), parameters, statistics, limits)
        table.require_empty()
        return made


def _statistics(value: Any) -> tuple[Mapping[str, Any], ...]:
    if not isinstance(value, list) or not 0 < len(value) <= MOST_STATISTICS:
        raise InvalidInput(f"a job asks for an algorithm, or for 1 to {MOST_STATISTICS} statistics")
    if not all(isinstance(each, Mapping) for each in value):
        raise InvalidInput("statistics in the job is a list of objects")
    return tuple(value)


def _digest(table: StrictTable, key: str) -> str:
    return table.text(key, pattern=_HEX, like="64 hexadecimal digits")


def _require_limits(limits: Mapping[str, Any]) -> None:
    known = [each.name for each in fields(Limits)]
    odd = next((each for each in limits if each not in known), None)
    if odd is not None:
        raise InvalidInput(f"{odd[:40]!r} is no limit of a job", hint=f"one of {', '.join(known)}")
    Limits(**limits)
