"""How a home reaches its ledger: the settings in ledger/connection.toml.

The file may hold the address of a paid node, which is a secret: only its owner may read it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

from counterfoil.errors import InvalidInput, LogUnavailable, NotSetUp
from counterfoil.ledger.accounts.account import parse_address
from counterfoil.ledger.anchors.head_signer import LogAddress
from counterfoil.ledger.anchors.policy import AnchorPolicy
from counterfoil.ledger.rpc.chain import GWEI, FeePolicy, Finality
from counterfoil.store.durable import replace_file
from counterfoil.store.toml_settings import parse_settings, settings_toml

__all__ = ["CONNECTION_FORMAT", "Connection", "LedgerPaths"]

CONNECTION_FORMAT: Final = 1
_HEADING: Final = "How this home reaches its ledger; docs/guides/real-chain.md says what each setting means."
EMBEDDED_LIMIT_WEI: Final = 10**30
_LOG_ID: Final = re.compile(r"0x[0-9a-f]{64}")
_FINALITIES: Final = ("finalized", "safe", "confirmations")
_CONNECT: Final = "`counterfoil ledger connect` connects it"


@dataclass(frozen=True, slots=True)
class LedgerPaths:
    """Where a home keeps what belongs to the ledger.

    Attributes:
        folder: Its folder.
        outbox_url: The PostgreSQL database of the outbox; empty keeps it in the folder.
    """

    folder: Path
    outbox_url: str = ""

    @property
    def settings(self) -> Path:
        """The settings."""
        return self.folder / "connection.toml"

    @property
    def recorded(self) -> Path:
        """Which log of which contract the home's own log names; written after the record."""
        return self.folder / "recorded"

    @property
    def accounts(self) -> Path:
        """Folder of the accounts' key files."""
        return self.folder / "accounts"

    @property
    def embedded(self) -> Path:
        """Folder of the embedded ledger, when this home runs one."""
        return self.folder / "embedded"

    @property
    def has_embedded(self) -> bool:
        """Whether this home has a ledger of its own."""
        from counterfoil.ledger.treasury import is_ledger

        return is_ledger(self.embedded)

    def book(self, where: LogAddress) -> Path:
        """The anchors that the ledger told of one log."""
        return self.folder / f"anchors-{where.chain_id}-{where.log_id.hex()[:8]}.db"

    def asset_book(self, chain_id: int, contract: bytes) -> Path:
        """What the ledger told of the assets in one contract."""
        return self.folder / f"assets-{chain_id}-{contract.hex()[:8]}.db"

    def market_book(self, chain_id: int, contract: bytes) -> Path:
        """What the ledger told of the market in one contract."""
        return self.folder / f"market-{chain_id}-{contract.hex()[:8]}.db"

    def let_go(self, chain_id: int) -> Path:
        """The settings of a connection to a chain that was let go of."""
        return self.settings.with_name(f"connection-{chain_id}.toml")

    def outbox(self, chain_id: int, account: bytes) -> Path:
        """What one account sends on one chain, and what became of it, where that is in a file."""
        return self.folder / f"outbox-{chain_id}-{account.hex()[:8]}.db"


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection:
    """The settings.

    Attributes:
        chain_id: The chain's number; another chain is refused.
        contract: Address of the Evidence contract, `0x…`.
        log_id: The log's id in that contract, `0x…`.
        account: Address of the account that anchors, `0x…`.
        opened_at: Height of the block in which the log was opened.
        assets: Address of the Assets contract, `0x…`; empty without one.
        assets_from: Height of the block from which on that is there.
        market: Address of the Market contract, `0x…`; empty without one.
        market_from: Height of the block from which on that is there.
        credits: Address of the token that prices are in where none is named, `0x…`; empty without one.
        rpc: Addresses of nodes; empty for the embedded ledger in this home.
        agree: So many nodes must say the same before it counts; 0 takes two where there are several.
        allow_plain_http: Whether nodes and signer may be reached without encryption, in a network of your own.
        ca_file: Certificates that nodes and signer are checked against; the machine's own when empty.
        timeout_s: Longest that one request may take.
        signer: Address of a signer elsewhere; empty when the key file is in this home.
        account_passphrase_file: File with the passphrase of the account's key file.
        finality: `finalized`, `safe` or `confirmations`.
        confirmations: Blocks that make one final where the chain has no name for it.
        anchor_records: So many new records are anchored at once.
        anchor_age_s: A new record is anchored within so many seconds.
        fee_ceiling_gwei: Most that is paid for a unit of gas.
        spend_per_day_gwei: Most that may be spent in 24 hours.
        bump_after_s: A transaction that waits so long is offered a higher fee.
    """

    chain_id: int
    contract: str
    log_id: str
    account: str
    opened_at: int
    assets: str = ""
    assets_from: int = 0
    market: str = ""
    market_from: int = 0
    credits: str = ""
    rpc: tuple[str, ...] = field(default=(), repr=False)
    agree: int = 0
    allow_plain_http: bool = False
    ca_file: str = ""
    timeout_s: int = 10
    signer: str = field(default="", repr=False)
    account_passphrase_file: str = ""
    finality: str = "finalized"
    confirmations: int = 12
    anchor_records: int = 10_000
    anchor_age_s: int = 3_600
    fee_ceiling_gwei: int = 100
    spend_per_day_gwei: int = 50_000_000
    bump_after_s: int = 120

    def __post_init__(self) -> None:
        for name, least in (
            ("chain_id", 1),
            ("opened_at", 0),
            ("assets_from", 0),
            ("market_from", 0),
            ("agree", 0),
            ("timeout_s", 1),
            ("confirmations", 1),
            ("anchor_records", 1),
            ("anchor_age_s", 1),
            ("fee_ceiling_gwei", 1),
            ("spend_per_day_gwei", 0),
            ("bump_after_s", 1),
        ):
            if getattr(self, name) < least:
                raise InvalidInput(f"{name} is {getattr(self, name)}", hint=f"at least {least}")
        if self.agree > max(1, len(self.rpc)):
            raise InvalidInput(
                f"{self.agree} nodes are to agree, and {len(self.rpc)} are named", hint="name more in rpc"
            )
        if self.finality not in _FINALITIES:
            raise InvalidInput(f"finality is {self.finality[:40]!r}", hint=f"one of {', '.join(_FINALITIES)}")
        for address in (self.contract, self.account, *filter(None, (self.assets, self.market, self.credits))):
            parse_address(address)
        if not _LOG_ID.fullmatch(self.log_id):
            raise InvalidInput("log_id is not a log's id", hint="0x and 64 hexadecimal digits")

    @classmethod
    def draft(cls, **settings: Any) -> Self:
        """Returns settings for a home that is not connected yet: what names chain, contract and log is left open."""
        nobody = "0x" + "00" * 20
        return cls(chain_id=1, contract=nobody, log_id="0x" + "00" * 32, account=nobody, opened_at=0, **settings)

    @classmethod
    def load(cls, paths: LedgerPaths) -> Self:
        """Reads the settings.

        Raises:
            NotSetUp: This home is not connected to a ledger.
            HomeDamaged: The file holds something else.
        """
        return cls.read(paths.settings)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Reads settings from a file; see `load`."""
        try:
            data = file.read_bytes()
        except FileNotFoundError as error:
            raise NotSetUp("this home is not connected to a ledger", hint=_CONNECT) from error
        except OSError as error:
            raise NotSetUp(f"{file.name} cannot be read: {error.strerror}", hint=_CONNECT) from error
        return parse_settings(cls, data, file.name, CONNECTION_FORMAT)

    def save(self, paths: LedgerPaths) -> None:
        """Writes the settings, readable by their owner only."""
        try:
            replace_file(paths.settings, settings_toml(self, _HEADING, CONNECTION_FORMAT).encode(), mode=0o600)
        except OSError as error:
            raise LogUnavailable(f"{paths.settings.name} could not be saved: {error.strerror or error}") from error

    @property
    def is_embedded(self) -> bool:
        """Whether the ledger is the one in this home."""
        return not self.rpc

    @property
    def where(self) -> LogAddress:
        """The full address of the log."""
        return LogAddress(self.chain_id, bytes.fromhex(self.contract[2:]), bytes.fromhex(self.log_id[2:]))

    @property
    def spend_per_day_wei(self) -> int:
        """Most that may be spent in 24 hours; on a home's own ledger nothing is worth anything."""
        return self.spend_per_day_gwei * GWEI if self.rpc else EMBEDDED_LIMIT_WEI

    @property
    def finality_rule(self) -> Finality:
        """When a block counts as final."""
        if self.finality == "confirmations":
            return Finality("", self.confirmations)
        return Finality("safe" if self.finality == "safe" else "finalized", self.confirmations)

    @property
    def anchor_policy(self) -> AnchorPolicy:
        """When a head is due."""
        return AnchorPolicy(self.anchor_records, self.anchor_age_s)

    @property
    def fee_policy(self) -> FeePolicy:
        """What a unit of gas may cost."""
        return FeePolicy(ceiling_wei=self.fee_ceiling_gwei * GWEI)
