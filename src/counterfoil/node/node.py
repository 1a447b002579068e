"""One organisation's node: what the HTTP rooms ask of it, and what goes on in the background."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from fastapi import Request

from counterfoil.errors import CounterfoilError, InvalidInput, LogUnavailable
from counterfoil.node.access import Access
from counterfoil.node.access.passwords import COST, Cost
from counterfoil.node.alarms import Alarms
from counterfoil.node.answers import Answers
from counterfoil.node.background import chores_of
from counterfoil.node.chores import Chores
from counterfoil.node.jobs.jobs import Jobs
from counterfoil.node.metrics import Metrics
from counterfoil.node.settings import NodeSettings
from counterfoil.node.state import STATE_FILE, NodeState
from counterfoil.node.webhooks.webhooks import Webhooks
from counterfoil.node.writer import Wanted, Writer
from counterfoil.organisation import Organisation
from counterfoil.store.prepared import Prepared
from counterfoil.store.recorder import OnFailure, Recorded
from counterfoil.store.requests import REQUESTS_FILE, WAITING, Requests
from counterfoil.web.desk import KEY_HEADER, Make, Place
from counterfoil.web.roles import JOBS, principal_of, require
from counterfoil.web.upload import emptied

__all__ = ["Node"]

_LOGGER: Final = logging.getLogger("counterfoil.node")

MOST_KEY_CHARS: Final = 200

INCOMING: Final = "incoming"
"""Folder of the home for files on their way in or out."""


class Node:
    """Serves one opened home. The HTTP app around it is `node.app`.

    Args:
        org: The organisation.
        settings: What node.toml says.
        password_cost: Of hashing one password.

    Attributes:
        org: The organisation.
        settings: What node.toml says.
        state: The node's own state.
        requests: What was answered before, and left a record.
        answers: What was answered before, and left none of its own.
        incoming: Files on their way in or out.
        access: Who may come in.
        jobs: Long work in the background.
        chores: What the node does by itself.
        alarms: What needs a person.
        webhooks: Who is told.
        metrics: What monitors read.
        is_stopping: Whether it takes nothing in any more.
    """

    def __init__(self, org: Organisation, settings: NodeSettings, *, password_cost: Cost = COST) -> None:
        """Opens the node's state, and brings the searchable tables up to date."""
        self.org = org
        self.settings = settings
        self.most_file_bytes = settings.most_file_bytes
        self.public_entries = settings.public_entries
        self.snapshot_networks: Sequence[str] = settings.snapshot_networks
        self.state = NodeState(org.home.paths.folder / STATE_FILE)
        self.requests = Requests(org.home.paths.folder / REQUESTS_FILE, self.state.secret, org.archive, org.recorder)
        self.requests.load()
        org.provenance.recalls.bar.refresh()  # the tables are up to date; nobody who decides waits for it later
        self.answers = Answers(self.state, org.recorder.now_s)
        self.incoming = emptied(org.home.paths.folder / INCOMING)
        self.access = Access(self.state, settings, org, org.recorder.now_s, password_cost)
        self.access.signer()  # so that there is a key to hand to other nodes' admins
        self.webhooks = Webhooks(self.state)
        self.alarms = Alarms(self.state, self.webhooks)
        self.jobs = Jobs(self.state, org.home.paths.folder / "jobs", org, webhooks=self.webhooks)
        org.erasures.copies.append(self.jobs.forget_erased)
        self.chores = Chores(self.state, chores_of(self))
        self.metrics = Metrics(self)
        self.is_stopping = False
        self._once = threading.Lock()  # one at a time of those that look first and record then
        self._writer: Writer | None = None

    # In the event loop

    async def start(self) -> None:
        """Takes up work; called once, in the event loop that serves."""
        self._writer = Writer(self.org.recorder, self.requests)
        self.org.ledger.start()
        self.org.witness.start()
        self.org.market.serve()
        self.webhooks.start_work()
        self.jobs.start_work()
        self.chores.start_work()

    async def stop(self) -> None:
        """Returns when what was taken in is committed; nothing is taken in from here on."""
        self.is_stopping = True
        if self._writer is not None:
            await self._writer.close()
        for worker in (self.chores, self.jobs, self.webhooks):
            await asyncio.to_thread(worker.stop_work)
        try:
            await asyncio.to_thread(self.access.keep)
        except CounterfoilError as error:  # a full disk: keys keep their older "last used", and all goes on
            _LOGGER.warning("what was used when could not be kept: %s", error.message)
        finally:
            self.requests.close()
            self.state.close()

    # What the rooms ask (web.desk.Desk)

    def tag(self, request: Request, body: bytes, key: str | None = None) -> bytes | None:
        """Returns the tag of a request that names itself; see `web.desk.Desk`."""
        key = _key_of(request) if key is None else _readable(key)
        if key is None:
            return None
        return self.requests.tag(principal_of(request).id, key, _asked(request) + body)

    def tags(self, request: Request, parts: Sequence[bytes]) -> Sequence[bytes | None]:
        """Returns one tag for each part of a request; see `web.desk.Desk`."""
        key = _key_of(request)
        if key is None:
            return [None] * len(parts)
        who, asked, tag = principal_of(request).id, _asked(request), self.requests.tag
        return [tag(who, f"{key}\n{number}", asked + part) for number, part in enumerate(parts, 1)]

    async def write(self, prepared: Prepared, tag: bytes | None, on_failure: OnFailure = "deny") -> Recorded | int:
        """Returns when a record is durable; see `web.desk.Desk`."""
        return await self._open_writer().write(Wanted(prepared, tag, on_failure))

    async def write_many(
        self, wanted: Sequence[tuple[Prepared, bytes | None]], on_failure: OnFailure = "deny"
    ) -> list[Recorded | int | CounterfoilError]:
        """As `write` for many; see `web.desk.Desk`."""
        return await self._open_writer().write_many([Wanted(prepared, tag, on_failure) for prepared, tag in wanted])

    def once(self, tag: bytes | None, make: Callable[[], Place]) -> tuple[int | Place, bool]:
        """Runs `make` unless the same request did before; see `web.desk.Desk`."""
        if tag is None:
            return make(), False
        with self._once:
            known = self.requests.find([tag]).get(tag)
            if isinstance(known, CounterfoilError):
                raise known
            if known == WAITING:
                raise LogUnavailable("this request was answered, and its record waits in the queue")
            if known is not None:
                return known, True
            place = make()
            self.requests.noticed([(tag, place)])
        return place, False

    def answered(self, tag: bytes | None, make: Make) -> tuple[int, Mapping[str, Any], bool]:
        """Runs `make` unless the same request was answered before; see `web.desk.Desk`."""
        return self.answers.answered(tag, make)

    def looked(self, request: Request, what: str, places: Sequence[int] = ()) -> None:
        """Records who looks at what is private; see `web.desk.Desk`."""
        self.org.looks.record(by=principal_of(request).id, what=what, places=places)

    def asked(self, request: Request, what: str, places: Sequence[int] = ()) -> None:
        """Records who has something done; see `web.desk.Desk`."""
        self.org.looks.record(by=principal_of(request).id, what=f"asked for {what}", places=places)

    def start_job(self, request: Request, kind: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Starts long work in the background; see `web.desk.Desk`."""
        require(request, JOBS[kind])
        self.asked(request, f"the work {kind}")
        return self.jobs.start(principal_of(request).id, kind, arguments).to_json()

    def job(self, job_id: str) -> Mapping[str, Any]:
        """Returns long work as the API shows it; see `web.desk.Desk`."""
        return self.jobs.get(job_id).to_json()

    @property
    def can_record(self) -> bool:
        """Whether records reach the log, as far as is known."""
        recorder = self.org.recorder
        is_failing = self._writer is not None and self._writer.is_failing
        return recorder.is_sound and not recorder.spool.count and not is_failing

    def _open_writer(self) -> Writer:
        if self._writer is None:
            raise LogUnavailable("the server has not started yet", hint="ask again in a moment")
        return self._writer


def _key_of(request: Request) -> str | None:
    """Returns the name that a request gives itself, None without one.

    Raises:
        InvalidInput: It cannot be one.
    """
    key = request.headers.get(KEY_HEADER)
    return None if key is None else _readable(key)


def _readable(key: str) -> str:
    if not 1 <= len(key) <= MOST_KEY_CHARS or not (key.isascii() and key.isprintable()):
        raise InvalidInput(
            f"the idempotency key has {len(key)} characters, or others than visible ASCII",
            hint=f"1 to {MOST_KEY_CHARS} visible ASCII characters, such as a UUID",
        )
    return key


def _asked(request: Request) -> bytes:
    return b"%s %s\n" % (request.method.encode(), request.url.path.encode())
