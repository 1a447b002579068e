"""Tables of the demonstration: groups of people, files, commands to try."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["commands_to_try", "files", "groups"]

FILES: Final = {
    "applicant/": "the receipt: file, page, code",
    "auditor/": "the evidence, before and after the erasure; forgeries",
    "bank/": "the bank's home: log, vault, artefacts, sealed keys",
    "bank.key": "opens the bank's keys; a real one is kept elsewhere",
    "bank.vkey": "the bank's public key, for everybody",
    "credit.toml": "the policy",
    "training.csv": "700 rows that trained the model",
    "applicants.csv": "300 rows that were decided on",
}


def groups(org: Organisation) -> Iterator[tuple[str, int, str, str]]:
    """Yields group, people, and the shares approved (as it stands) and repaid."""
    found = []
    for row in org.decisions.search(limit=max(1, org.archive.size)):
        values = org.views.values_of(int(row["idx"])) or {}
        found.append((_traits(values), row["label_now"] == "approve", row["outcome"] == "repaid"))
    for trait in ("all", "women", "men", "25 or younger", "older than 25", "foreign workers", "others"):
        members = [(approved, repaid) for traits, approved, repaid in found if trait in traits]
        if members:
            count = len(members)
            approved, repaid = (sum(column) for column in zip(*members, strict=True))
            yield trait, count, f"{100 * approved / count:.0f} %", f"{100 * repaid / count:.0f} %"


def _traits(values: Mapping[str, Any]) -> set[str]:
    return {
        "all",
        "women" if str(values.get("/input/personal_status_and_sex")).startswith("female") else "men",
        "25 or younger" if values.get("/input/age_in_years", 0) <= 25 else "older than 25",
        "foreign workers" if values.get("/input/foreign_worker") == "yes" else "others",
    }


def files(folder: Path) -> list[str]:
    """Returns what lies where."""
    width = max(len(name) for name in FILES) + 2
    return [f"{folder}/", *(f"  {name:<{width}}{what}" for name, what in FILES.items())]


def commands_to_try(folder: Path, block: str) -> list[str]:
    """Returns commands that work when they are pasted, wherever the program was started.

    Args:
        folder: The demonstration's folder.
        block: Hash of the block that the bank's anchor is in.
    """
    program = Path(sys.argv[0]).absolute()
    is_found = shutil.which("counterfoil") is not None or program.name != "counterfoil"
    return [
        *([] if is_found else [f'export PATH={shlex.quote(str(program.parent))}:"$PATH"']),
        f"cd {shlex.quote(str(folder))}",
        "counterfoil check applicant/receipt.json --issuer bank.vkey",
        "counterfoil check auditor/forged-2.zip --issuer bank.vkey",
        f"counterfoil check auditor/evidence.zip --issuer bank.vkey --block \\\n    {block}",
        "counterfoil ledger status --home bank",
        "counterfoil log search --home bank --label decline",
        "counterfoil replay --home bank --sample 20",
    ]
