"""Signatures over models, with the public `model_signing` command on the other side."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from counterfoil.core.steps import Report
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.fingerprints.entry import WHOLE_BYTES
from counterfoil.provenance.signatures.model_signature import (
    check_model_signature,
    public_pem,
    read_public_key,
    sign_model,
)

CURVES = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
KEY = ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    (folder / "weights").mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    (folder / "weights" / "1.bin").write_bytes(bytes(range(256)))
    (folder / ".gitignore").write_text("*.tmp")
    return folder


def theirs(*args: object) -> subprocess.CompletedProcess[str]:
    """Runs the public command."""
    program = Path(sys.executable).with_name("model_signing")
    return subprocess.run([str(program), *map(str, args)], capture_output=True, text=True, timeout=120)


def statuses(report: Report) -> dict[str, str]:
    return {each.id: str(each.status) for each in report.steps}


def pem_files(folder: Path, key: ec.EllipticCurvePrivateKey) -> tuple[Path, Path]:
    secret, public = folder / "key.pem", folder / "key.pub"
    secret.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(public_pem(key.public_key()))
    return secret, public


@pytest.mark.parametrize("curve", CURVES)
def test_the_public_command_takes_ours(model, tmp_path, curve):
    key = ec.generate_private_key(CURVES[curve]())
    _, public = pem_files(tmp_path, key)
    signature = tmp_path / "model.sig"
    signature.write_bytes(sign_model(model, key))
    found = theirs("verify", "key", model, "--signature", signature, "--public_key", public)
    assert (found.returncode, found.stdout) == (0, "Verification succeeded\n"), found.stderr
    (model / "config.json").write_text("{ }")
    assert theirs("verify", "key", model, "--signature", signature, "--public_key", public).returncode != 0


def test_ours_takes_the_public_commands(model, tmp_path):
    secret, public = pem_files(tmp_path, KEY)
    signature = model / "model.sig"  # inside: the command leaves it out by itself
    made = theirs("sign", "key", model, "--private_key", secret, "--signature", signature)
    assert made.returncode == 0, made.stderr
    report = check_model_signature(model, signature.read_bytes(), read_public_key(public.read_bytes()))
    assert set(statuses(report).values()) == {"passed"}
    assert report.verdict == "intact, and signed by the issuer you named"
    (model / "more.bin").touch()
    assert "more.bin is not among them" in check_model_signature(model, signature.read_bytes(), None).steps[-1].detail


def test_a_model_of_one_file_goes_both_ways(tmp_path):
    secret, public = pem_files(tmp_path, KEY)
    model = tmp_path / "model.onnx"
    model.write_bytes(b"weights")
    ours, other = tmp_path / "ours.sig", tmp_path / "theirs.sig"
    ours.write_bytes(sign_model(model, KEY))
    assert theirs("verify", "key", model, "--signature", ours, "--public_key", public).returncode == 0
    assert theirs("sign", "key", model, "--private_key", secret, "--signature", other).returncode == 0
    assert check_model_signature(model, other.read_bytes(), KEY.public_key()).is_intact


def test_large_files_are_hashed_whole(tmp_path):
    model = tmp_path / "large.bin"
    with model.open("wb") as file:
        file.truncate(WHOLE_BYTES + 1)
    signature = sign_model(model, KEY)
    assert check_model_signature(model, signature, KEY.public_key()).is_intact
    with model.open("r+b") as file:
        file.seek(WHOLE_BYTES)
        file.write(b"!")
    assert statuses(check_model_signature(model, signature, None))["files"] == "failed"


def change(model: Path) -> None:
    (model / "weights" / "1.bin").write_bytes(b"other")


def add(model: Path) -> None:
    (model / "weights" / "2.bin").touch()


def remove(model: Path) -> None:
    (model / "config.json").unlink()


def swap(model: Path) -> None:
    """Two files under each other's names, in an order in which the subject's digest stays the same."""
    (model / "config.json").rename(model / "x")
    (model / "weights" / "1.bin").rename(model / "config.json")
    (model / "x").rename(model / "weights" / "1.bin")


@pytest.mark.parametrize("spoil", [change, add, remove, swap])
def test_a_model_that_is_not_the_signed_one_fails(model, spoil):
    signature = sign_model(model, KEY)
    spoil(model)
    report = check_model_signature(model, signature, KEY.public_key())
    assert statuses(report) == {"format": "passed", "issuer": "passed", "manifest": "passed", "files": "failed"}
    assert report.exit_code(()) == 4


def test_gits_own_files_do_not_count(model):
    signature = sign_model(model, KEY)
    (model / ".gitignore").write_text("*.bak")
    (model / ".git").mkdir()
    (model / ".git" / "HEAD").write_text("ref")
    assert check_model_signature(model, signature, None).is_intact


def test_another_key_and_no_key(model):
    signature = sign_model(model, KEY)
    other = ec.generate_private_key(ec.SECP256R1()).public_key()
    assert statuses(check_model_signature(model, signature, other))["issuer"] == "failed"
    assert statuses(check_model_signature(model, signature, None))["issuer"] == "not checked"


def spoilt(signature: bytes, how: str) -> bytes:
    bundle = json.loads(signature)
    statement = json.loads(base64.b64decode(bundle["dsseEnvelope"]["payload"]))
    resources = statement["predicate"]["resources"]
    if how == "a resource is left out":
        resources.pop()
    if how == "a name is changed":
        resources[0]["name"] = "other.json"
    if how == "a name stands there twice":
        resources.append(dict(resources[0]))
    if how == "the subject is another":
        statement["subject"][0]["digest"]["sha256"] = "00" * 32
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(statement).encode()).decode()
    return json.dumps(bundle).encode()


@pytest.mark.parametrize(
    "how",
    ["a resource is left out", "a name is changed", "a name stands there twice", "the subject is another"],
)
def test_a_list_that_was_altered_is_not_signed(model, how):
    report = check_model_signature(model, spoilt(sign_model(model, KEY), how), KEY.public_key())
    assert statuses(report)["issuer"] == "failed"
    if how != "a name is changed":
        assert statuses(report)["manifest"] == "failed"


NONE = {
    "nothing": b"",
    "no JSON": b"{",
    "a list": b"[]",
    "a bundle without an envelope": b'{"verificationMaterial": {}}',
    "deep nesting": b"[" * 100_000,
    "no Base64": json.dumps(
        {
            "dsseEnvelope": {"payload": "!", "payloadType": "application/vnd.in-toto+json", "signatures": [{}]},
            "verificationMaterial": {},
        }
    ).encode(),
}


@pytest.mark.parametrize("what", NONE)
def test_what_is_no_signature_fails_at_the_first_step(model, what):
    report = check_model_signature(model, NONE[what], None)
    assert statuses(report) == {"format": "failed"}


def test_a_certificate_is_not_checked(model):
    bundle = json.loads(sign_model(model, KEY))
    bundle["verificationMaterial"] = {"certificate": {"rawBytes": ""}, "tlogEntries": []}
    report = check_model_signature(model, json.dumps(bundle).encode(), KEY.public_key())
    assert statuses(report)["issuer"] == "not checked"


def test_what_cannot_be_signed_is_refused(model, tmp_path):
    (model / "link").symlink_to("config.json")
    with pytest.raises(InvalidInput, match="link is a link"):
        sign_model(model, KEY)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidInput, match="no file to sign"):
        sign_model(tmp_path / "empty", KEY)
    with pytest.raises(NotFound):
        sign_model(tmp_path / "missing", KEY)


@pytest.mark.parametrize(
    "pem",
    [b"", b"-----BEGIN PUBLIC KEY-----\nAA==\n-----END PUBLIC KEY-----\n", b"\xff" * 32],
    ids=["nothing", "no key", "no text"],
)
def test_what_is_no_public_key_is_refused(pem):
    with pytest.raises(InvalidInput, match="public key"):
        read_public_key(pem)


def test_a_key_on_another_curve_is_refused():
    with pytest.raises(InvalidInput, match="P-256"):
        read_public_key(public_pem(ec.generate_private_key(ec.SECP256K1()).public_key()))
