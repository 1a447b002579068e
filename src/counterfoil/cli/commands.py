"""Which commands there are and where they live; nothing here imports them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

__all__ = ["COMMANDS", "WITHOUT_HOME", "Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a command is defined, as `module:attribute`, and what it does in a few words."""

    target: str
    summary: str


_DECISIONS: Final = "counterfoil.decisions.commands"
_PROVENANCE: Final = "counterfoil.provenance.commands"
_ORGANISATION: Final = "counterfoil.organisation.commands"
_EVIDENCE: Final = "counterfoil.organisation.evidence_commands"

COMMANDS: Final = {
    "demo": Place("counterfoil.cli.demo.demo:demo", "See everything once, on real data, in a minute."),
    "init": Place(f"{_ORGANISATION}:init", "Make a home: keys, an empty log, an empty vault."),
    "up": Place("counterfoil.node.commands:up", "Serve the home: the HTTP API, the console, the log."),
    "keys": Place(f"{_ORGANISATION}:keys", "List the keys, replace one, change what unlocks them."),
    "dataset": Place(f"{_PROVENANCE}:dataset", "Register the data that models are trained on."),
    "deidentify": Place(
        "counterfoil.provenance.deidentification.commands:deidentify", "Make a table without what points to persons."
    ),
    "fingerprint": Place(
        "counterfoil.provenance.fingerprints.commands:fingerprint", "Say what a file or folder is, and what changed."
    ),
    "snapshot": Place(
        "counterfoil.provenance.snapshots.commands:snapshot", "Keep what live sources give, each state once."
    ),
    "model": Place(f"{_PROVENANCE}:model", "Register models and look them up."),
    "lineage": Place("counterfoil.cli.lineage:lineage", "Say what came from what, see it, and run it again."),
    "asset": Place(
        "counterfoil.provenance.assets.commands:asset", "Put datasets and models on the ledger, and say how they stand."
    ),
    "market": Place("counterfoil.market.commands:market", "Sell and buy data and models: offers, orders, money."),
    "passport": Place(
        "counterfoil.provenance.passports.commands:passport", "Say who, when, why and whence of data and models."
    ),
    "rows": Place("counterfoil.provenance.rows.commands:rows", "Prove whose records are in a dataset, and whose not."),
    "policy": Place("counterfoil.decisions.policy_commands:policy", "Check and register the rules for decisions."),
    "decide": Place(f"{_DECISIONS}:decide", "Decide on every row of a table and record it."),
    "override": Place(f"{_DECISIONS}:override", "Record that a person decided otherwise."),
    "appeal": Place(f"{_DECISIONS}:appeal", "Record what the person says against a decision."),
    "outcome": Place(f"{_DECISIONS}:outcome", "Record what came of a decision."),
    "log": Place(f"{_EVIDENCE}:log", "Look into the log: one record, a search, the head."),
    "calls": Place("counterfoil.calls.commands:calls", "Look at what models, tools and agents were asked."),
    "receipt": Place(f"{_DECISIONS}:receipt", "Write the receipt for a person."),
    "bundle": Place(f"{_EVIDENCE}:bundle", "Write the file for an auditor."),
    "check": Place("counterfoil.cli.check:check", "Check a receipt or bundle. Needs no home and no network."),
    "checker": Place("counterfoil.cli.checker:checker", "Write the checker page, which checks files in a browser."),
    "ledger": Place("counterfoil.ledger.commands:ledger", "Keep the log's head where nobody can rewrite it."),
    "witness": Place("counterfoil.witness.commands:witness", "Have others sign the log's head, and sign theirs."),
    "depot": Place("counterfoil.organisation.depot_commands:depot", "Keep finished parts in an object store."),
    "replay": Place("counterfoil.decisions.replay_commands:replay", "Run the model again on recorded decisions."),
    "recall": Place(
        "counterfoil.organisation.recall_commands:recall", "Recall data or a model: whom it reached, and stop it."
    ),
    "erase": Place(f"{_ORGANISATION}:erase", "Erase what is private; every proof goes on to hold."),
    "rebuild": Place(f"{_ORGANISATION}:rebuild", "Make the searchable tables anew from log and vault."),
    "migrate": Place(f"{_ORGANISATION}:migrate", "Bring an older home to this version."),
    "access": Place("counterfoil.node.access.commands:access", "Say who may come in at the node: keys, people, peers."),
    "doctor": Place(f"{_ORGANISATION}:doctor", "Look the home over and say what needs doing."),
}
"""Every command, in the order in which they are listed."""

WITHOUT_HOME: Final = frozenset(
    {
        "check",
        "checker",
        "demo",
        "fingerprint",
        "init",
        "ledger cost",
        "market import",
        "market shares check",
        "market shares make",
        "model check",
        "policy check",
    }
)
"""Commands that open no home, and so take no --home and no key."""
