"""What an offer of jobs says of computing, as its sheet holds it under `compute`.

    {"algorithms": {"digests": ["<64 hex>"], "publishers": ["lab.example+…"], "votes": {"<64 hex>": "<record>"}},
     "limits": {"cpu_s": 600, "memory_bytes": 2147483648}, "gate": {…}, "privacy": {…}, "rerunPercent": 10}

Without `algorithms` only what the owner approves later may run. Times and sizes that the buyer is told are
rounded up to `reportStep_ms`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from hashlib import sha256
from typing import Any, Final

from counterfoil.core.note import VerifierKey
from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.gate.privacy.rules import PrivacyRules
from counterfoil.market.compute.gate.rules import GateRules
from counterfoil.market.compute.sandbox import Limits

__all__ = ["ComputeRules"]

REPORT_STEP_MS: Final = 1_000
_MOST_STEP_MS: Final = 3_600_000
_MOST_APPROVALS: Final = 1_000


@dataclass(frozen=True, slots=True)
class ComputeRules:
    """The rules of one offer; see the module.

    Attributes:
        approvals: What may run, as far as the sheet says.
        limits: What a job may use at most.
        gate: What may leave.
        privacy: What may be learnt with noise; None without.
        rerun_percent: Share of jobs that are run twice before they are paid out, to see whether the same comes out.
        report_step_ms: To this the buyer's figures are rounded up.
    """

    approvals: Approvals
    limits: Limits
    gate: GateRules
    privacy: PrivacyRules | None
    rerun_percent: int
    report_step_ms: int

    @classmethod
    def from_json(cls, value: Mapping[str, Any], place: str = "compute") -> ComputeRules:
        """Reads rules strictly.

        Raises:
            InvalidInput: A part is missing, unknown, or not as it should be.
        """
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{place} is no table", hint="docs/reference/jobs.md has the format")
        table = StrictTable(value, place)
        approvals = _approvals(table.table("algorithms")) if table.has("algorithms") else Approvals()
        limits = _limits(table.table("limits")) if table.has("limits") else Limits()
        gate = GateRules.from_json(table.mapping("gate"), f"{place}.gate")
        privacy = PrivacyRules.from_json(table.mapping("privacy"), f"{place}.privacy") if table.has("privacy") else None
        percent = table.whole("rerunPercent", 0, 100, default=0)
        step_ms = table.whole("reportStep_ms", 1, _MOST_STEP_MS, default=REPORT_STEP_MS)
        table.require_empty()
        return cls(approvals, limits, gate, privacy, percent, step_ms)

    def is_drawn(self, job: str) -> bool:
        """Returns whether a job is one of those that are run twice.

        It follows from the job's digest, so that its seller does not choose, and everybody can work it out again.

        Args:
            job: SHA-256 of its specification, 64 hexadecimal digits.
        """
        drawn = sha256(b"rerun" + bytes.fromhex(job)).digest()
        return int.from_bytes(drawn[:4], "big") % 100 < self.rerun_percent


def _approvals(table: StrictTable) -> Approvals:
    digests = table.texts("digests") if table.has("digests") else []
    publishers = table.texts("publishers") if table.has("publishers") else []
    votes = dict(table.mapping("votes")) if table.has("votes") else {}
    table.require_empty()
    named = (*digests, *votes)
    if len(named) + len(publishers) > _MOST_APPROVALS:
        raise InvalidInput(f"{table.place} approve more than {_MOST_APPROVALS:,} algorithms and publishers")
    wrong = next((each for each in named if len(each) != 64 or set(each) - set("0123456789abcdef")), None)
    if wrong is not None or not all(isinstance(each, str) and each for each in votes.values()):
        raise InvalidInput(
            f"{table.place} name {str(wrong or votes)[:80]!r}, which is no digest of an algorithm",
            hint="64 hexadecimal digits: `counterfoil market algorithm` prints them",
        )
    return Approvals(frozenset(digests), tuple(VerifierKey.parse(each) for each in publishers), votes)


def _limits(table: StrictTable) -> Limits:
    given = {each.name: table.whole(each.name, 1, 2**53 - 1) for each in fields(Limits) if table.has(each.name)}
    table.require_empty()
    return Limits(**given)
