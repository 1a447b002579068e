"""Checking files over HTTP: the same answers as the command line gives, for anybody."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from making import signer
from making_node import Serving, serving, settled
from serving_witness import witness_signer

import counterfoil
from counterfoil.organisation import check_api

API = "/api/v1"


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("node")) as found:
        yield found


def decide(node: Serving, subject: str = "4711") -> int:
    return node.org.decisions.deployment(node.deployment).decide(node.applicant, subject=subject).index


def check(node: Serving, params: dict[str, str] | None = None, **files: bytes) -> httpx.Response:
    return httpx.post(f"{node.url}{API}/check", files=files, params=params)


def same_at_home(folder: Path, node: Serving, receipt: bytes, against: bytes) -> str:
    """Returns the log's answer as the library gives it."""
    for name, data in (("receipt.json", receipt), ("against", against)):
        (folder / name).write_bytes(data)
    answer = counterfoil.check(folder / "receipt.json", issuer=node.org.issuer, against=folder / "against").answer
    assert answer
    return answer


def step(told: dict, name: str) -> dict[str, str]:
    return next(each for each in told["steps"] if each["id"] == name)


def test_a_receipt_is_checked_as_at_the_command_line(node):
    index = decide(node)
    receipt = node.client.get(f"{API}/decisions/{index}/receipt").content
    known = {"issuer": str(node.org.issuer), "file": "receipt.json"}
    told = httpx.post(f"{node.url}{API}/check", content=receipt, params=known).json()
    assert (told["exit_code"], told["intact"]) == (0, True)
    assert told["verdict"] == "intact, and signed by the issuer you named"
    unknown = httpx.post(f"{node.url}{API}/check", content=receipt, params={"require": "issuer"}).json()
    assert (unknown["exit_code"], unknown["verdict"]) == (4, "intact, issuer unknown")
    spoilt = httpx.post(f"{node.url}{API}/check", content=receipt.replace(b"2500", b"2501")).json()
    assert (spoilt["exit_code"], spoilt["intact"]) == (4, False)


@pytest.mark.parametrize(
    ("content", "params", "code"),
    [
        (b"", {}, "invalid_input"),
        (b"{}", {"issuer": "../issuer.vkey"}, "malformed_evidence"),
        (b"{}", {"issuer": "/etc/passwd"}, "malformed_evidence"),
        (b"{}", {"block": "0x12"}, "invalid_input"),
        (b"{}", {"file": "a\nb"}, "invalid_input"),
    ],
)
def test_a_check_that_cannot_be_made(node, content, params, code):
    answer = httpx.post(f"{node.url}{API}/check", content=content, params=params)
    assert (answer.status_code, answer.json()["code"]) == (422, code)


@pytest.mark.parametrize("content", [b"hello", b"PK\x03\x04 no zip", b"{", b"\x00" * 5_000])
def test_what_is_no_evidence_is_a_failed_check(node, content):
    told = httpx.post(f"{node.url}{API}/check", content=content).json()
    assert (told["exit_code"], told["intact"]) == (4, False)
    settled(lambda: list(node.node.incoming.iterdir()) == [])


def test_a_receipt_is_held_against_a_newer_state(node, tmp_path):
    receipt = node.org.decisions.receipt(decide(node)).encode()
    decide(node)
    newer = node.org.decisions.receipt(decide(node)).encode()
    node.org.bundles.write_range(tmp_path / "all.zip")
    for against in ((tmp_path / "all.zip").read_bytes(), node.org.checkpoint().encode(), newer):
        told = check(node, {"issuer": str(node.org.issuer)}, file=receipt, against=against)
        assert (told.json()["exit_code"], told.json()["answer"]) == (0, same_at_home(tmp_path, node, receipt, against))


def test_a_bundle_is_held_against_a_head_from_before(node, tmp_path):
    decide(node)
    before = node.org.checkpoint().encode()
    decide(node)
    node.org.bundles.write_range(tmp_path / "all.zip")
    bundle = (tmp_path / "all.zip").read_bytes()
    told = check(node, {"require": "earlier"}, file=bundle, since=before).json()
    alone = check(node, {"require": "earlier"}, file=bundle).json()
    assert (told["exit_code"], alone["exit_code"]) == (0, 4)


def test_a_witness_policy_says_whose_cosignatures_are_wanted(node, tmp_path):
    receipt = node.org.decisions.receipt(decide(node)).encode()
    policy = f"log {node.org.issuer}\nwitness W {witness_signer(1).key}\nquorum W\n"
    told = check(node, {"issuer": str(node.org.issuer)}, file=receipt, witnesses=policy.encode()).json()
    assert step(told, "witnesses")["status"] == "not checked"
    assert "the policy wants W" in step(told, "witnesses")["detail"]
    other = policy.replace(str(node.org.issuer), str(signer().key))
    told = check(node, {"issuer": str(node.org.issuer)}, file=receipt, witnesses=other.encode()).json()
    assert (told["exit_code"], step(told, "witnesses")["status"]) == (4, "failed")


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"against": b"{}"}, "invalid_input"),
        ({"file": b"{}", "more": b"{}"}, "invalid_input"),
        ({"file": b"{}", "witnesses": b"nonsense"}, "invalid_input"),
        ({"file": b"PK", "since": b"nonsense"}, "malformed_evidence"),
        ({"file": b"{}", "since": b""}, "malformed_evidence"),
    ],
)
def test_what_is_brought_along_is_read_strictly(node, files, code):
    answer = check(node, **files)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    settled(lambda: list(node.node.incoming.iterdir()) == [])


def test_a_head_that_could_mean_nothing_is_refused(node, tmp_path):
    receipt, head = node.org.decisions.receipt(decide(node)).encode(), node.org.checkpoint().encode()
    node.org.bundles.write_range(tmp_path / "all.zip")
    for files in ({"file": receipt, "since": head}, {"file": (tmp_path / "all.zip").read_bytes(), "against": head}):
        answer = check(node, **files)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")


def test_parts_count_as_they_arrive(tmp_path, monkeypatch):
    """What many send together has a limit, in parts as in one piece."""
    monkeypatch.setattr(check_api, "MOST_TAKEN_BYTES", 10_000)
    with serving(tmp_path) as small:
        for body in ({"content": b"{" * 20_000}, {"files": {"file": b"{" * 20_000}}):
            answer = httpx.post(f"{small.url}{API}/check", **body)
            assert (answer.status_code, answer.json()["code"]) == (429, "too_many_requests")
        assert check(small, file=b"{}").status_code == 200


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/form-data", b"--x--"),
        ("multipart/form-data; boundary=x; charset=undefined", b"--x\r\n\r\n"),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x--"),
        ("multipart/form-data; boundary=x", b"nothing of the kind"),
        ("multipart/form-data; boundary=x", b'--x\r\nContent-Disposition: form-data; name="file"\r\n\r\n{}\r\n--x--'),
        (
            "multipart/form-data; boundary=x",
            b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n{',
        ),
        ("multipart/form-data; boundary=x", b"--x\r\nX: " + b"y" * 5_000 + b"\r\n\r\n{}\r\n--x--"),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x--"),
    ],
    ids=[
        "no boundary",
        "an unknown charset",
        "empty",
        "no part",
        "no form",
        "a field, no file",
        "cut off",
        "long headers",
        "a long boundary",
    ],
)
def test_a_body_in_parts_that_is_none_is_refused(node, kind, body):
    answer = httpx.post(f"{node.url}{API}/check", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_input")
    settled(lambda: list(node.node.incoming.iterdir()) == [])


def test_the_name_of_the_type_may_be_written_in_capitals(node):
    receipt = node.org.decisions.receipt(decide(node)).encode()
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="../../etc/passwd"\r\n\r\n'
    body = head + receipt + b"\r\n--x--\r\n"
    answer = httpx.post(
        f"{node.url}{API}/check", content=body, headers={"content-type": "Multipart/Form-Data; boundary=x"}
    )
    assert answer.json()["intact"]


def test_required_steps_that_did_not_pass_are_named(node):
    receipt = node.org.decisions.receipt(decide(node)).encode()
    told = check(node, {"require": "anchor"}, file=receipt).json()
    assert (told["exit_code"], told["unmet"]) == (4, ["anchor"])


def test_a_large_passport_is_checked_at_home(node):
    start = b'{"fingerprint":"'
    told = httpx.post(f"{node.url}{API}/check", content=start + b"x" * check_api.MOST_PASSPORT_BYTES)
    assert (told.status_code, told.json()["code"]) == (413, "too_large")
    both = check(node, file=b"{}", against=start + b"x" * check_api.MOST_PASSPORT_BYTES)
    assert (both.status_code, both.json()["code"]) == (413, "too_large")
