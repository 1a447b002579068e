"""`counterfoil check` of evidence: what a governor is handed, checked without a home."""

from __future__ import annotations

import json

from making_deliveries import CHUNKS, MadeDelivery

from counterfoil.cli.main import run


def checked(capsys, *arguments):
    code = run(["check", *map(str, arguments)])
    return code, capsys.readouterr().out


def test_evidence_is_checked_step_by_step(tmp_path, capsys):
    made = MadeDelivery([CHUNKS[0], bytes(len(CHUNKS[1])), CHUNKS[2]])
    path = tmp_path / "scans.mismatch.json"
    path.write_bytes(made.evidence().encode())
    code, told = checked(capsys, path, "--issuer", made.sheet.key, "--require", "issuer")
    assert code == 0
    assert "8. Does what was signed contradict what was published? PASSED  [mismatch]" in told
    assert f"Order: {made.statement.order}" in told
    assert "Verdict: the seller delivered another chunk 1 than it published" in told
    assert checked(capsys, path, "--require", "issuer")[0] == 4


def test_what_convicts_nobody_ends_with_4(tmp_path, capsys):
    path = tmp_path / "scans.mismatch.json"
    path.write_bytes(MadeDelivery().evidence().encode())
    code, told = checked(capsys, "--json", path)
    assert code == 4
    assert "nothing is wrong with it" in json.loads(told)["verdict"]
