"""Checks a file as a base install does, without orjson: `without_orjson.py FILE ISSUER`. Used by check.py.

Prints {"cpu_s", "wall_s", "verdict", "exit_code"}.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from measure import spending

sys.modules["orjson"] = None  # type: ignore[assignment]

from counterfoil.core import canonical  # noqa: E402 - it must not find orjson
from counterfoil.store.check_file import check_file, read_issuer  # noqa: E402

assert canonical.orjson is None
issuer = read_issuer(sys.argv[2])
with spending() as spent:
    report = check_file(Path(sys.argv[1]), issuer=issuer)
found = {"verdict": report.verdict, "exit_code": report.exit_code(("records", "log", "issuer", "complete", "fields"))}
print(json.dumps(found | {"cpu_s": spent.cpu_s, "wall_s": spent.wall_s}))
