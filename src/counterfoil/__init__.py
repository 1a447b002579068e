"""Counterfoil: gives AI the two halves of a receipt.

org = counterfoil.open("bank")
model = org.decisions.wrap(estimator, policy="credit.toml")
decision = model.decide(applicant, subject="customer 4711")
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from counterfoil.client import Remote
    from counterfoil.core.note import VerifierKey
    from counterfoil.core.steps import Report
    from counterfoil.organisation import Organisation
    from counterfoil.provenance.fingerprints import Algorithm, Fingerprint
    from counterfoil.store.unlock import Unlock

__all__ = ["__version__", "check", "connect", "create", "fingerprint", "open"]

__version__ = "0.1.0"


def open(home: Path | str, *, unlock: Unlock | None = None) -> Organisation:
    """Opens a home; see `Organisation.open`."""
    from counterfoil.organisation import Organisation

    return Organisation.open(home, unlock)


def connect(
    url: str,
    key: str,
    *,
    timeout_s: float = 60.0,
    patience_s: float = 30.0,
    ca_file: Path | str | None = None,
    allow_plain_http: bool = False,
) -> Remote:
    """Returns a node's organisation, with the calls of a home that is opened here; asks for nothing yet.

    Args:
        url: Address of the node, `https://node.bank.example`.
        key: What an admin of the node gave out (`counterfoil access add`); never shown or logged.
        timeout_s: Longest that the node may say nothing.
        patience_s: How long a request is tried again when the node is away or busy; it is never done twice.
        ca_file: Certificates that the node's own is checked against; the machine's own without it.
        allow_plain_http: Whether to reach another machine without encryption, in a network of your own.

    Raises:
        InvalidInput: The address or the key cannot be.
        NotSetUp: The extra `client` is not installed.
    """
    from counterfoil.client import Remote

    return Remote(
        url, key, timeout_s=timeout_s, patience_s=patience_s, ca_file=ca_file, allow_plain_http=allow_plain_http
    )


def create(
    home: Path | str,
    *,
    name: str,
    origin: str,
    key_file: Path | str | None = None,
    public_url: str = "",
    market_networks: Sequence[str] = (),
) -> Organisation:
    """Makes a home whose keys are opened by a key file, `<home>.key` beside it by default.

    Args:
        home: A new or empty folder.
        name: Legal name of the organisation.
        origin: Name of its log: a web origin without scheme, `bank.example/credit`.
        key_file: Where the new key file goes; keep it off the home's own backups.
        public_url: Where others reach this home's node.
        market_networks: Networks beside the public internet in which nodes of buyers and sellers may be asked.
    """
    from pathlib import Path

    from counterfoil.organisation import Organisation
    from counterfoil.store.home_settings import HomeSettings
    from counterfoil.store.unlock import Unlock

    folder = Path(home).absolute()
    path = Path(key_file).absolute() if key_file else folder.with_name(folder.name + ".key")
    settings = HomeSettings(
        name=name,
        origin=origin,
        key_file=str(path),
        public_url=public_url,
        market_networks=tuple(market_networks),
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    unlock = Unlock.create_key_file(path)
    try:
        return Organisation.create(folder, settings, unlock)
    except BaseException:
        if not (folder / "keys.json").exists():
            path.unlink()  # it opens nothing, and would stand in the way of the next try
        raise


def fingerprint(
    path: Path | str, *, algorithm: Algorithm = "sha256", ignore: Sequence[str] = (), follow_links: bool = False
) -> Fingerprint:
    """Returns the fingerprint of a file or folder, from its bytes; needs no home.

    Args:
        path: The file or folder.
        algorithm: `sha256`, or `blake3` where both sides agree on it.
        ignore: Patterns of names or paths that are left out.
        follow_links: Whether links count as what they lead to.

    Raises:
        NotFound: There is no such file or folder.
        InvalidInput: Something in it cannot be read, has no content, or was changed meanwhile.
        NotSetUp: The package for BLAKE3 is missing.
    """
    from counterfoil.provenance.fingerprints import fingerprint_of

    return fingerprint_of(path, algorithm=algorithm, ignore=ignore, follow_links=follow_links)


def check(
    file: Path | str,
    *,
    issuer: str | VerifierKey | None = None,
    against: Path | str | None = None,
    since: Path | str | None = None,
    now: str = "",
    block: str | None = None,
    log_id: str | None = None,
    contract: str | None = None,
    witnesses: Path | str | None = None,
) -> Report:
    """Checks a receipt, promise or bundle, offline; needs no home.

    Args:
        file: The file.
        issuer: The issuer's public key, or a file that holds it, from somewhere you trust.
        against: For a receipt: a bundle, receipt or head of the same log as it is today.
        since: For a bundle: a file with a head you kept from before.
        now: Your time in UTC, `2026-11-23T19:00:00Z`, to tell whether a promise is overdue.
        block: Hash of the block its anchor is in, `0x…`, from a node of the ledger that you trust.
        log_id: The id that the log must have on the ledger, `0x…`.
        contract: Address of the contract that must hold it, `0x…`.
        witnesses: A witness policy file: whose cosignatures the head must carry.

    Returns:
        The steps, each passed, failed or not checked; `verdict` in one sentence.
    """
    from pathlib import Path

    from counterfoil.store.check_file import check_file, read_hash, read_head, read_issuer, read_witnesses

    return check_file(
        Path(file),
        issuer=read_issuer(str(issuer)) if issuer else None,
        against=Path(against) if against else None,
        since=read_head(Path(since)) if since else None,
        now=now,
        block=read_hash(block) if block else None,
        log_id=read_hash(log_id) if log_id else None,
        contract=read_hash(contract, 20) if contract else None,
        witnesses=read_witnesses(Path(witnesses)) if witnesses else None,
    )
