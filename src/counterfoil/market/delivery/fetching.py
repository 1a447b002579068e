"""The buyer's side: fetching what was bought, checked and decrypted as it comes, and going on where it broke off.

1. the signed statement comes first, and must be the seller's, for this order;
2. then the hashes of the chunks, which must give the published root, and of the pieces, which must give the signed one;
3. what is on the disk from an earlier try is held against the published hashes, and kept as far as it is right;
4. the first piece must open for the order's key;
5. each piece is opened, its chunk held against the published hash, and written; what is not right is held against the
   hash that the seller signed: a piece that is under it is evidence, any other is asked for again;
6. when all is there it is made durable and gets its name.

Where what was signed contradicts what was published, evidence of it is written beside the
file, which anybody can check; see `core.check_mismatch`. Until the end all is kept in `NAME.partial`.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from counterfoil.core.age_payload import Payload
from counterfoil.core.delivery import (
    CHUNK_BYTES,
    HEAD_BYTES,
    Content,
    DeliveryPlan,
    chunk_leaf,
    open_head,
    open_piece,
    read_statement,
)
from counterfoil.core.merkle import HASH_SIZE_BYTES
from counterfoil.core.mismatch_file import ChunkShown, MismatchFile, PieceShown
from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import (
    CounterfoilError,
    DoesNotMatch,
    HomeBusy,
    HomeDamaged,
    InvalidInput,
    MalformedEvidence,
    NodeUnreachable,
    TooManyRequests,
)
from counterfoil.market.delivery.hash_list import HashList, write_hashes
from counterfoil.market.delivery.purchase import Purchase
from counterfoil.market.delivery.source import Progress, content_of
from counterfoil.market.delivery.sources import FileSource
from counterfoil.market.delivery.wire import Incoming, SellerWire
from counterfoil.store.durable import replace_file, sync_data, sync_folder, write_all
from counterfoil.store.new_file import require_new

__all__ = ["PATIENCE_S", "Fetched", "fetch", "is_whole"]

T = TypeVar("T")

PATIENCE_S: Final = 60.0
"""So long it is tried again without a single chunk between."""

PREPARING_S: Final = 3_600.0
"""How long a delivery that is being prepared is waited for."""

_FIRST_WAIT_S: Final = 0.2
_MOST_WAIT_S: Final = 15.0
_HASHES_AT_ONCE: Final = 4096
_SYNCED_CHUNKS: Final = 8
_MOST_STATEMENT_BYTES: Final = 4096
_PASSING: Final = (HomeBusy, NodeUnreachable, TooManyRequests)


@dataclass(frozen=True, slots=True)
class Fetched:
    """What was fetched.

    Attributes:
        path: The file.
        statement: What the seller signed; worth keeping.
        resumed_bytes: So much was there from earlier tries.
    """

    path: Path
    statement: SignedDocument
    resumed_bytes: int


def fetch(
    purchase: Purchase,
    wire: SellerWire,
    to: Path,
    progress: Progress | None = None,
    *,
    patience_s: float = PATIENCE_S,
) -> Fetched:
    """Fetches what was bought into a new file.

    Killed at any moment, it goes on where it was when it is called again. A file that is there already and holds just
    what was published is taken for it.

    Args:
        purchase: The order.
        wire: The way to the seller's node.
        to: The file to be; its folder is there.
        progress: Told (bytes done, bytes in all).
        patience_s: So long it is tried again without a single chunk between; with 0 it is not, and a delivery that is
            being prepared is not waited for.

    Raises:
        DoesNotMatch: The seller signed, or sends, something else than it published; the hint names the evidence.
        NodeUnreachable: The node does not answer, or not as it should, for too long.
        NotSignedIn: The ticket has ended, or is for another order.
        InvalidInput: Another file is there already, or it cannot be written.
        HomeBusy: Another process fetches it.
    """
    is_there = is_whole(to, purchase.published)
    if not is_there:
        require_new(to)
    try:
        with _working(to) as work:
            one = _Fetch(purchase, wire, to, work, progress, patience_s)
            return one.adopt() if is_there else one.run()
    except OSError as error:
        raise InvalidInput(f"{to} cannot be written: {error.strerror}", hint="it goes on where it was") from error


class _Fetch:
    """One call of `fetch`."""

    def __init__(
        self,
        purchase: Purchase,
        wire: SellerWire,
        to: Path,
        work: Path,
        progress: Progress | None,
        patience_s: float,
    ) -> None:
        self._purchase = purchase
        self._wire = wire
        self._to = to
        self._work = work
        self._progress = progress or (lambda _done, _all: None)
        self._patience_s = patience_s
        self._plan = DeliveryPlan(purchase.published.size_bytes)
        self._buffer = memoryview(bytearray(self._plan.piece_bytes(1)))

    def run(self) -> Fetched:
        signed = _patiently(self._statement, self._patience_s)  # step 1
        self._statement_told, self._signed = read_statement(signed.envelope())
        leaves = self._hashes("content-hashes", self._purchase.published, self._plan.chunks)  # step 2
        with leaves, self._hashes("ciphertext-hashes", self._statement_told.ciphertext, self._plan.pieces) as pieces:
            data = self._work / "data"
            fd = os.open(data, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
            try:
                there = self._verified(fd, leaves)  # step 3
                payload = _patiently(lambda: self._payload(pieces), self._patience_s)  # step 4
                self._stream(fd, there, payload, leaves, pieces)  # step 5
                os.fsync(fd)  # step 6
            finally:
                os.close(fd)
        _name(data, self._to)
        return Fetched(self._to, self._signed, there * CHUNK_BYTES)

    def adopt(self) -> Fetched:
        """Takes the file that is there, which was held against the published root; the statement is asked for again."""
        return Fetched(self._to, _patiently(self._statement, self._patience_s), self._plan.size_bytes)

    def _statement(self) -> SignedDocument:
        """Step 1. The first statement that came counts: another one later would be another promise."""
        data = self._wire.get("statement", most_bytes=_MOST_STATEMENT_BYTES)
        statement, signed = read_statement(data)
        self._purchase.require_statement(statement, signed)
        if statement.content != self._purchase.published:
            file = MismatchFile(self._purchase.sheet, self._purchase.published, statement, signed)
            raise self._convicted(file, "the seller promises other content than it published")
        path = self._work / "statement.json"
        with suppress(FileNotFoundError):
            if path.read_bytes() != signed.encode():
                raise DoesNotMatch(
                    "the seller gave another delivery statement for this order before",
                    hint=f"both are signed: keep {path}; to begin anew, delete its folder",
                )
        replace_file(path, signed.encode())
        return signed

    def _hashes(self, name: str, content: Content, count: int) -> HashList:
        """Step 2: a list from the disk, or from the node; it is believed when it gives the root."""
        path = self._work / name
        with suppress(HomeDamaged):
            found = HashList(path, count)
            if found.root() == content.root:
                return found
            found.close()

        def load() -> None:
            size = count * HASH_SIZE_BYTES
            with self._wire.open(name, size_bytes=size) as incoming:
                root = write_hashes(path, _each_hash(incoming, count))
            if root != content.root:
                path.unlink(missing_ok=True)
                raise DoesNotMatch(f"the seller's {name} do not give the root that it signed")

        _patiently(load, self._patience_s)
        return HashList(path, count)

    def _verified(self, fd: int, leaves: HashList) -> int:
        """Step 3: returns how many chunks on the disk are right, and cuts the rest away."""
        whole = os.fstat(fd).st_size
        number = 0
        while number < self._plan.chunks and number * CHUNK_BYTES + self._plan.chunk_bytes(number) <= whole:
            view = self._buffer[: self._plan.chunk_bytes(number)]
            if os.preadv(fd, [view], number * CHUNK_BYTES) != len(view) or chunk_leaf(view) != leaves[number]:
                break
            number += 1
        os.ftruncate(fd, min(number * CHUNK_BYTES, self._plan.size_bytes))
        return number

    def _payload(self, pieces: HashList) -> Payload:
        """Step 4."""
        size = self._plan.sent_bytes
        with self._wire.open("content", start=0, end=HEAD_BYTES, size_bytes=size) as incoming:
            head = incoming.read(HEAD_BYTES)
        if chunk_leaf(head) != pieces[0]:
            raise NodeUnreachable("the node sends another first piece than it signed")
        self._head = PieceShown(head, pieces.proof(0))
        try:
            return open_head(head, self._purchase.secret)
        except (DoesNotMatch, MalformedEvidence) as error:
            file = self._evidence(self._head, None)
            raise self._convicted(file, "what the seller signed does not open for this order's key") from error

    def _stream(self, fd: int, first: int, payload: Payload, leaves: HashList, pieces: HashList) -> None:
        """Step 5, over as many connections as it takes."""
        done, tries, since = first, 0, time.monotonic()
        self._progress(min(done * CHUNK_BYTES, self._plan.size_bytes), self._plan.size_bytes)
        while done < self._plan.chunks:
            before = done
            try:
                start, size = self._plan.piece_start(done + 1), self._plan.sent_bytes
                with self._wire.open("content", start=start, size_bytes=size) as incoming:
                    while done < self._plan.chunks:
                        self._take(incoming, fd, done, payload, leaves, pieces)
                        done += 1
                        if done % _SYNCED_CHUNKS == 0:
                            _settle(fd, done)
                        self._progress(min(done * CHUNK_BYTES, self._plan.size_bytes), self._plan.size_bytes)
            except _PASSING as error:
                if done > before:
                    tries, since = 0, time.monotonic()
                elif time.monotonic() - since > self._patience_s:
                    raise
                tries += 1
                _wait(tries, error)

    def _take(
        self, incoming: Incoming, fd: int, number: int, payload: Payload, leaves: HashList, pieces: HashList
    ) -> None:
        """Takes one piece, and writes its chunk when it is the published one."""
        piece = self._buffer[: self._plan.piece_bytes(number + 1)]
        incoming.read_into(piece)
        try:
            chunk = open_piece(payload, number, piece, is_last=self._plan.is_last(number))
            is_true = chunk_leaf(*chunk) == leaves[number]
        except (DoesNotMatch, MalformedEvidence):
            is_true = False
        if not is_true:
            # A piece that opens to the published chunk is right, whatever its own hash. That hash is needed where
            # it does not: to tell what the seller signed falsely from what went wrong on the way.
            if chunk_leaf(piece) != pieces[number + 1]:
                raise NodeUnreachable(f"the node sends another piece {number + 1} than it signed")
            shown = PieceShown(bytes(piece), pieces.proof(number + 1))
            file = self._evidence(self._head, ChunkShown(number, leaves[number], leaves.proof(number), shown))
            raise self._convicted(file, f"chunk {number} is not the one that the seller published")
        _write(fd, chunk, number * CHUNK_BYTES)

    def _evidence(self, head: PieceShown, chunk: ChunkShown | None) -> MismatchFile:
        bought = self._purchase
        return MismatchFile(
            *(bought.sheet, bought.published, self._statement_told, self._signed, bought.secret, head, chunk)
        )

    def _convicted(self, file: MismatchFile, told: str) -> DoesNotMatch:
        """Writes evidence beside the file to be; returns the error that says so."""
        path = self._to.with_name(f"{self._to.name}.mismatch.json")
        replace_file(path, file.encode())
        return DoesNotMatch(told, hint=f"the evidence is in {path}: counterfoil check says what it shows")


def is_whole(to: Path, published: Content) -> bool:
    """Whether a file of this name holds just what was published: then only its record may be missing."""
    try:
        if not to.is_file() or to.stat().st_size != published.size_bytes:
            return False
        with closing(FileSource(to)) as source:
            return content_of(source) == published
    except (CounterfoilError, OSError):
        return False


def _patiently(ask: Callable[[], T], patience_s: float) -> T:
    """Returns what a question gives, which is asked again while the node is busy, or away for a moment."""
    since, tries = time.monotonic(), 0
    while True:
        try:
            return ask()
        except _PASSING as error:
            tries += 1
            is_prepared_for = isinstance(error, HomeBusy) and patience_s > 0
            if time.monotonic() - since > (PREPARING_S if is_prepared_for else patience_s):
                raise
            _wait(tries, error)


def _wait(tries: int, error: CounterfoilError) -> None:
    asked_s = float(error.retry_after_s) if isinstance(error, TooManyRequests) else 0.0
    time.sleep(min(_MOST_WAIT_S, max(asked_s, _FIRST_WAIT_S * 2**tries)))


def _each_hash(incoming: Incoming, count: int) -> Iterator[bytes]:
    """Yields the hashes of a list as they come."""
    left = count
    while left:
        data = incoming.read(HASH_SIZE_BYTES * min(left, _HASHES_AT_ONCE))
        left -= len(data) // HASH_SIZE_BYTES
        for at in range(0, len(data), HASH_SIZE_BYTES):
            yield data[at : at + HASH_SIZE_BYTES]


def _name(data: Path, to: Path) -> None:
    """Gives a finished file its name, without taking the place of another."""
    try:
        os.link(data, to)
    except FileExistsError:
        require_new(to)
    except OSError:  # a file system without links
        require_new(to)
        data.rename(to)
    sync_folder(to.parent)


def _write(fd: int, parts: list[bytes], offset: int) -> None:
    """Writes all parts one after the other; the kernel may take them in several bites."""
    total = sum(map(len, parts))
    done = os.pwritev(fd, parts, offset)
    if done != total:
        write_all(fd, b"".join(parts)[done:], offset + done)


def _settle(fd: int, done: int) -> None:
    """Makes the newest chunks durable and lets the kernel forget them.

    A file larger than the memory then does not push all else out of it; and writing to memory that
    was just in use costs a fraction of writing to fresh memory, on a virtual machine above all.
    """
    sync_data(fd)
    if hasattr(os, "posix_fadvise"):
        start = (done - _SYNCED_CHUNKS) * CHUNK_BYTES
        os.posix_fadvise(fd, start, _SYNCED_CHUNKS * CHUNK_BYTES, os.POSIX_FADV_DONTNEED)


@contextmanager
def _working(to: Path) -> Iterator[Path]:
    """Holds the folder of what is not done yet, one process at a time; it goes when the file is there."""
    work = to.with_name(f"{to.name}.partial")
    work.mkdir(mode=0o700, exist_ok=True)
    fd = os.open(work, os.O_RDONLY | os.O_CLOEXEC | os.O_DIRECTORY | os.O_NOFOLLOW)
    try:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeBusy(f"another process fetches {to.name}", hint="wait until it is done") from None
        yield work
        for name in ("data", "content-hashes", "ciphertext-hashes", "statement.json"):
            (work / name).unlink(missing_ok=True)
        with suppress(OSError):
            work.rmdir()
    finally:
        os.close(fd)
