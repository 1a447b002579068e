"""The release desk: what waits for the owner's hand, what was decided, and the only way out for a job's files.

A file is decided on by its digest, so that what leaves is what was looked at. What was decided stays; a file that was
withheld is deleted. The bytes lie in the owner's own folder, under their digest, and are checked again before they
leave.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import BigInteger, Boolean, Column, Connection, LargeBinary, MetaData, String, Table, func, select

from counterfoil.core import canonical
from counterfoil.errors import DoesNotMatch, HomeDamaged, InvalidInput, LogUnavailable, NotFound, Stale
from counterfoil.market.compute.gate.decision import GateDecision
from counterfoil.market.compute.gate.gate import Gated
from counterfoil.store.durable import replace_file
from counterfoil.store.state_file import StateFile

__all__ = ["Desk", "Pending", "Preview", "Settled"]

Verdict = Literal["released", "withheld"]

_metadata: Final = MetaData()

_jobs: Final = Table(
    "desk_jobs",
    _metadata,
    Column("job", String, primary_key=True),
    Column("decision", LargeBinary, nullable=False),
    Column("time", String, nullable=False),
)
_files: Final = Table(
    "desk_files",
    _metadata,
    Column("job", String, primary_key=True),
    Column("name", String, primary_key=True),
    Column("sha256", String, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("state", String, nullable=False),  # passed, held, released or withheld
    Column("rule", String, nullable=False),
    Column("why", String, nullable=False),
    Column("found", String, nullable=False),
    Column("by", String),
    Column("reason", String),
    Column("time", String),
    Column("is_kept", Boolean, nullable=False),  # whether its bytes are here yet, unless another job keeps the same
)
_PREVIEW_BYTES: Final = 4_096
_MOST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class Pending:
    """A file that waits.

    Attributes:
        job: SHA-256 (hex) of the job's specification.
        name, sha256, size: Of the file, as it would leave.
        rule, why: What holds it.
        found: What of the data was found, and where: `values in the file`. For the owner alone.
    """

    job: str
    name: str
    sha256: str
    size: int
    rule: str
    why: str
    found: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Preview:
    """The beginning of a file, as the owner is shown it.

    Attributes:
        text: Its characters; of a file that is no text, its bytes in hex.
        is_text: Which of the two.
        whole: Whether that is all of it.
        sha256: Of the whole file, hex: by this it is released or withheld.
    """

    text: str
    is_text: bool
    whole: bool
    sha256: str


@dataclass(frozen=True, slots=True)
class Settled:
    """What was decided on a file.

    Attributes:
        job, name, sha256, size: Of the file.
        verdict: Released or withheld.
        by: Who decided.
        reason: Why, in a line.
        time: RFC 3339.
    """

    job: str
    name: str
    sha256: str
    size: int
    verdict: Verdict
    by: str
    reason: str
    time: str


class Desk:
    """The desk of one home. Threads and processes may share it.

    Args:
        folder: Where its file of decisions and the bytes lie; made when missing, for its owner only.

    Raises:
        HomeDamaged, NotSetUp, LogUnavailable: See `StateFile`.
    """

    def __init__(self, folder: Path) -> None:
        try:
            (folder / "files").mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"{folder} cannot be made: {error.strerror}", hint="check its owner") from error
        self._folder = folder / "files"
        self._file = StateFile(folder / "desk.db", _metadata)

    def put(self, gated: Gated, now: str) -> None:
        """Takes what a job's gate let pass or holds. Doing it again changes nothing.

        Raises:
            DoesNotMatch: The job was put down with another decision before.
        """
        decision = gated.decision
        with self._file.writing() as connection:
            before = connection.execute(select(_jobs.c.decision).where(_jobs.c.job == decision.job)).scalar()
            if before is not None:
                if bytes(before) != decision.encode():
                    raise DoesNotMatch(
                        "this job was put down with another decision", hint="a job is run and gated once"
                    )
                return
            for data in (*gated.passed.values(), *gated.held.values()):
                self._keep(data)  # on disk before the row that names it
            connection.execute(_jobs.insert().values(job=decision.job, decision=decision.encode(), time=now))
            for state, files in (("passed", gated.passed), ("held", gated.held)):
                for name, data in files.items():
                    connection.execute(_files.insert().values(**_row(gated, name, data), state=state, is_kept=True))

    def pending(self, job: str | None = None) -> list[Pending]:
        """Returns what waits, of one job or all, in order."""
        parts = (
            _files.c.job,
            _files.c.name,
            _files.c.sha256,
            _files.c.size,
            _files.c.rule,
            _files.c.why,
            _files.c.found,
        )
        query = (
            select(*parts)
            .where(_files.c.state == "held", _files.c.is_kept.is_(True))
            .order_by(_files.c.job, _files.c.name)
        )
        with self._file.reading() as connection:
            rows = connection.execute(query if job is None else query.where(_files.c.job == job)).all()
        return [
            Pending(of, name, digest, size, rule, why, tuple(json.loads(found)))
            for of, name, digest, size, rule, why, found in rows
        ]

    def preview(self, job: str, name: str, most_bytes: int = _PREVIEW_BYTES) -> Preview:
        """Returns the beginning of a file that waits.

        Raises:
            NotFound: No such file waits.
        """
        found = next((each for each in self.pending(job) if each.name == name), None)
        if found is None:
            raise NotFound(f"no file {name!r} of this job waits", hint="it was decided on, refused, or never there")
        data = self._read(found.sha256)
        shown = data[:most_bytes]
        try:
            # a character cut in two at the end is no sign that it is no text
            text = shown.decode("utf-8", "strict" if len(shown) == len(data) else "ignore")
            is_text = all(character.isprintable() or character in "\n\t" for character in text)
        except UnicodeDecodeError:
            text, is_text = "", False
        return Preview(text if is_text else shown.hex(), is_text, len(shown) == len(data), found.sha256)

    def release(self, job: str, name: str, digest: str, *, by: str, reason: str, now: str) -> Settled:
        """Lets a file leave; see `withhold`."""
        return self._settle(job, name, digest, "released", by, reason, now)

    def withhold(self, job: str, name: str, digest: str, *, by: str, reason: str, now: str) -> Settled:
        """Keeps a file for good, and deletes it.

        Args:
            job: SHA-256 (hex) of the job's specification.
            name: Of the file.
            digest: SHA-256 (hex) of the file as it was looked at.
            by: Who decides.
            reason: Why, in a line.
            now: RFC 3339.

        Raises:
            NotFound: No such file was put down.
            Stale: It was decided otherwise before, or another file waits than was looked at.
            InvalidInput: The reason is none.
        """
        settled = self._settle(job, name, digest, "withheld", by, reason, now)
        self._drop(digest)
        return settled

    def would_settle(
        self, job: str, name: str, digest: str, verdict: Verdict, *, by: str, reason: str, now: str
    ) -> Settled | None:
        """Returns what deciding so would put down, None where it was put down before. Errors as `withhold`.

        So that it can be on record before anything leaves.
        """
        with self._file.reading() as connection:
            found, is_new = _judged(connection, job, name, digest, verdict, by, reason, now)
        return found if is_new else None

    def forget(self, job: str) -> None:
        """Deletes a job's files; what was decided stays, and nothing of it can be had any more."""
        with self._file.writing() as connection:
            query = select(_files.c.sha256).where(_files.c.job == job)
            digests = connection.execute(query).scalars().all()
            connection.execute(_files.update().where(_files.c.job == job).values(is_kept=False))
        for digest in digests:
            self._drop(digest)

    def settled(self, job: str) -> list[Settled]:
        """Returns what was decided on a job's files, in order."""
        c = _files.c
        query = select(c.job, c.name, c.sha256, c.size, c.state, c.by, c.reason, c.time)
        with self._file.reading() as connection:
            rows = connection.execute(query.where(c.job == job, c.by.is_not(None)).order_by(c.name)).all()
        return [Settled(*row) for row in rows]

    def decision(self, job: str) -> GateDecision:
        """Returns the gate's decision over a job.

        Raises:
            NotFound: The job was never put down.
        """
        with self._file.reading() as connection:
            found = connection.execute(select(_jobs.c.decision).where(_jobs.c.job == job)).scalar()
        if found is None:
            raise NotFound("this job was never put down at the desk", hint="it has not ended, or is none of this home")
        return GateDecision.from_json(canonical.loads(bytes(found)))

    def leaving(self, job: str) -> Mapping[str, bytes]:
        """Returns all of a job that may leave by now: what passed, and what was released.

        Raises:
            NotFound: The job was never put down.
            HomeDamaged: A file is gone, or is not what was decided on.
        """
        self.decision(job)
        of_job = select(_files.c.name, _files.c.sha256).where(_files.c.job == job)
        may_leave = _files.c.state.in_(("passed", "released")) & _files.c.is_kept.is_(True)
        query = of_job.where(may_leave).order_by(_files.c.name)
        with self._file.reading() as connection:
            rows = connection.execute(query).all()
        return {name: self._read(digest) for name, digest in rows}

    def close(self) -> None:
        """Lets go of the file."""
        self._file.close()

    def _settle(self, job: str, name: str, digest: str, verdict: Verdict, by: str, reason: str, now: str) -> Settled:
        with self._file.writing() as connection:
            found, is_new = _judged(connection, job, name, digest, verdict, by, reason, now)
            if is_new:
                change = _files.update().where(_files.c.job == job, _files.c.name == name)
                connection.execute(
                    change.values(state=verdict, by=by, reason=reason, time=now, is_kept=verdict == "released")
                )
        return found

    def _drop(self, digest: str) -> None:
        """Deletes the bytes of a file that no job has any more."""
        with self._file.writing() as connection:  # so that no `put` finds them there and counts on them meanwhile
            used = select(func.count()).where(_files.c.sha256 == digest, _files.c.is_kept.is_(True))
            if not connection.execute(used).scalar_one():
                (self._folder / digest).unlink(missing_ok=True)

    def _keep(self, data: bytes) -> None:
        path = self._folder / sha256(data).hexdigest()
        if path.exists():
            return
        try:
            replace_file(path, data)
        except OSError as error:
            raise LogUnavailable(
                f"a job's output cannot be kept: {error.strerror}", hint="free some disk space"
            ) from error

    def _read(self, digest: str) -> bytes:
        try:
            data = (self._folder / digest).read_bytes()
        except OSError as error:
            raise HomeDamaged(
                "a file of the release desk is gone", hint="restore it from a backup; nothing left"
            ) from error
        if sha256(data).hexdigest() != digest:
            raise HomeDamaged("a file of the release desk was changed", hint="restore it from a backup; nothing left")
        return data


def _judged(
    connection: Connection, job: str, name: str, digest: str, verdict: Verdict, by: str, reason: str, now: str
) -> tuple[Settled, bool]:
    """Returns a decision that may be put down, and whether it is a new one."""
    if not by or not reason.strip() or len(reason) > _MOST_REASON or not reason.isprintable():
        raise InvalidInput(f"a decision names who made it, and why in a line of 1 to {_MOST_REASON} characters")
    c = _files.c
    query = select(c.is_kept, c.sha256, c.size, c.state, c.by, c.reason, c.time).where(c.job == job, c.name == name)
    row = connection.execute(query).one_or_none()
    if row is None or (row.state == "held" and not row.is_kept):
        raise NotFound(f"no file {name!r} of this job waits", hint="refused files are not kept")
    _, found, size, state, *before = row
    if state == verdict and found == digest:  # said twice: the first time counts
        return Settled(job, name, digest, size, verdict, *before), False
    if state != "held":
        raise Stale(f"{name!r} was {state} before", hint="what was decided stays")
    if found != digest:
        raise Stale(f"{name!r} is not the file that was looked at", hint="look at it again, then decide")
    return Settled(job, name, digest, size, verdict, by, reason, now), True


def _row(gated: Gated, name: str, data: bytes) -> dict[str, Any]:
    """Returns a file's row, but for its state."""
    rule, why = next((each.rule, each.why) for each in gated.decision.files if each.name == name)
    found = [f"{each.rule} in {each.where}" for each in gated.findings.get(name, ())]
    known = {"job": gated.decision.job, "name": name, "rule": rule, "why": why, "found": json.dumps(found)}
    return known | {"sha256": sha256(data).hexdigest(), "size": len(data)}
