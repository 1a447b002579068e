"""`counterfoil model sign` and `model check`, as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from counterfoil.cli.main import run


@pytest.fixture
def typed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "weights.bin").write_bytes(b"weights")
    assert run(["init", "bank", "--name", "Example Bank AG", "--origin", "bank.example/credit"]) == 0
    capsys.readouterr()

    def typed(*args: object, code: int = 0) -> tuple[str, str]:
        assert run([str(each) for each in args]) == code
        found = capsys.readouterr()
        return found.out, found.err

    return typed


def test_a_model_is_signed_and_checked_by_both(typed, tmp_path):
    out, _ = typed("model", "sign", "model", "--home", "bank", "--out", "model.sig", "--public-key", "bank.pem")
    assert out.startswith("Signed: model.sig.\nHand this key out apart from the model:\n-----BEGIN PUBLIC KEY-----\n")
    out, _ = typed("model", "check", "model", "--signature", "model.sig", "--public-key", "bank.pem")
    assert "✓ 4. Are the files those that were signed? PASSED  [files]" in out
    assert out.endswith("Verdict: intact, and signed by the issuer you named\n")
    program = Path(sys.executable).with_name("model_signing")
    theirs = [program, "verify", "key", "model", "--signature", "model.sig", "--public_key", "bank.pem"]
    assert subprocess.run(theirs, capture_output=True, timeout=120).returncode == 0
    (tmp_path / "model" / "weights.bin").write_bytes(b"Weights")
    out, _ = typed("model", "check", "model", "--signature", "model.sig", code=4)
    assert "weights.bin was changed" in out


def test_the_key_stays_the_same_and_is_on_record(typed):
    for name in ("a.sig", "b.sig"):
        typed("model", "sign", "model", "--home", "bank", "--out", name, "--public-key", f"{name}.pem")
    assert Path("a.sig.pem").read_bytes() == Path("b.sig.pem").read_bytes()
    keys = json.loads(typed("keys", "list", "--home", "bank", "--json")[0])["keys"]
    assert [each["algorithm"] for each in keys if each["use"] == "model"] == ["P-256"]


def test_a_signature_in_the_models_own_folder_leaves_itself_out(typed):
    typed("model", "sign", "model", "--home", "bank", "--out", "model/model.sig")
    out, _ = typed("model", "check", "model", "--signature", "model/model.sig")
    assert "1 file, as signed, and no others" in out


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["check", "model", "--signature", "missing.sig"], 3, "missing.sig cannot be read"),
        (["check", "model", "--signature", "model/weights.bin"], 4, ""),
        (
            ["check", "model", "--signature", "model/weights.bin", "--public-key", "model/weights.bin"],
            2,
            "no public key",
        ),
        (["sign", "missing", "--home", "bank", "--out", "x.sig"], 3, "missing cannot be read"),
        (["sign", "model", "--home", "bank", "--out", "model/weights.bin"], 2, "already exists"),
        (["sign", "model", "--home", "bank", "--out", "nowhere/x.sig"], 2, "cannot be written"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_slips_are_answered_in_words(typed, args, code, said):
    _, err = typed("model", *args, code=code)
    assert said in err
