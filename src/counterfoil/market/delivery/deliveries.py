"""The seller's side: what is signed before the first byte, and the bytes, made while they are sent.

No encrypted file is kept. Of each order there are, in a folder of its own,

    statement.json        the signed delivery statement, made once
    statement.unrecorded  the same, until it is on record
    pieces                SHA-256(0x00 || piece) of the encrypted file, 32 bytes each

and of each content, under its root, the hashes of its chunks. The first needs one pass
over the content, for which it is read, held against its hashes, encrypted and hashed;
the keys are derived from the order, so serving makes the same bytes again.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Final

from counterfoil.core import canonical
from counterfoil.core.delivery import (
    CHUNK_BYTES,
    Content,
    DeliveryPlan,
    DeliverySecrets,
    DeliveryStatement,
    chunk_leaf,
    delivery_secrets,
    read_statement,
    seal_chunk,
)
from counterfoil.core.signed_document import SignedDocument
from counterfoil.errors import CounterfoilError, HomeBusy, HomeDamaged, LogUnavailable, NotAllowed, NotFound, Stale
from counterfoil.market.delivery.hash_list import HashList, write_hashes
from counterfoil.market.delivery.orders import Orders, PaidOrder
from counterfoil.market.delivery.source import Progress, Source, index_content, read_chunk
from counterfoil.store.durable import replace_file, sync_folder

__all__ = ["Deliveries", "SourceChanged"]

WAIT_S: Final = 10.0
"""So long a question for a statement waits for it to be made; longer work goes on, and is asked for again."""

LOOK_AGAIN_PIECES: Final = 64
"""After so many pieces it is looked up anew whether the order still gives access."""

_WORKERS: Final = min(4, os.cpu_count() or 1)
_AT_ONCE: Final = 2 * _WORKERS

Sign = Callable[[Mapping[str, Any]], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class SourceChanged:
    """A source no longer gives what was published. No byte of the changed chunk was sent.

    Attributes:
        order: That was being served.
        sheet: Digest of the offer sheet that published the content.
        root: Of the content (hex).
        chunk: Number of the first chunk that differs.
    """

    order: str
    sheet: str
    root: str
    chunk: int


class Deliveries:
    """Serves what was bought. Safe to use from several threads of one process.

    Args:
        folder: Where statements and hashes are kept; made at first use.
        secret: 32 bytes from which the keys of encrypted files are derived; it never changes while orders are open.
        sign: Signs a document with the seller's market key.
        orders: The orders and their sources.
        now: Returns the time, RFC 3339 in UTC, whole seconds.
        record: Puts a statement on record; called before it is given to anybody, and again after a crash.
        told: Called when a source no longer gives what was published.
    """

    def __init__(
        self,
        folder: Path,
        *,
        secret: bytes,
        sign: Sign,
        orders: Orders,
        now: Callable[[], str],
        record: Callable[[DeliveryStatement, SignedDocument], None],
        told: Callable[[SourceChanged], None],
    ) -> None:
        self._folder = folder
        self._secret = secret
        self._sign = sign
        self._orders = orders
        self._now = now
        self._record = record
        self._told = told
        self._lock = threading.Lock()  # guards the table of what is being prepared
        self._preparing: dict[str, Future[None]] = {}
        self._progress: dict[str, tuple[int, int]] = {}
        self._preparer = ThreadPoolExecutor(1, "delivery")
        self._workers = ThreadPoolExecutor(_WORKERS, "sealing")

    def close(self) -> None:
        """Stops preparing; what was begun is begun anew when it is asked for."""
        self._preparer.shutdown(wait=False, cancel_futures=True)
        self._workers.shutdown(wait=True, cancel_futures=True)
        self._preparer.shutdown(wait=True)

    def index(self, source: Source, progress: Progress | None = None) -> Content:
        """Reads what is to be offered, keeps the hashes of its chunks, and returns the content for the offer sheet.

        Raises:
            InvalidInput: It is empty or too large.
            LogUnavailable: The disk refuses.
        """
        folder = self._made(self._folder / "contents")
        unnamed = folder / f"indexing-{threading.get_ident()}-{id(source)}"
        try:
            content = index_content(source, unnamed, progress)
            unnamed.replace(self._leaves_path(content))
        except OSError as error:
            raise LogUnavailable(f"the hashes of a content could not be kept: {error.strerror}") from error
        finally:
            unnamed.unlink(missing_ok=True)
        return content

    def require_access(self, order: str) -> None:
        """Refuses an order that gives no access, as the ledger stands now.

        Raises:
            NotAllowed: It is not final, refunded or over.
            NotFound: There is none.
        """
        self._open_order(order)

    def statement(self, order: str, *, wait_s: float = WAIT_S) -> SignedDocument:
        """Returns the signed delivery statement of an order; made at the first question, the same ever after.

        Raises:
            NotAllowed: The order gives no access.
            HomeBusy: It is being made; ask again.
            Stale: The source no longer gives what was published.
        """
        return self._statement(self._open_order(order), wait_s)

    def prepare(self, order: str, *, wait_s: float = WAIT_S) -> SignedDocument:
        """As `statement`, also for an order whose money is held until the ledger knows the statement's digest."""
        paid = self._orders.order(order)
        return self._statement(paid if paid.is_wanted else self._open_order(order), wait_s)

    def _statement(self, paid: PaidOrder, wait_s: float) -> SignedDocument:
        kept = self._kept_statement(paid)
        if kept is None:
            self._await(paid, wait_s)
            kept = self._kept_statement(paid)
        if kept is None:
            raise HomeDamaged("a delivery statement was made and is not there")
        return kept

    def content_hashes(self, order: str) -> HashList:
        """Opens the hashes of the content's chunks; the caller closes them.

        Raises:
            NotAllowed: The order gives no access.
        """
        return self._leaves(self._open_order(order).content)

    def ciphertext_hashes(self, order: str) -> HashList:
        """Opens the hashes of the encrypted file's pieces; the caller closes them.

        Raises:
            As `statement`.
        """
        self.statement(order)
        return self._pieces(self._open_order(order))

    def ciphertext(self, order: str, start: int, end: int) -> Iterator[bytes]:
        """Yields the bytes `start` to before `end` of the encrypted file, about 1 MiB at a time.

        Every chunk is held against its published hash before it is encrypted.

        Raises:
            NotAllowed: The order gives no access, or no longer.
            Stale: The source changed; the observer was told.
        """
        paid = self._open_order(order)
        plan, secrets = DeliveryPlan(paid.content.size_bytes), self._secrets(paid)
        buffer = bytearray(CHUNK_BYTES)
        first, last = plan.piece_at(start), plan.piece_at(end - 1)
        with self._leaves(paid.content) as leaves, closing(self._orders.source(paid)) as source:
            for number in range(first, last + 1):
                if number > first and (number - first) % LOOK_AGAIN_PIECES == 0:
                    self._open_order(order)
                if number == 0:
                    piece = secrets.head
                else:
                    chunk = self._true_chunk(paid, source, leaves, number - 1, buffer)
                    if chunk is None:
                        raise self._changed(paid, number - 1)
                    parts = seal_chunk(secrets.payload, number - 1, chunk, is_last=plan.is_last(number - 1))
                    piece = b"".join(parts)
                begin = plan.piece_start(number)
                yield (
                    piece
                    if start <= begin and begin + len(piece) <= end
                    else piece[max(0, start - begin) : end - begin]
                )

    # Inner parts

    def _open_order(self, order: str) -> PaidOrder:
        paid = self._orders.order(order)
        if paid.is_final and paid.state == "held":
            raise HomeBusy("what is delivered is being put on the ledger", hint="ask again in a moment")
        if not paid.gives_access:
            raise NotAllowed("this order gives no access, or no longer", hint="see how it stands on the ledger")
        return paid

    def _await(self, paid: PaidOrder, wait_s: float) -> None:
        """Waits for a statement that is being made, or begins to make it."""
        with self._lock:
            work = self._preparing.get(paid.order)
            if work is None:
                work = self._preparing[paid.order] = self._preparer.submit(self._prepare, paid)
        try:
            work.result(wait_s)
        except TimeoutError:
            done, total = self._progress.get(paid.order, (0, paid.content.size_bytes))
            raise HomeBusy(
                f"the delivery is being prepared: {done:,} of {total:,} bytes", hint="ask again in a moment"
            ) from None

    def _prepare(self, paid: PaidOrder) -> None:
        """Makes the statement of an order, and gives it away only when it is on record."""
        folder = self._made(self._order_folder(paid))
        unrecorded = folder / "statement.unrecorded"
        try:
            if self._kept_statement(paid) is not None:  # whoever asked looked for it just before it was there
                return
            if not unrecorded.exists():
                replace_file(unrecorded, self._new_statement(paid, folder))
            self._record(*read_statement(unrecorded.read_bytes()))  # twice after a crash, and then the same
            unrecorded.replace(folder / "statement.json")
            sync_folder(folder)
        except OSError as error:
            raise LogUnavailable(f"a delivery could not be prepared: {error.strerror}") from error
        finally:
            with self._lock:  # who waits has the work in hand; who asks later finds the statement, or begins anew
                del self._preparing[paid.order]

    def _new_statement(self, paid: PaidOrder, folder: Path) -> bytes:
        """Returns a signed statement, after one pass over the content."""
        secrets = self._secrets(paid)
        try:
            with self._leaves(paid.content) as leaves, closing(self._orders.source(paid)) as source:
                root = write_hashes(folder / "pieces", self._piece_leaves(paid, secrets, source, leaves))
            statement = DeliveryStatement(
                *(paid.order, paid.offer, paid.chain_id, paid.market, f"0x{paid.recipient.hex()}"),
                paid.sheet,
                paid.content,
                Content(root, DeliveryPlan(paid.content.size_bytes).sent_bytes),
                self._now(),
            )
            return canonical.dumps(self._sign(statement.to_json()))
        finally:
            self._progress.pop(paid.order, None)

    def _piece_leaves(
        self, paid: PaidOrder, secrets: DeliverySecrets, source: Source, leaves: HashList
    ) -> Iterator[bytes]:
        """Yields the hash of each piece; several are made at once."""
        plan = DeliveryPlan(paid.content.size_bytes)
        buffers = threading.local()

        def leaf(number: int) -> bytes | None:
            if not hasattr(buffers, "chunk"):
                buffers.chunk = bytearray(CHUNK_BYTES)
            chunk = self._true_chunk(paid, source, leaves, number, buffers.chunk)
            if chunk is None:
                return None
            return chunk_leaf(*seal_chunk(secrets.payload, number, chunk, is_last=plan.is_last(number)))

        yield chunk_leaf(secrets.head)
        numbers = iter(range(plan.chunks))
        under_way = [self._workers.submit(leaf, number) for number in islice(numbers, _AT_ONCE)]
        try:
            done = 0
            while under_way:
                found = under_way.pop(0).result()
                if found is None:
                    raise self._changed(paid, done)
                yield found
                done += 1
                self._progress[paid.order] = (min(done * CHUNK_BYTES, plan.size_bytes), plan.size_bytes)
                under_way += [self._workers.submit(leaf, number) for number in islice(numbers, 1)]
        finally:
            for each in under_way:
                each.cancel()
            for each in under_way:  # nobody reads from the source after this
                with suppress(CounterfoilError):
                    each.cancelled() or each.result()

    def _true_chunk(
        self, paid: PaidOrder, source: Source, leaves: HashList, number: int, buffer: bytearray
    ) -> memoryview | None:
        """Returns a chunk that is what was published, None where the source gives another."""
        try:
            chunk = read_chunk(source, DeliveryPlan(paid.content.size_bytes), number, buffer)
        except Stale:
            return None
        return chunk if chunk_leaf(chunk) == leaves[number] else None

    def _changed(self, paid: PaidOrder, number: int) -> Stale:
        """Tells of a source that gives another chunk than was published; returns the error that says so."""
        self._told(SourceChanged(paid.order, paid.sheet, paid.content.root.hex(), number))
        return Stale(
            f"the source no longer gives what was published: chunk {number} is another",
            hint="the seller puts the old content back, or refunds; nothing false was sent",
        )

    def _secrets(self, paid: PaidOrder) -> DeliverySecrets:
        return delivery_secrets(self._secret, paid.id, paid.content, paid.recipient)

    def _kept_statement(self, paid: PaidOrder) -> SignedDocument | None:
        try:
            data = (self._order_folder(paid) / "statement.json").read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise HomeDamaged(f"a delivery statement cannot be read: {error.strerror}") from error
        statement, signed = read_statement(data)
        if statement.order != paid.order or statement.content != paid.content or statement.sheet != paid.sheet:
            raise HomeDamaged(
                "the delivery statement that was given for this order is about other content",
                hint="what was promised once is not replaced: refund the order",
            )
        return signed

    def _leaves(self, content: Content) -> HashList:
        path = self._leaves_path(content)
        if not path.exists():
            raise NotFound("the hashes of the content are not here", hint="the seller publishes it anew")
        return HashList(path, DeliveryPlan(content.size_bytes).chunks)

    def _pieces(self, paid: PaidOrder) -> HashList:
        return HashList(self._order_folder(paid) / "pieces", DeliveryPlan(paid.content.size_bytes).pieces)

    def _leaves_path(self, content: Content) -> Path:
        return self._folder / "contents" / f"{content.root.hex()}.leaves"

    def _order_folder(self, paid: PaidOrder) -> Path:
        return self._folder / "orders" / paid.id.hex()

    def _made(self, folder: Path) -> Path:
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise LogUnavailable(f"no folder can be made for deliveries: {error.strerror}") from error
        return folder
