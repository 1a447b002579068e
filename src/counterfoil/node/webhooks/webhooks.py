"""The webhooks of one node: who is told of what, and what is still to be delivered.

An event is written down for each webhook that wants it, together with what it tells
of; threads deliver it, with growing pauses, for three days. Each webhook gets one
message at a time, and none waits for another's receiver. What a crash interrupts is
delivered again: receivers tell repeats by `webhook-id`.
"""

from __future__ import annotations

import json
import logging
import secrets
import threading
import time
from base64 import b64encode
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from hmac import digest as hmac_digest
from typing import Any, Final

from sqlalchemy import Column, Connection, Index, Integer, String, Table, Text, func, select

from counterfoil.errors import CounterfoilError, InvalidInput, NotFound
from counterfoil.node.state import NodeState, metadata
from counterfoil.node.webhooks.message import SECRET_PREFIX, headers_of, require_target, send
from counterfoil.store.streams import time_text

__all__ = ["EVENTS", "Webhook", "Webhooks"]

_LOGGER: Final = logging.getLogger("counterfoil.node")

EVENTS: Final = ("alarm.cleared", "alarm.raised", "job.finished")
"""What can be told."""

PAUSES_S: Final = (5, 30, 120, 600, 1_800, 3_600, 10_800, 21_600, 43_200, 86_400, 86_400)
"""Pauses between tries, three days in all; after the last the message is given up and shown as failed."""

MOST_HOOKS: Final = 50
MOST_KEPT: Final = 1_000
"""Deliveries that are over and still shown."""

_IDLE_S: Final = 30.0

hooks: Final = Table(
    "webhooks",
    metadata,
    Column("id", String, primary_key=True),
    Column("url", String, nullable=False),
    Column("events", String, nullable=False),
    Column("made_s", Integer, nullable=False),
)
deliveries: Final = Table(
    "deliveries",
    metadata,
    Column("number", Integer, primary_key=True),
    Column("event_id", String, nullable=False),
    Column("hook", String, nullable=False),
    Column("event", String, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", String, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("due_s", Integer, nullable=False),  # when it is tried next; once it is over, when that was
    Column("said", Text, nullable=False),
    Index("deliveries_by_state", "state", "due_s"),
)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told.

    Attributes:
        id: 8 hexadecimal digits.
        url: Where messages go.
        events: Which, of `EVENTS`.
        made_s: When it was added, Unix seconds.
        waiting: Messages still to be delivered.
        said: Why the last try failed; empty when it did not.
        taken_s: When a message was last taken, Unix seconds; None never.
        due_s: When one that waits is tried next; None where none waits.
        given_up: Messages that were never taken, of those still known.
    """

    id: str
    url: str
    events: tuple[str, ...]
    made_s: int
    waiting: int = 0
    said: str = ""
    taken_s: int | None = None
    due_s: int | None = None
    given_up: int = 0

    def to_json(self) -> dict[str, Any]:
        """Returns it as the API shows it."""
        return {
            "due": None if self.due_s is None else time_text(self.due_s),
            "events": list(self.events),
            "given_up": self.given_up,
            "id": self.id,
            "made": time_text(self.made_s),
            "said": self.said or None,
            "taken": None if self.taken_s is None else time_text(self.taken_s),
            "url": self.url,
            "waiting": self.waiting,
        }


class Webhooks:
    """The webhooks of one node. Safe to use from many threads.

    Args:
        state: Where they are kept.
        now: Returns Unix seconds.
    """

    def __init__(self, state: NodeState, *, now: Callable[[], float] = time.time) -> None:
        self._state = state
        self._now = now
        self._wake = threading.Event()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self._pool = ThreadPoolExecutor(MOST_HOOKS, "counterfoil-webhook")  # threads come as they are needed
        self._lock = threading.Lock()  # owns _busy
        self._busy: set[str] = set()

    def start_work(self) -> None:
        """Delivers what is left, and what comes."""
        self._thread = threading.Thread(target=self._work, name="counterfoil-webhooks", daemon=True)
        self._thread.start()

    def stop_work(self) -> None:
        """Stops after the tries it is in; the rest is delivered after the next start."""
        self._stopping.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(30)
        self._pool.shutdown(cancel_futures=True)

    def add(self, url: str, events: Sequence[str]) -> tuple[Webhook, str]:
        """Adds a webhook; returns it and the secret that its messages are signed with, shown once.

        Raises:
            InvalidInput: An address that messages cannot go to, an unknown event, or too many webhooks.
        """
        require_target(url)
        chosen = tuple(dict.fromkeys(events)) or EVENTS
        wrong = next((event for event in chosen if event not in EVENTS), None)
        if wrong is not None:
            raise InvalidInput(f"there is no event {wrong[:40]!r}", hint=f"there is {', '.join(EVENTS)}")
        made = Webhook(secrets.token_hex(4), url, chosen, int(self._now()))
        with self._state.writing() as connection:
            if connection.execute(select(func.count()).select_from(hooks)).scalar_one() >= MOST_HOOKS:
                raise InvalidInput(f"there are {MOST_HOOKS} webhooks already", hint="remove one first")
            row = {"id": made.id, "url": url, "events": ",".join(chosen), "made_s": made.made_s}
            connection.execute(hooks.insert().values(**row))
        return made, SECRET_PREFIX + b64encode(self._secret(made.id)).decode()

    def list(self) -> list[Webhook]:
        """Returns all webhooks, oldest first."""
        with self._state.reading() as connection:
            rows = connection.execute(select(hooks).order_by(hooks.c.made_s, hooks.c.id)).all()
            stand = _stand(connection)
        return [
            Webhook(row.id, row.url, tuple(row.events.split(",")), row.made_s, **stand.get(row.id, {})) for row in rows
        ]

    def remove(self, hook_id: str) -> None:
        """Removes a webhook and what it was still to be told.

        Raises:
            NotFound: There is none with that id.
        """
        with self._state.writing() as connection:
            if not connection.execute(hooks.delete().where(hooks.c.id == hook_id)).rowcount:
                raise NotFound(f"there is no webhook {hook_id[:20]!r}")
            connection.execute(deliveries.delete().where(deliveries.c.hook == hook_id))

    def tell(self, connection: Connection, event: str, data: Mapping[str, Any]) -> None:
        """Writes an event down for every webhook that wants it, within the caller's own change; `wake` after that.

        Args:
            connection: Where the caller changes what it tells of; both become durable, or neither.
            event: One of `EVENTS`.
            data: What happened, JSON values.
        """
        time_s = int(self._now())
        body = json.dumps({"type": event, "timestamp": time_text(time_s), "data": dict(data)}, sort_keys=True)
        wanted = [row.id for row in connection.execute(select(hooks)) if event in row.events.split(",")]
        if wanted:
            row = {"event_id": f"evt_{secrets.token_hex(12)}", "event": event, "body": body, "state": "waiting"}
            rest = {"tries": 0, "due_s": time_s, "said": ""}
            connection.execute(deliveries.insert(), [row | rest | {"hook": hook} for hook in wanted])

    def wake(self) -> None:
        """Has what is due delivered now."""
        self._wake.set()

    def deliver_due(self) -> int:
        """Tries what is due and not under way; returns how many messages were taken."""
        return sum(each.result() for each in self._begin(self._deliver_to))

    def _begin(self, deliver: Callable[[str], int]) -> Sequence[Future[int]]:
        """Starts a thread for every webhook that something is due for, and that has none."""
        query = select(deliveries.c.hook).where(deliveries.c.state == "waiting", deliveries.c.due_s <= int(self._now()))
        with self._state.reading() as connection:
            due = [row.hook for row in connection.execute(query.distinct())]
        with self._lock:
            fresh = [hook for hook in due if hook not in self._busy]
            self._busy.update(fresh)
        return [self._pool.submit(self._busily, deliver, hook) for hook in fresh]

    def _busily(self, deliver: Callable[[str], int], hook: str) -> int:
        try:
            return deliver(hook)
        finally:
            with self._lock:
                self._busy.discard(hook)
            self.wake()

    def _deliver_to(self, hook: str) -> int:
        """Tries what is due for one webhook, one message after the other; returns how many were taken."""
        taken = 0
        query = (
            select(deliveries, hooks.c.url)
            .join(hooks, hooks.c.id == deliveries.c.hook)
            .where(deliveries.c.hook == hook, deliveries.c.state == "waiting", deliveries.c.due_s <= int(self._now()))
            .order_by(deliveries.c.due_s, deliveries.c.number)
            .limit(100)
        )
        with self._state.reading() as connection:
            due = connection.execute(query).all()
        for row in due:
            if self._stopping.is_set():
                break
            body = row.body.encode()
            said = send(row.url, body, headers_of(row.event_id, int(self._now()), body, self._secret(row.hook)))
            taken += not said
            self._settle(row, said)
        return taken

    def _deliver_or_wait(self, hook: str) -> int:
        """As `_deliver_to`; where that cannot be kept, the webhook rests for a while."""
        try:
            return self._deliver_to(hook)
        except CounterfoilError as error:
            _LOGGER.warning("webhooks: %s", error.message)
        except Exception:
            _LOGGER.exception("webhooks failed in a way that was not foreseen")
        self._stopping.wait(_IDLE_S)
        return 0

    def _settle(self, row: Any, said: str) -> None:
        """Keeps what became of one try."""
        changes: dict[str, Any] = {"tries": row.tries + 1, "said": said}
        now_s = int(self._now())
        if not said or row.tries >= len(PAUSES_S):
            changes |= {"state": "failed" if said else "taken", "due_s": now_s}
        else:
            changes["due_s"] = now_s + PAUSES_S[row.tries]
        with self._state.writing() as connection:
            connection.execute(deliveries.update().where(deliveries.c.number == row.number).values(**changes))
            oldest = connection.execute(
                select(deliveries.c.number)
                .where(deliveries.c.state != "waiting")
                .order_by(deliveries.c.number.desc())
                .offset(MOST_KEPT)
                .limit(1)
            ).scalar()
            if oldest is not None:
                old = (deliveries.c.number <= oldest) & (deliveries.c.state != "waiting")
                connection.execute(deliveries.delete().where(old))

    def _secret(self, hook_id: str) -> bytes:
        """Returns a webhook's secret, 32 bytes: derived, so that it lies nowhere."""
        return hmac_digest(self._state.secret, b"\x03webhook " + hook_id.encode(), "sha256")

    def _work(self) -> None:
        while not self._stopping.is_set():
            self._wake.clear()
            try:
                self._begin(self._deliver_or_wait)
                pause_s = self._pause_s()
            except CounterfoilError as error:
                _LOGGER.warning("webhooks: %s", error.message)
                pause_s = _IDLE_S
            except Exception:
                _LOGGER.exception("webhooks failed in a way that was not foreseen")
                pause_s = _IDLE_S
            self._wake.wait(pause_s)

    def _pause_s(self) -> float:
        """Returns how long nothing is due for any webhook that is not busy."""
        with self._lock:
            busy = set(self._busy)
        is_open = (deliveries.c.state == "waiting") & deliveries.c.hook.not_in(busy)
        with self._state.reading() as connection:
            due_s = connection.execute(select(func.min(deliveries.c.due_s)).where(is_open)).scalar()
        return _IDLE_S if due_s is None else min(_IDLE_S, max(0.2, due_s - self._now()))


def _stand(connection: Connection) -> dict[str, dict[str, Any]]:
    """Returns how the deliveries of each webhook stand, as fields of `Webhook`."""
    each = deliveries.c
    columns = (each.hook, each.state, func.count(), func.min(each.due_s), func.max(each.due_s))
    stand: dict[str, dict[str, Any]] = {}
    for hook, state, count, first_s, last_s in connection.execute(select(*columns).group_by(each.hook, each.state)):
        found = {
            "waiting": {"waiting": count, "due_s": first_s},
            "taken": {"taken_s": last_s},
            "failed": {"given_up": count},
        }
        stand.setdefault(hook, {}).update(found[state])
    for hook, said in connection.execute(select(each.hook, each.said).where(each.tries > 0).order_by(each.number)):
        stand.setdefault(hook, {})["said"] = said
    return stand
