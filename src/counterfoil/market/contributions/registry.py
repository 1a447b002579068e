"""The proposals that an owner's home holds: how each stands, who voted, and its contents, sealed.

announced   its contents are still to come
open        reviewers, or the owner, decide
reviewed    enough reviewers agreed; the owner may accept it
accepting   the owner does; it can no longer be withdrawn
accepted, declined, withdrawn   for good
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from sqlalchemy import Connection, Row, func, select

from counterfoil.errors import InvalidInput, LogUnavailable, NotAllowed, NotFound, TooManyRequests
from counterfoil.market.contributions.opening import SignedOpening, read_opening
from counterfoil.market.contributions.proposal import SignedProposal, read_proposal
from counterfoil.market.contributions.tables import ALL, openings, proposals, votes
from counterfoil.market.contributions.vote import Vote
from counterfoil.market.state import MarketState
from counterfoil.store.durable import replace_file

__all__ = ["ACTIVE", "Held", "ProposalState", "Registry"]

ProposalState = Literal["announced", "open", "reviewed", "accepting", "accepted", "declined", "withdrawn"]

ACTIVE: Final = ("announced", "open", "reviewed")
"""States in which something is still to be decided."""

MOST_ACTIVE: Final = 100
"""Proposals for one asset that are to be decided at a time."""

MOST_OF_KEY: Final = 5
"""Of one key, for all assets of the home."""

MOST_A_DAY: Final = 200
"""Proposals for one asset that are taken in a day, whatever becomes of them: each is a record in the log."""

_DAY_S: Final = 86_400


@dataclass(frozen=True, slots=True)
class Held:
    """A proposal as the owner's home holds it.

    Attributes:
        signed: The proposal.
        state: How it stands.
        agree: How many reviewers agree.
        against: How many do not.
        votes: Digests of their votes, in order.
        words: The owner's, where it was declined.
        received_s: When it was taken, Unix seconds.
    """

    signed: SignedProposal
    state: ProposalState
    agree: int
    against: int
    votes: tuple[str, ...]
    words: str
    received_s: float

    def to_json(self) -> dict[str, Any]:
        """Returns how it stands as JSON."""
        return {
            "against": self.against,
            "agree": self.agree,
            "proposal": self.signed.digest_hex,
            "state": self.state,
            "words": self.words or None,
        }


class Registry:
    """The proposals of one owner's home. Safe to use from several threads.

    Args:
        folder: Where contents lie; made with the first of them.
        state: Where the rest is kept.
    """

    def __init__(self, folder: Path, state: MarketState) -> None:
        self._folder = folder
        state.make(*ALL)
        self._state = state
        self._looking = threading.Lock()  # held while contents lie there in plain to be looked at

    # Openings

    def open(self, signed: SignedOpening) -> None:
        """Keeps an opening as the newest of its asset."""
        with self._state.writing() as connection:
            same = openings.c.asset == signed.opening.asset
            connection.execute(openings.update().where(same).values(is_newest=False))
            connection.execute(openings.delete().where(openings.c.digest == signed.digest_hex))
            row = {"asset": signed.opening.asset, "digest": signed.digest_hex, "document": signed.data}
            connection.execute(openings.insert().values(**row, is_newest=True))

    def opening(self, asset: str) -> SignedOpening:
        """Returns the newest opening of an asset.

        Raises:
            NotFound: It was never opened.
        """
        wanted = (openings.c.asset == asset) & openings.c.is_newest.is_(True)
        return self._opening(wanted, f"no proposals are taken for the asset {asset[:70]}")

    def opening_of(self, signed: SignedProposal) -> SignedOpening:
        """Returns the opening that a proposal answers (NotFound where it is not this home's)."""
        wanted = openings.c.digest == signed.proposal.opening
        return self._opening(wanted, "the proposal answers an opening that is not this home's")

    def _opening(self, wanted: Any, missing: str) -> SignedOpening:
        with self._state.reading() as connection:
            found = connection.execute(select(openings.c.document).where(wanted)).scalar()
        if found is None:
            raise NotFound(missing, hint="its owner says so with `counterfoil market proposals open`")
        return read_opening(bytes(found))

    # Proposals

    def take(self, signed: SignedProposal, state: ProposalState, now_s: float) -> None:
        """Keeps a new proposal; one that is known already stays as it stands.

        Raises:
            TooManyRequests: There are as many as can be looked at.
        """
        asset, key = signed.proposal.asset, signed.key.public.hex()
        with self._state.writing() as connection:
            if self._row(connection, signed.digest_hex) is not None:
                return
            for where, most, whose in (
                ((proposals.c.asset == asset) & proposals.c.state.in_(ACTIVE), MOST_ACTIVE, "this asset wait"),
                ((proposals.c.key == key) & proposals.c.state.in_(ACTIVE), MOST_OF_KEY, "this key wait"),
                ((proposals.c.asset == asset) & (proposals.c.received_s > now_s - _DAY_S), MOST_A_DAY, "a day came"),
            ):
                query = select(func.count()).select_from(proposals).where(where)
                if int(connection.execute(query).scalar() or 0) >= most:
                    raise TooManyRequests(
                        f"{most} proposals of {whose} already", hint="try again when some were decided"
                    )
            row = {"asset": asset, "digest": signed.digest_hex, "document": signed.data, "key": key}
            connection.execute(proposals.insert().values(**row, state=state, received_s=now_s, words=""))

    def held(self, digest: str) -> Held:
        """Returns a proposal as it stands.

        Raises:
            NotFound: There is none.
        """
        with self._state.reading() as connection:
            row = self._row(connection, digest)
            if row is None:
                raise NotFound(
                    f"there is no proposal {digest[:80]!a} here", hint="see `counterfoil market proposals list`"
                )
            cast = connection.execute(select(votes).where(votes.c.proposal == digest).order_by(votes.c.digest)).all()
        agree = sum(1 for each in cast if each.agrees)
        digests = tuple(each.digest for each in cast)
        signed = read_proposal(bytes(row.document))
        return Held(signed, row.state, agree, len(cast) - agree, digests, row.words, row.received_s)

    def all(self, *, asset: str = "", active: bool = False) -> list[Held]:
        """Returns proposals, oldest first.

        Args:
            asset: Only to change this one; empty for every asset of the home.
            active: Only those that are still to be decided, or are being accepted.
        """
        query = select(proposals.c.digest).order_by(proposals.c.received_s, proposals.c.digest)
        query = query.where(proposals.c.asset == asset) if asset else query
        query = query.where(proposals.c.state.in_((*ACTIVE, "accepting"))) if active else query
        with self._state.reading() as connection:
            found = list(connection.execute(query).scalars())
        return [self.held(each) for each in found]

    def move(self, digest: str, to: ProposalState, *, of: Sequence[ProposalState], words: str = "") -> None:
        """Says how a proposal stands now. Saying so again changes nothing.

        Raises:
            NotFound: There is none.
            NotAllowed: It stands otherwise than in `of`.
        """
        with self._state.writing() as connection:
            row = self._row(connection, digest)
            if row is None:
                raise NotFound(f"there is no proposal {digest[:80]!a} here")
            if row.state == to:
                return
            if row.state not in of:
                raise NotAllowed(f"the proposal is {row.state}", hint="it can no longer be changed in that way")
            connection.execute(proposals.update().where(proposals.c.digest == digest).values(state=to, words=words))

    def vote(self, vote: Vote) -> None:
        """Keeps a vote; the same again changes nothing.

        Raises:
            NotAllowed: The key has voted otherwise, or the proposal is not open.
        """
        key = vote.key.public.hex()
        with self._state.writing() as connection:
            row = self._row(connection, vote.proposal)
            same = (votes.c.proposal == vote.proposal) & (votes.c.key == key)
            known = connection.execute(select(votes.c.digest).where(same)).scalar()
            if known == vote.digest_hex:
                return
            if known is not None:
                raise NotAllowed("this reviewer has voted", hint="a key has one vote for each proposal")
            if row is None or row.state not in ("open", "reviewed"):
                raise NotAllowed(
                    f"the proposal is {row.state if row else 'unknown'}", hint="there is no voting on it now"
                )
            told = {"agrees": vote.agrees, "digest": vote.digest_hex, "document": vote.data}
            connection.execute(votes.insert().values(proposal=vote.proposal, key=key, **told))

    # Contents

    def put_sealed(self, digest: str, data: bytes) -> None:
        """Keeps contents as they came, encrypted (LogUnavailable where the disk refuses)."""
        self._put(self._sealed(digest), data)

    def sealed(self, digest: str) -> bytes:
        """Returns contents as they came (NotFound where they are not here)."""
        try:
            return self._sealed(digest).read_bytes()
        except FileNotFoundError:
            raise NotFound(
                "the contents of the proposal are not here",
                hint="have them under the offer that it names, and give the file with --contents",
            ) from None

    def put_plain(self, digest: str, name: str, data: bytes) -> Path:
        """Puts accepted contents where they are delivered from; the same again changes nothing."""
        path = self.accepted_path(digest, name)
        if not path.exists():
            self._put(path, data)
        return path

    def accepted_path(self, digest: str, name: str) -> Path:
        """Returns where accepted contents lie."""
        return self._folder / _named(digest) / "accepted" / name

    @contextmanager
    def laid_out(self, digest: str, name: str, data: bytes) -> Iterator[Path]:
        """Lays contents out as a file to be looked at, in plain; removed with the block.

        Raises:
            LogUnavailable: The disk refuses.
        """
        with self._looking:
            path = self._looked_at(digest) / name
            self._put(path, data)
            try:
                yield path
            finally:
                shutil.rmtree(path.parent, ignore_errors=True)

    def forget_contents(self, digest: str) -> None:
        """Removes contents that were sent, and what a crash left of looking at them. Doing it again is safe."""
        self._sealed(digest).unlink(missing_ok=True)
        shutil.rmtree(self._looked_at(digest), ignore_errors=True)

    def _looked_at(self, digest: str) -> Path:
        return self._folder / _named(digest) / "looked at"

    def _sealed(self, digest: str) -> Path:
        return self._folder / _named(digest) / "contents.age"

    def _put(self, path: Path, data: bytes) -> None:
        try:
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(path, data)
        except OSError as error:
            raise LogUnavailable(f"the contents of a proposal could not be kept: {error.strerror}") from error

    @staticmethod
    def _row(connection: Connection, digest: str) -> Row[Any] | None:
        return connection.execute(select(proposals).where(proposals.c.digest == digest)).first()


def _named(digest: str) -> str:
    """Returns a digest as the name of a folder; what is none names nothing."""
    if len(digest) != 64 or set(digest) - set("0123456789abcdef"):
        raise InvalidInput(f"{digest[:80]!a} is no digest of a proposal", hint="64 hexadecimal digits")
    return digest
