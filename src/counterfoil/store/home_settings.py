"""What counterfoil.toml says, read strictly: a misspelt setting is refused, not ignored."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Self

from counterfoil.errors import InvalidInput
from counterfoil.store.database_url import require_database_url
from counterfoil.store.dataset_rules import read_rules
from counterfoil.store.depot import require_depot_url
from counterfoil.store.networks import require_networks
from counterfoil.store.toml_settings import parse_settings, settings_toml

__all__ = ["CONFIG_FILE", "DEFAULT_EPOCH_S", "HOME_FORMAT", "HomeSettings", "require_origin"]

CONFIG_FILE: Final = "counterfoil.toml"

HOME_FORMAT: Final = 1
"""Version of a home's layout; `counterfoil migrate` brings an older home here."""

DEFAULT_EPOCH_S: Final = 3_600
"""How often a log says how many records each stream has."""

SANDBOXES: Final = ("bubblewrap", "gvisor")
"""What can lock in a job; see docs/reference/sandbox.md."""

HEADING: Final = "Counterfoil's settings of this home; docs/guides/keys.md says what key_file is."
_MAX_EPOCH_S: Final = 366 * 86_400
_MAX_CACHE_MIB: Final = 1 << 20
_MAX_TEXT: Final = 200
_PUBLIC_URL: Final = re.compile(r"https?://[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~-]+)*")
_ORIGIN: Final = re.compile(
    r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?)*(?::[1-9][0-9]{0,4})?"
    r"(?:/[a-z0-9][a-z0-9._~-]*)*"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class HomeSettings:
    """The settings of a home.

    Attributes:
        name: Legal name of the organisation.
        origin: The log's name: a web origin without scheme, `bank.example/credit`.
        key_file: Path of the key file, relative to the home; empty when none is named.
        epoch_s: Seconds between two counts of the streams.
        spool_dir: Folder for decisions that wait for the log, relative to the home.
        public_url: Where outsiders reach this home's node, `https://receipts.bank.example`, without a slash
            at the end; the QR codes of receipts then open its checker page. Empty when there is none.
        views_url: PostgreSQL database of the searchable tables; empty keeps them in views.db.
        outbox_url: PostgreSQL database of the outbox; empty keeps it in ledger/.
        depot_url: Object store for finished parts of the log and models; empty keeps all in the home.
        depot_cache_mib: Most that is kept here of what was fetched from it, in MiB.
        dataset_gate: What a dataset must have passed before a model may rest on it: rules such as `"k=5"`, which
            docs/reference/dataset-reports.md lists.
        market_folder: Folder, relative to the home, whose files and folders may be named over HTTP to be offered;
            empty for none: then snapshots alone can.
        fleet_scheduler: Address of a dask scheduler whose workers run the jobs that others bought, `tls://host:8786`;
            empty runs them on this machine.
        fleet_tls: Folder, relative to the home, with `ca.pem`, `cert.pem` and `key.pem` for it; empty only where the
            scheduler is on this machine.
        job_sandbox: What locks in the jobs that others bought: `bubblewrap`, or `gvisor`, which gives each a kernel of
            its own inside of that.
        market_networks: Networks beside the public internet in which nodes of buyers and sellers may be asked.
    """

    name: str
    origin: str
    key_file: str = ""
    epoch_s: int = DEFAULT_EPOCH_S
    spool_dir: str = "spool"
    public_url: str = ""
    views_url: str = ""
    outbox_url: str = ""
    depot_url: str = ""
    depot_cache_mib: int = 1_024
    dataset_gate: tuple[str, ...] = ()
    market_folder: str = ""
    market_networks: tuple[str, ...] = ()
    fleet_scheduler: str = ""
    fleet_tls: str = ""
    job_sandbox: str = SANDBOXES[0]

    def __post_init__(self) -> None:
        require_origin(self.origin)
        if not self.name.strip():
            raise InvalidInput("name is empty", hint="give the organisation's legal name")
        for setting, text in (
            ("name", self.name),
            ("key_file", self.key_file),
            ("spool_dir", self.spool_dir),
            ("market_folder", self.market_folder),
            ("fleet_scheduler", self.fleet_scheduler),
            ("fleet_tls", self.fleet_tls),
        ):
            if len(text) > _MAX_TEXT or not text.isprintable():
                raise InvalidInput(
                    f"{setting} has control characters, or is longer than {_MAX_TEXT}", hint="use plain text"
                )
        for setting, url in (("views_url", self.views_url), ("outbox_url", self.outbox_url)):
            if url:
                require_database_url(setting, url)
        if self.depot_url:
            require_depot_url(self.depot_url)
        read_rules(self.dataset_gate)
        if self.job_sandbox not in SANDBOXES:
            raise InvalidInput(
                f"job_sandbox is {self.job_sandbox[:_MAX_TEXT]!r}", hint=f"one of {', '.join(SANDBOXES)}"
            )
        require_networks("market_networks", self.market_networks)
        if not 1 <= self.depot_cache_mib <= _MAX_CACHE_MIB:
            raise InvalidInput(f"depot_cache_mib is {self.depot_cache_mib}", hint=f"between 1 and {_MAX_CACHE_MIB}")
        if not self.spool_dir:
            raise InvalidInput("spool_dir is empty", hint='write spool_dir = "spool"')
        if self.public_url and (len(self.public_url) > _MAX_TEXT or not _PUBLIC_URL.fullmatch(self.public_url)):
            raise InvalidInput(
                f"public_url is {self.public_url[:_MAX_TEXT]!r}",
                hint="a web address without a slash at the end, like https://receipts.bank.example",
            )
        if not 1 <= self.epoch_s <= _MAX_EPOCH_S:
            raise InvalidInput(f"epoch_s is {self.epoch_s}", hint=f"between 1 and {_MAX_EPOCH_S} seconds")

    def fleet(self, folder: Path) -> tuple[str, Path | None] | None:
        """Returns the scheduler of the fleet and where its certificates lie; None without a fleet."""
        if not self.fleet_scheduler:
            return None
        return self.fleet_scheduler, folder / self.fleet_tls if self.fleet_tls else None

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """Reads counterfoil.toml.

        Raises:
            NotSetUp: Written by a newer or an older Counterfoil.
            HomeDamaged: Not TOML, an unknown or missing setting, or a value that cannot be used.
        """
        return parse_settings(cls, data, CONFIG_FILE, HOME_FORMAT)

    def to_toml(self) -> str:
        """Returns the text of counterfoil.toml; settings left at their default are left out."""
        return settings_toml(self, HEADING, HOME_FORMAT)


def require_origin(origin: str) -> None:
    """Refuses what cannot name a log.

    Raises:
        InvalidInput: With a scheme, upper case, spaces, a plus sign, or another shape than host[:port][/path].
    """
    if not _ORIGIN.fullmatch(origin) or len(origin) > _MAX_TEXT:
        hint = "lower case, without spaces and plus signs, like bank.example/credit"
        if "://" in origin:
            hint = f"leave the scheme out: {origin.partition('://')[2][:_MAX_TEXT]}"
        raise InvalidInput(f"{origin[:_MAX_TEXT]!r} cannot name a log", hint=hint)
