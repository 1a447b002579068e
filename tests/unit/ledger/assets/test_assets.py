"""Assets of a home: each change is made once, whatever happens meanwhile, and log and ledger point at each other."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from lying_node import LyingNode
from organisations import DATA, Clock, copy_home, open_home

from counterfoil.errors import InvalidInput, LedgerContradicts, NotAllowed, NotFound, NotSetUp, OutOfFunds, OverLimit
from counterfoil.ledger.accounts.account import checksummed, parse_address
from counterfoil.ledger.assets.asset import Asset
from counterfoil.ledger.assets.changes import Change
from counterfoil.ledger.assets.contract import AssetsContract, artefact, asset_id
from counterfoil.ledger.assets.kinds import read_asset
from counterfoil.ledger.assets.placing import placing
from counterfoil.ledger.assets.records import AssetRecord
from counterfoil.ledger.connecting import Wanted
from counterfoil.ledger.connection import Connection
from counterfoil.organisation import Organisation
from counterfoil.provenance.assets.manifests import find_manifest

ONE, TWO = "11" * 32, "22" * 32
URI = "https://bank.example/data/one.json"
SOMEBODY = "0x" + "12" * 20


class Interrupted(Exception):
    """Somebody does not wait."""


@pytest.fixture(scope="module")
def connected(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home that is connected to a ledger of its own; each test works on a copy."""
    home = copy_home(tmp_path_factory.mktemp("assets"))
    with open_home(home, Clock()) as org:
        org.ledger.connect()
    return home


@pytest.fixture
def home(connected: Path, tmp_path: Path) -> Path:
    return shutil.copytree(connected.parent, tmp_path / "copy") / connected.name  # its key lies beside it


@pytest.fixture
def org(home: Path) -> Iterator[Organisation]:
    with open_home(home, Clock()) as opened:
        yield opened


def records(org: Organisation) -> list[AssetRecord]:
    found = [org.archive.record(place) for place in range(org.archive.size)]
    return [AssetRecord.from_about(each.about, (*each.builds_on, "")[0]) for each in found if each.kind == "asset"]


def sent(org: Organisation) -> list[str]:
    """Returns what was sent about assets, oldest first."""
    purposes = [row.purpose for row in reversed(org.ledger.opened.outbox.rows())]
    return [each.rpartition(" ")[2] for each in purposes if each.startswith("asset ")]


# Registering


def test_a_registered_dataset_is_on_the_ledger_and_in_the_log(org: Organisation) -> None:
    org.provenance.register_dataset(DATA, name="credit applicants")
    dataset = find_manifest(org.provenance, "credit applicants")
    made = org.ledger.assets.register("dataset", dataset.sha256, uri=URI, royalty_bps=250, of=dataset.leaf)

    connection = org.ledger.require_connection()
    assert (made.kind, made.state, made.version, made.uri, made.royalty_bps) == ("dataset", "active", 1, URI, 250)
    assert (made.owner, made.creator, made.is_ours) == (connection.account, connection.account, True)
    assert made.asset == f"0x{asset_id(bytes.fromhex(connection.account[2:]), bytes.fromhex(dataset.sha256)):064x}"
    held = org.ledger.opened.assets.contract.held(int(made.asset, 16))
    assert (held.manifest.hex(), held.uri, held.royalty_bps) == (dataset.sha256, URI, 250)
    [record] = records(org)
    assert (record.action, record.asset, record.transaction) == ("registered", made.asset, made.transaction)
    assert (record.chain_id, record.contract) == (connection.chain_id, connection.assets)
    assert record.of == dataset.leaf


def test_a_manifest_leads_from_the_ledger_to_the_record(org: Organisation) -> None:
    """Whoever sees the asset asks the log for the record with this digest, and its proof."""
    model = find_manifest(org.provenance, org.provenance.models()[0].record.name)
    made = org.ledger.assets.register(model.kind, model.sha256, of=model.leaf)

    shown = org.ledger.assets.show(made.asset)

    assert shown.of is not None
    assert org.archive.record(shown.of).kind == "model"
    assert org.archive.leaf_hex(shown.of) == shown.asset.manifest
    assert shown.records == (org.archive.size - 1,)


def test_registering_again_sends_and_records_nothing(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE, uri=URI)
    size = org.archive.size

    quote, carry_out = org.ledger.assets.registering("dataset", ONE)
    assert (quote.gas, quote.most_wei) == (0, 0)
    assert carry_out(print) == made
    assert org.ledger.assets.register("dataset", ONE, uri="https://other.example/") == made
    assert (sent(org), org.archive.size) == (["registered"], size)


def test_an_interrupted_registration_goes_on_where_it_stopped(home: Path) -> None:
    def interrupt(line: str) -> None:
        raise Interrupted(line)

    with open_home(home, Clock()) as org, pytest.raises(Interrupted, match="Sent"):
        org.ledger.assets.register("dataset", ONE, uri=URI, tell=interrupt)
    with open_home(home, Clock()) as org:
        assert records(org) == []
        made = org.ledger.assets.register("dataset", ONE, uri=URI)
        assert sent(org) == ["registered"]
        assert [each.asset for each in records(org)] == [made.asset]
    with open_home(home, Clock()) as org:
        assert org.ledger.assets.register("dataset", ONE, uri=URI) == made
        assert len(records(org)) == 1


def test_what_was_final_before_its_record_was_written_is_recorded_by_the_next_call(org: Organisation) -> None:
    opened = org.ledger.opened
    calldata = AssetsContract.register(1, bytes.fromhex(ONE), URI, 0, ())
    opened.outbox.wait(opened.outbox.submit(opened.assets.contract.address, calldata, purpose="by another program"))

    made = org.ledger.assets.register("dataset", ONE, uri=URI)

    assert [each.transaction for each in records(org)] == [made.transaction]
    assert sent(org) == []


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"kind": "table"}, "no kind of asset"),
        ({"uri": "https://x.example/" + "x" * 111}, "has 129 bytes"),
        ({"uri": "data/one.json"}, "is not a URI"),
        ({"uri": "https://x.example/a b"}, "is not a URI"),
        ({"royalty_bps": 1_001}, "a royalty of 1001"),
        ({"royalty_bps": -1}, "a royalty of -1"),
        ({"parents": ["0x12"]}, "not an asset's id"),
        ({"parents": ["0x" + "11" * 32] * 2}, "named twice"),
        ({"parents": [f"0x{number:064x}" for number in range(17)]}, "17 parents"),
        ({"manifest_sha256": "00" * 32}, "no SHA-256 digest"),
        ({"manifest_sha256": "12"}, "no SHA-256 digest"),
    ],
    ids=range(11),
)
def test_what_cannot_be_registered_is_refused_before_anything_is_sent(
    org: Organisation, wrong: dict[str, Any], words: str
) -> None:
    wanted: dict[str, Any] = {"kind": "dataset", "manifest_sha256": ONE} | wrong
    with pytest.raises(InvalidInput, match=words):
        org.ledger.assets.register(wanted.pop("kind"), wanted.pop("manifest_sha256"), **wanted)
    assert sent(org) == []


def test_what_is_not_there_is_not_found(org: Organisation) -> None:
    missing = "0x" + "11" * 32
    calls: list[Callable[[], object]] = [
        lambda: org.ledger.assets.register("dataset", ONE, parents=[missing]),
        lambda: org.ledger.assets.register("dataset", ONE, of="11" * 32),
        lambda: org.ledger.assets.publish(missing, TWO),
        lambda: org.ledger.assets.set_state(missing, "recalled"),
        lambda: org.ledger.assets.transfer(missing, SOMEBODY),
        lambda: org.ledger.assets.show(missing),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call()
    assert sent(org) == []


def test_kind_and_royalty_are_fixed(org: Organisation) -> None:
    org.ledger.assets.register("dataset", ONE, royalty_bps=100)
    for kind, bps in (("model", 100), ("dataset", 200)):
        with pytest.raises(InvalidInput, match="registered the same manifest before"):
            org.ledger.assets.register(kind, ONE, royalty_bps=bps)  # type: ignore[arg-type]


def test_parents_and_children_are_shown(org: Organisation) -> None:
    one, two = (org.ledger.assets.register("dataset", each) for each in (ONE, TWO))
    child = org.ledger.assets.register("model", "33" * 32, parents=[two.asset, one.asset])

    assert set(child.parents) == {one.asset, two.asset}
    assert org.ledger.assets.show(one.asset).children == (child.asset,)
    assert org.ledger.assets.list() == [one, two, child]


# Changing


def test_a_version_is_published_once(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE, uri=URI)

    for _ in range(2):
        published = org.ledger.assets.publish(made.asset, TWO)
        assert (published.version, published.manifest, published.uri) == (2, TWO, URI)
    moved = org.ledger.assets.publish(made.asset, TWO, uri="https://elsewhere.example/")
    assert (moved.version, moved.uri) == (2, "https://elsewhere.example/")
    assert sent(org) == ["registered", "published", "moved"]
    assert [each.action for each in records(org)] == ["registered", "published", "moved"]
    assert records(org)[2].of == org.archive.leaf_hex(org.archive.size - 2)  # it goes on from the record before


def test_a_recall_is_told_once_and_can_be_taken_back(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE)

    for state in ("active", "recalled", "recalled", "active", "recalled"):
        assert org.ledger.assets.set_state(made.asset, state).state == state  # type: ignore[arg-type]

    assert sent(org) == ["registered", "state", "state", "state"]
    assert [each.state for each in records(org)] == ["active", "recalled", "active", "recalled"]
    told = org.ledger.assets.show(made.asset).steps
    assert [each.name for each in told] == ["Registered", "Transfer", "StateSet", "StateSet", "StateSet"]
    assert told[-1].sentence == f"recalled, said {made.owner}"


def test_an_unknown_state_is_refused(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE)
    with pytest.raises(InvalidInput, match="is no state"):
        org.ledger.assets.set_state(made.asset, "lost")  # type: ignore[arg-type]


def test_what_was_handed_over_is_not_ours_any_more(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE)

    for _ in range(2):
        handed = org.ledger.assets.transfer(made.asset, SOMEBODY)
        assert (handed.owner, handed.is_ours, handed.creator) == (SOMEBODY, False, made.owner)
    assert sent(org) == ["registered", "transferred"]
    assert org.ledger.assets.list(ours=True) == []
    assert [each.owner for each in org.ledger.assets.list()] == [SOMEBODY]
    with pytest.raises(NotAllowed, match="it belongs to"):
        org.ledger.assets.transfer(made.asset, made.owner)
    with pytest.raises(NotAllowed, match="may not publish"):
        org.ledger.assets.publish(made.asset, TWO)
    with pytest.raises(NotAllowed, match="may not set its state"):
        org.ledger.assets.set_state(made.asset, "recalled")
    with pytest.raises(InvalidInput, match="nobody"):
        org.ledger.assets.transfer(made.asset, "0x" + "00" * 20)


def test_an_owner_that_had_it_from_somebody_else_is_no_transfer_of_ours(org: Organisation) -> None:
    made, size = org.ledger.assets.register("dataset", ONE), org.archive.size
    with pytest.raises(NotAllowed, match="belongs to .* already, and not because this home"):
        org.ledger.assets.transfer(made.asset, made.owner)
    assert sent(org) == ["registered"]
    assert org.archive.size == size


def test_another_transfer_of_the_asset_is_not_recorded_as_ours(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE)
    changes, contract = org.ledger.assets._changes, org.ledger.opened.assets.contract
    number = read_asset(made.asset)
    calldata = AssetsContract.transfer(changes.account, parse_address(SOMEBODY), number)
    outbox = org.ledger.opened.outbox
    outbox.wait(outbox.submit(contract.address, calldata, purpose="by hand"))
    size = org.archive.size
    other = Change("transferred", "x", number, b"", "Transfer", lambda _: True, is_told_by=lambda _: False)
    changes.quote(other, {})[1](lambda _: None)
    assert org.archive.size == size
    assert org.ledger.assets.transfer(made.asset, SOMEBODY).owner == SOMEBODY  # this account did, and it is recorded
    assert [each.action for each in records(org)] == ["registered", "transferred"]


def test_what_is_under_way_counts_as_made(org: Organisation) -> None:
    """A recall that waits is not sent twice; and taking it back is sent though the ledger does not know of it yet."""

    def interrupt(line: str) -> None:
        raise Interrupted(line)

    made = org.ledger.assets.register("dataset", ONE)
    with pytest.raises(Interrupted):
        org.ledger.assets.set_state(made.asset, "recalled", tell=interrupt)
    assert org.ledger.assets.setting_state(made.asset, "recalled")[0].gas == 0

    assert org.ledger.assets.set_state(made.asset, "active").state == "active"

    assert sent(org) == ["registered", "state", "state"]
    told = [each.sentence.partition(",")[0] for each in org.ledger.assets.show(made.asset).steps]
    assert told[-2:] == ["recalled", "active"]


def test_many_at_once_register_once(org: Organisation) -> None:
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: org.ledger.assets.register("dataset", ONE), range(4)))

    assert made == [made[0]] * 4
    assert sent(org) == ["registered"]
    assert len(records(org)) == 1


# What it costs


def test_a_quote_says_what_it_costs_and_what_everybody_could_read(org: Organisation) -> None:
    quote, _ = org.ledger.assets.registering("dataset", ONE, uri=URI, royalty_bps=250)

    assert 100_000 < quote.gas < 200_000
    assert quote.most_wei == quote.gas * org.ledger.opened.chain.offered().max_wei
    assert quote.public == {"kind": "dataset", "manifest": ONE, "royalty_bps": "250", "uri": URI}
    assert sent(org) == []
    paid = org.ledger.assets.register("dataset", ONE, uri=URI, royalty_bps=250)
    row = org.ledger.opened.outbox.rows()[0]
    assert row.fee_paid_wei is not None
    assert row.fee_paid_wei <= quote.most_wei
    assert quote.asset == paid.asset


def test_what_cannot_be_paid_is_refused(org: Organisation) -> None:
    quote, _ = org.ledger.assets.registering("dataset", ONE)

    with pytest.raises(OutOfFunds, match="holds"):
        replace(quote, balance_wei=quote.most_wei - 1).require_funds()
    with pytest.raises(OverLimit, match="may be spent today"):
        replace(quote, left_wei=quote.most_wei - 1).require_funds()
    replace(quote, balance_wei=quote.most_wei, left_wei=quote.most_wei).require_funds()


# Getting to a contract


def test_a_ledger_of_the_homes_own_comes_with_the_contract(org: Organisation) -> None:
    connection = org.ledger.require_connection()
    assert connection.assets
    code = org.ledger.opened.chain.code(bytes.fromhex(connection.assets[2:]))
    assert len(code) > 1_000
    org.ledger.opened.assets.contract.require_genuine()


def test_a_home_that_lets_go_and_comes_back_has_its_assets(org: Organisation) -> None:
    made = org.ledger.assets.register("dataset", ONE)
    before = org.ledger.require_connection()
    org.ledger.disconnect()
    with pytest.raises(NotSetUp, match="not connected"):
        org.ledger.assets.list()

    assert org.ledger.connect(account=before.account) == before
    assert org.ledger.assets.list() == [made]


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Organisation]:
    """A home that was connected before there were assets."""
    with open_home(copy_home(tmp_path), Clock()) as org:
        org.ledger.connect(Wanted(Connection.draft(), with_assets=False))
        yield org


def test_a_home_without_the_contract_is_told_what_to_do(bare: Organisation) -> None:
    assert bare.ledger.require_connection().assets == ""
    with pytest.raises(NotSetUp, match="no Assets contract") as refused:
        bare.ledger.assets.register("dataset", ONE)
    assert "counterfoil asset deploy" in refused.value.hint

    quote, carry_out = placing(bare.ledger)
    quote.require_funds()
    address = carry_out(lambda _: None)

    assert bare.ledger.require_connection().assets == address
    assert bare.ledger.assets.register("dataset", ONE).contract == address
    with pytest.raises(InvalidInput, match="uses the Assets contract"):
        placing(bare.ledger)
    again, carry_out = placing(bare.ledger, address)
    assert (again.gas, carry_out(lambda _: None)) == (0, address)


def test_an_interrupted_deployment_goes_on_where_it_stopped(bare: Organisation) -> None:
    def interrupt(_: str) -> None:
        raise Interrupted

    for _ in range(2):
        with pytest.raises(Interrupted):
            placing(bare.ledger)[1](interrupt)
    placing(bare.ledger)[1](lambda _: None)
    codes = [row.data for row in bare.ledger.opened.outbox.rows(purpose="deploy")]
    assert codes.count(artefact().bytecode) == 1


def test_a_contract_that_is_there_is_taken_by_its_address(bare: Organisation) -> None:
    opened = bare.ledger.opened
    done = opened.outbox.wait(opened.outbox.submit(None, artefact().bytecode, purpose="by somebody"))
    receipt = opened.chain.receipt(done.transaction_hash)

    for late in (receipt.block_number + 1, 2**53):
        with pytest.raises(InvalidInput, match="would be missed"):
            placing(bare.ledger, checksummed(receipt.contract), late)
    placing(bare.ledger, checksummed(receipt.contract), receipt.block_number)
    quote, carry_out = placing(bare.ledger, checksummed(receipt.contract))
    assert quote.gas == 0
    assert carry_out(lambda _: None) == checksummed(receipt.contract)

    assert bare.ledger.require_connection().assets_from == receipt.block_number
    assert bare.ledger.assets.register("dataset", ONE).state == "active"


def test_on_a_chain_the_contract_is_put_only_where_that_is_asked_for(tmp_path: Path, org: Organisation) -> None:
    with LyingNode(org.ledger.opened.chain.rpc) as node:
        for name, with_assets in (("first", None), ("second", True)):
            with open_home(copy_home(tmp_path / name), Clock()) as other:
                fund(org, other.ledger.joining.accounts.create().address)
                wanted = Wanted(Connection.draft(rpc=(node.url,)), with_assets=with_assets)
                plan, carry_out = other.ledger.connecting(wanted)
                assert len(plan.steps) == (3 if with_assets else 2)
                assert bool(carry_out(lambda _: None).assets) == bool(with_assets)
                if with_assets:
                    assert other.ledger.assets.register("dataset", ONE).version == 1


def test_another_contract_is_not_taken(bare: Organisation) -> None:
    with pytest.raises(LedgerContradicts, match="not the Assets contract"):
        placing(bare.ledger, bare.ledger.require_connection().contract)
    with pytest.raises(NotFound, match="no contract at"):
        placing(bare.ledger, SOMEBODY)


def test_two_homes_on_one_ledger_see_each_others_assets(org: Organisation, tmp_path: Path) -> None:
    made = org.ledger.assets.register("dataset", ONE)
    ledger = org.ledger.opened.chain.rpc
    with LyingNode(ledger) as node, open_home(copy_home(tmp_path), Clock()) as other:
        account = other.ledger.joining.accounts.create().address
        fund(org, account)
        draft = Connection.draft(rpc=(node.url,))
        contracts = org.ledger.require_connection()
        wanted = Wanted(draft, bytes.fromhex(contracts.contract[2:]), assets=bytes.fromhex(contracts.assets[2:]))
        assert other.ledger.connect(wanted).assets == contracts.assets
        seen: Asset = other.ledger.assets.show(made.asset).asset
        assert (seen.owner, seen.is_ours) == (made.owner, False)
        theirs = other.ledger.assets.register("model", ONE, parents=[made.asset])
        assert theirs.asset != made.asset
    assert org.ledger.assets.show(made.asset).children == (theirs.asset,)


def fund(org: Organisation, account: bytes | None) -> None:
    assert account is not None
    outbox = org.ledger.opened.outbox
    outbox.wait(outbox.submit(account, b"", value_wei=10**18, gas=21_000, purpose="a gift"))
