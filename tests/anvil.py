"""A second EVM beside the embedded ledger: anvil, run from where `npm ci` put it, for one test or many.

with Anvil() as anvil:
    anvil.url, anvil.call("eth_chainId"), anvil.keys[0]

Tests that need it carry the mark `needs_anvil`, which skips them with a sentence where npm did not install it.
"""

from __future__ import annotations

import http.client
import json
import re
import subprocess
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from counterfoil.ledger.rpc.rpc import Call, RpcError

STOP_TIMEOUT_S = 10
CALL_TIMEOUT_S = 30
BETWEEN_BLOCKS_S = 0.02
SAID_LINES = 100
WHY_NOT = "anvil is not installed: `npm ci` in the repository's folder installs it"

_LISTENING = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")
_KEY = re.compile(r"\(\d+\) 0x([0-9a-fA-F]{64})\s*$")


class Anvil:
    """One anvil process on loopback, at a port that the system chose; ended at the end of the block, or by `kill`.

    Args:
        hardfork: The EVM's rules.
        chain_id: Its chain id.
        options: More of anvil's own options, e.g. "--no-mining", "--block-time", "1".

    Attributes:
        url, port: Where it answers.
        pid: Its process id.
        keys: The secret keys of its ten funded accounts.
    """

    def __init__(self, *, hardfork: str = "prague", chain_id: int = 31_337, options: Sequence[str] = ()) -> None:
        binary = self.find()
        if binary is None:
            raise FileNotFoundError(WHY_NOT)
        self._command = [str(binary), "--host", "127.0.0.1", "--hardfork", hardfork, "--chain-id", str(chain_id)]
        self._command += ["--color", "never", *options]
        self.port = 0
        self.keys: list[bytes] = []
        self._said: deque[str] = deque(maxlen=SAID_LINES)
        self._reader: threading.Thread | None = None
        self._process: subprocess.Popen[str] | None = None
        self._connection: http.client.HTTPConnection | None = None

    @classmethod
    def find(cls) -> Path | None:
        """Returns the binary that npm installed for this machine, or None."""
        packages = Path(__file__).resolve().parents[1] / "node_modules" / "@foundry-rs"
        return next(iter(sorted(packages.glob("anvil-*/bin/anvil"))), None)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        """Returns once it answers. After a `stop` or `kill` it comes back at the same URL.

        Raises:
            RuntimeError: It ended before it answered.
        """
        assert self._process is None
        self.keys.clear()
        command = [*self._command, "--port", str(self.port)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        try:
            self.port = self._read_port()
            self._reader = threading.Thread(target=self._read_on, daemon=True)
            self._reader.start()
            self.call("eth_chainId")
        except BaseException:
            self.kill()
            raise

    def stop(self) -> None:
        """Ends it politely, so that it writes its `--state` file if it has one."""
        if self._process is not None:
            self._process.terminate()
            self._ended()

    def kill(self) -> None:
        """Ends it with SIGKILL."""
        if self._process is not None:
            self._process.kill()
            self._ended()

    def call(self, method: str, *params: Any) -> Any:
        """Returns the result of one call; raises RpcError for the node's own errors."""
        return _result(self._post({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}), raises=True)

    def batch(self, calls: Sequence[Call]) -> list[Any]:
        """Returns the results of many calls sent at once, an RpcError in place of a result."""
        sent = [{"jsonrpc": "2.0", "id": n, "method": m, "params": list(p)} for n, (m, p) in enumerate(calls)]
        answers = {answer["id"]: answer for answer in self._post(sent)} if sent else {}
        return [_result(answers[n], raises=False) for n in range(len(sent))]

    @contextmanager
    def mining(self) -> Iterator[None]:
        """Makes blocks meanwhile, as a chain does."""
        stop = threading.Event()

        def mine() -> None:
            while not stop.wait(BETWEEN_BLOCKS_S):
                self.call("evm_mine")

        thread = threading.Thread(target=mine)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _read_port(self) -> int:
        """Reads what it prints at its start: the accounts' keys, then where it listens."""
        assert self._process is not None
        assert self._process.stdout is not None
        for line in self._process.stdout:  # it prints this at once, or ends
            self._said.append(line)
            if key := _KEY.search(line):
                self.keys.append(bytes.fromhex(key[1]))
            if listening := _LISTENING.search(line):
                return int(listening[1])
        raise RuntimeError(f"anvil ended before it listened: {''.join(self._said)}")

    def _read_on(self) -> None:
        """Reads what it prints about every call: it would stand still once the pipe is full."""
        assert self._process is not None
        assert self._process.stdout is not None
        self._said.extend(self._process.stdout)

    def _post(self, body: Any) -> Any:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=CALL_TIMEOUT_S)
        self._connection.request("POST", "/", json.dumps(body), {"Content-Type": "application/json"})
        return json.loads(self._connection.getresponse().read())

    def _ended(self) -> None:
        assert self._process is not None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        try:
            self._process.wait(STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        if self._reader is not None:
            self._reader.join()
            self._reader = None
        if self._process.stdout is not None:
            self._process.stdout.close()
        self._process = None


needs_anvil = pytest.mark.skipif(Anvil.find() is None, reason=WHY_NOT)
"""Marks a test, or with `pytestmark = needs_anvil` a whole module."""


def _result(answer: Any, *, raises: bool) -> Any:
    if "error" not in answer:
        return answer["result"]
    error, data = answer["error"], answer["error"].get("data")
    raw = bytes.fromhex(data[2:]) if isinstance(data, str) and data.startswith("0x") else b""
    found = RpcError(error["code"], error["message"], raw)
    if raises:
        raise found
    return found
