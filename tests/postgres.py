"""A real PostgreSQL server for tests: made in a temporary folder, on a Unix socket, gone afterwards.

It syncs to disk as in use. Where the tests run as root, which PostgreSQL refuses, the server
runs as `postgres` or `nobody`.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

BINARIES: Final = Path("/usr/lib/postgresql")
SUPERUSER: Final = "tester"
GUARDED: Final = "guarded"
PASSWORD: Final = "seven wet horses"

ACCESS: Final = f"local all {GUARDED} scram-sha-256\nlocal all all trust\n"
SETTINGS: Final = {
    "listen_addresses": "",
    "fsync": "on",
    "shared_buffers": "64MB",
    "max_connections": "60",
    "autovacuum": "off",  # what is wiped is wiped by us
    "log_min_messages": "fatal",
}

END_SESSIONS: Final = """
    SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
DROP_ALL: Final = """
    DO $$
    DECLARE
        schema text;
    BEGIN
        FOR schema IN
            SELECT nspname FROM pg_namespace WHERE left(nspname, 3) <> 'pg_' AND nspname <> 'information_schema'
        LOOP
            EXECUTE format('DROP SCHEMA %I CASCADE', schema);
        END LOOP;
        CREATE SCHEMA public AUTHORIZATION pg_database_owner;
        GRANT USAGE ON SCHEMA public TO PUBLIC;
    END $$
"""


class PostgresServer:
    """A server that can be stopped, killed and started again."""

    def __init__(self, binaries: Path, folder: Path, user: str | None) -> None:
        self.folder = folder
        self._binaries = binaries
        self._user = user
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._idle: list[str] = []
        self.settings = dict(SETTINGS)

    def make(self) -> None:
        command = [str(self._binaries / "initdb"), "--pgdata", str(self.data), "--username", SUPERUSER]
        command += ["--auth", "trust", "--encoding", "UTF8", "--locale", "C", "--no-instructions", "--no-sync"]
        subprocess.run(command, check=True, user=self._user, cwd=self.folder, capture_output=True)
        (self.data / "pg_hba.conf").write_text(ACCESS)

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def url(self, database: str = "postgres", user: str = SUPERUSER) -> str:
        return f"postgresql:///{database}?host={quote(str(self.folder), safe='')}&user={user}"

    def start(self) -> None:
        command = [str(self._binaries / "postgres"), "-D", str(self.data), "-k", str(self.folder)]
        for name, value in self.settings.items():
            command += ["-c", f"{name}={value}"]
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(command, user=self._user, cwd=self.folder, stdout=log, stderr=log)
        deadline_s = time.monotonic() + 30
        while True:
            try:
                self.execute("SELECT 1")
                return
            except Exception:
                if time.monotonic() > deadline_s or self._process.poll() is not None:
                    raise
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """Ends the server: SIGINT ends sessions and writes everything, SIGQUIT is a crash."""
        if self._process is not None:
            self._process.send_signal(how)
            self._process.wait(timeout=60)
            self._process = None

    def execute(self, statement: str, database: str = "postgres", schema: str = "public") -> list[tuple[Any, ...]]:
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as session:
            session.execute(f'SET search_path = "{schema}"')
            cursor = session.execute(statement)
            return cursor.fetchall() if cursor.description else []

    def new_database(self) -> str:
        """Makes an empty database and returns its address."""
        return self.url(self._make_database())

    def _make_database(self) -> str:
        self._databases += 1
        name = f"home{self._databases}"
        self.execute(f"CREATE DATABASE {name} STRATEGY file_copy")
        return name

    @contextmanager
    def empty_database(self) -> Iterator[str]:
        """Lends an empty database; afterwards it is emptied for the next, which is far quicker than making one."""
        name = self._idle.pop() if self._idle else self._make_database()
        yield self.url(name)
        self.execute(END_SESSIONS, name)
        self.execute(DROP_ALL, name)
        self._idle.append(name)

    def kill_sessions(self) -> None:
        """Ends every session but its own, as an administrator may."""
        self.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")


def binaries() -> Path | None:
    """Returns the newest server's programs, None where Debian's package is not installed."""
    found = [path for path in BINARIES.glob("*/bin") if (path / "initdb").exists() and (path / "postgres").exists()]
    return max(found, key=lambda path: float(path.parent.name), default=None)


@contextmanager
def running_server() -> Iterator[PostgresServer]:
    """Makes a server and starts it; skips the test where there is none to make."""
    programs = binaries()
    if programs is None:
        pytest.skip("PostgreSQL's server is not installed (Debian: postgresql)")
    pytest.importorskip("psycopg", reason="the extra `postgres` is not installed")
    user = _unprivileged() if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="cf-pg-"))  # a socket's path is short
    server = PostgresServer(programs, folder, user)
    try:
        if user is not None:
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        server.make()
        server.start()
        yield server
    finally:
        server.stop(signal.SIGQUIT)  # it takes long to write down what is thrown away
        shutil.rmtree(folder, ignore_errors=True)


def _unprivileged() -> str:
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"
