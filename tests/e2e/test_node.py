"""`counterfoil up`, as an operator runs it: a process of its own, real sockets, real signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import orjson
import pytest
from organisations import ROW, copy_home, open_home

from counterfoil.core.checkpoint import SignedCheckpoint

RUN = "from counterfoil.cli.main import main; main()"


@dataclass
class Up:
    """A node in a process of its own."""

    process: subprocess.Popen[str]
    url: str
    token: str | None

    @property
    def headers(self) -> dict[str, str]:
        return {"authorization": f"Bearer {self.token}"}


@contextmanager
def up(home: Path, *options: str) -> Iterator[Up]:
    command = [sys.executable, "-c", RUN, "up", "--home", str(home), "--json", "--listen", "127.0.0.1:0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        text = ""
        while not text.endswith("}\n"):
            line = process.stdout.readline()
            assert line, process.stderr.read()
            text += line
        told = json.loads(text)
        yield Up(process, told["url"], told["admin_key"])
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


def counterfoil(*args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", RUN, *args], capture_output=True, text=True, timeout=60)


@pytest.fixture
def home(tmp_path):
    return copy_home(tmp_path)


def test_the_first_start_says_how_somebody_comes_to_sign_in(home):
    command = [sys.executable, "-c", RUN, "up", "--home", str(home), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            said = [process.stdout.readline().strip() for _ in range(5)]
        finally:
            process.kill()
    assert said[2].startswith("cf_")
    assert said[4] == f"counterfoil access user-add NAME --role admin --home {home}"


def lines(count: int) -> bytes:
    return b"\n".join(orjson.dumps({"applicant": ROW, "subject": str(number)}) for number in range(count))


def deployment(node: Up, **more) -> int:
    return httpx.get(f"{node.url}/api/v1/deployments", headers=node.headers, **more).json()[0]["index"]


def test_the_first_key_is_shown_once_and_works_after_a_restart(home):
    with up(home) as first:
        assert httpx.get(f"{first.url}/api/v1/status", headers=first.headers).status_code == 200
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(30) == 0
        assert first.token not in first.process.stderr.read()
    with up(home) as second:
        assert second.token is None
        assert httpx.get(f"{second.url}/api/v1/status", headers=first.headers).status_code == 200


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_is_under_way_is_finished_and_the_head_is_signed(home, number):
    with up(home) as node:
        index = deployment(node)
        told: list[httpx.Response] = []
        url = f"{node.url}/api/v1/deployments/{index}/decisions/batch"
        sender = threading.Thread(
            target=lambda: told.append(httpx.post(url, content=lines(3_000), headers=node.headers, timeout=60))
        )
        sender.start()
        size = 0
        while size < 200:  # some of it is on record, not all
            size = httpx.get(f"{node.url}/api/v1/status", headers=node.headers).json()["log_size"]
        node.process.send_signal(number)
        sender.join()
        assert node.process.wait(60) == 0
    answers = [json.loads(line) for line in told[0].content.splitlines()]
    assert len({each["index"] for each in answers}) == 3_000
    head = SignedCheckpoint.parse((home / "checkpoint").read_text()).head
    assert head.size > max(each["index"] for each in answers)


def test_others_are_told_that_the_node_has_the_home(home):
    with up(home):
        told = counterfoil("log", "head", "--home", str(home))
    assert told.returncode == 5
    assert "is in use" in told.stderr
    with open_home(home) as org:  # and let go of it, even killed
        assert org.recorder.is_sound


def test_nothing_is_served_in_the_open_by_mistake(home):
    told = counterfoil("up", "--home", str(home), "--listen", "0.0.0.0:0")
    assert told.returncode == 2
    assert "nothing would be encrypted" in told.stderr
    assert "--open-to-network" in told.stderr


def test_an_address_in_use_is_told(home):
    with up(home) as node:
        other = copy_home(home.parent / "other")
        told = counterfoil("up", "--home", str(other), "--listen", node.url.removeprefix("http://"))
    assert told.returncode == 2
    assert "cannot be listened on: Address already in use" in told.stderr


def test_tls_by_files(home, tmp_path):
    certificate = self_signed(tmp_path)
    (home / "node.toml").write_text(f'format = 1\ntls_cert = "{certificate}"\ntls_key = "{tmp_path / "tls.key"}"\n')
    with up(home) as node:
        assert node.url.startswith("https://")
        import ssl

        context = ssl.create_default_context(cafile=str(certificate))
        assert httpx.get(f"{node.url}/healthz", verify=context).json() == {"done": True}
        with pytest.raises(httpx.HTTPError):
            httpx.get(node.url.replace("https", "http") + "/healthz")


def test_tls_files_that_are_none_are_told(home, tmp_path):
    (home / "node.toml").write_text('format = 1\ntls_cert = "/nowhere/a.pem"\ntls_key = "/nowhere/a.key"\n')
    told = counterfoil("up", "--home", str(home), "--listen", "127.0.0.1:0")
    assert told.returncode == 5
    assert "/nowhere/a.pem is not there" in told.stderr


def test_a_misspelt_setting_is_refused(home):
    (home / "node.toml").write_text('format = 1\nlistenn = "127.0.0.1:0"\n')
    told = counterfoil("up", "--home", str(home))
    assert told.returncode == 5
    assert "did you mean listen?" in told.stderr


def self_signed(folder: Path) -> Path:
    """Makes a certificate for 127.0.0.1 that says it is its own authority."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "test node")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    (folder / "tls.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    pem = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    with os.fdopen(os.open(folder / "tls.key", os.O_WRONLY | os.O_CREAT, 0o600), "wb") as file:
        file.write(key.private_bytes(*pem))
    return folder / "tls.pem"
