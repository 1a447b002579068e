"""ERC-721: who may transfer, what receivers answer, and what hostile ones try; ERC-165."""

from __future__ import annotations

from typing import Any

import boa
import pytest
from contract.assets.harness import (
    ALICE,
    BOB,
    NOBODY,
    OWNER,
    STRANGER,
    TAKEN,
    Account,
    digest,
    events,
    load,
    refused,
    register,
)

from counterfoil.core.keccak import keccak256
from counterfoil.ledger.contracts.artefact import Artefact

ASSETS = Artefact.load("Assets")
NOT_ALLOWED = "not allowed to transfer this"
ERC721 = (
    "balanceOf(address)",
    "ownerOf(uint256)",
    "safeTransferFrom(address,address,uint256,bytes)",
    "safeTransferFrom(address,address,uint256)",
    "transferFrom(address,address,uint256)",
    "approve(address,uint256)",
    "setApprovalForAll(address,bool)",
    "getApproved(uint256)",
    "isApprovedForAll(address,address)",
)
METADATA = ("name()", "symbol()", "tokenURI(uint256)")


def interface_id(*functions: str) -> bytes:
    """Works out an id as ERC-165 says: the selectors, added without carry."""
    found = 0
    for function in functions:
        found ^= int.from_bytes(keccak256(function.encode())[:4], "big")
    return found.to_bytes(4, "big")


@pytest.mark.parametrize(
    ("functions", "known"),
    [
        (("supportsInterface(bytes4)",), "01ffc9a7"),
        (ERC721, "80ac58cd"),
        (METADATA, "5b5e139f"),
        (("royaltyInfo(uint256,uint256)",), "2a55205a"),
    ],
    ids=["ERC-165", "ERC-721", "ERC-721 metadata", "ERC-2981"],
)
def test_what_is_said_to_be_supported_is_there(assets: Any, functions: tuple[str, ...], known: str) -> None:
    assert interface_id(*functions).hex() == known
    assert assets.supportsInterface(interface_id(*functions))
    assert set(functions) <= ASSETS.selectors.keys()


def test_erc_4906_is_supported_and_nothing_else(assets: Any) -> None:
    assert assets.supportsInterface(bytes.fromhex("49064906"))
    assert ASSETS.topics["MetadataUpdate(uint256)"] == keccak256(b"MetadataUpdate(uint256)")
    for other in (b"\xff" * 4, b"\0" * 4, bytes.fromhex("780e9d63"), TAKEN):
        assert not assets.supportsInterface(other)


def test_events_are_indexed_as_wallets_expect(assets: Any) -> None:
    indexed = {
        entry["name"]: [each["indexed"] for each in entry["inputs"]] for entry in ASSETS.abi if entry["type"] == "event"
    }

    assert indexed["Transfer"] == indexed["Approval"] == [True, True, True]
    assert indexed["ApprovalForAll"] == [True, True, False]
    assert indexed["MetadataUpdate"] == [False]
    assert (assets.name(), assets.symbol()) == ("Counterfoil Assets", "ASSET")


def transfer(assets: Any, asset: int, by: Account, sender: Account = OWNER, receiver: Account = BOB) -> None:
    assets.transferFrom(sender.address, receiver.address, asset, sender=by.address)


def test_the_owner_transfers(assets: Any, asset: int) -> None:
    transfer(assets, asset, OWNER)

    assert events(assets) == [("Transfer", OWNER.address, BOB.address, asset)]
    assert assets.ownerOf(asset) == BOB.address
    assert (assets.balanceOf(OWNER.address), assets.balanceOf(BOB.address)) == (0, 1)
    with refused("not the owner's to send"):
        transfer(assets, asset, OWNER)


def test_who_was_approved_transfers_once(assets: Any, asset: int) -> None:
    assets.approve(ALICE.address, asset, sender=OWNER.address)
    assert events(assets) == [("Approval", OWNER.address, ALICE.address, asset)]
    assert assets.getApproved(asset) == ALICE.address

    transfer(assets, asset, ALICE)

    assert assets.getApproved(asset) == NOBODY
    with refused(NOT_ALLOWED):
        transfer(assets, asset, ALICE, BOB, ALICE)
    transfer(assets, asset, BOB, BOB, OWNER)
    assert assets.getApproved(asset) == NOBODY  # it does not come back with the asset
    with refused(NOT_ALLOWED):
        transfer(assets, asset, ALICE)


def test_an_approval_is_withdrawn(assets: Any, asset: int) -> None:
    assets.approve(ALICE.address, asset, sender=OWNER.address)
    assets.approve(NOBODY, asset, sender=OWNER.address)

    with refused(NOT_ALLOWED):
        transfer(assets, asset, ALICE)


def test_an_operator_transfers_all_and_approves(assets: Any, asset: int) -> None:
    assets.setApprovalForAll(ALICE.address, True, sender=OWNER.address)
    assert events(assets) == [("ApprovalForAll", OWNER.address, ALICE.address, True)]
    assert assets.isApprovedForAll(OWNER.address, ALICE.address)
    later = register(assets, "later")

    assets.approve(STRANGER.address, asset, sender=ALICE.address)
    transfer(assets, asset, STRANGER)
    transfer(assets, later, ALICE)

    assert assets.balanceOf(BOB.address) == 2
    with refused(NOT_ALLOWED):
        transfer(assets, asset, ALICE, BOB)


def test_an_operator_is_dismissed(assets: Any, asset: int) -> None:
    assets.setApprovalForAll(ALICE.address, True, sender=OWNER.address)
    assets.setApprovalForAll(ALICE.address, False, sender=OWNER.address)

    assert not assets.isApprovedForAll(OWNER.address, ALICE.address)
    with refused(NOT_ALLOWED):
        transfer(assets, asset, ALICE)
    with refused("only the owner or an operator may do this"):
        assets.approve(ALICE.address, asset, sender=ALICE.address)


@pytest.mark.parametrize("by", [ALICE, STRANGER], ids=lambda account: account.name)
def test_strangers_neither_transfer_nor_approve(assets: Any, asset: int, by: Account) -> None:
    with refused(NOT_ALLOWED):
        transfer(assets, asset, by)
    with refused("only the owner or an operator may do this"):
        assets.approve(by.address, asset, sender=by.address)


def test_nobody_is_sent_nothing_and_owns_nothing(assets: Any, asset: int) -> None:
    with refused("nobody can be sent an asset"):
        assets.transferFrom(OWNER.address, NOBODY, asset, sender=OWNER.address)
    with refused("nobody owns nothing"):
        assets.balanceOf(NOBODY)
    with refused("no such asset"):
        transfer(assets, asset + 1, OWNER)
    with refused("no such asset"):
        assets.approve(ALICE.address, asset + 1, sender=OWNER.address)


# Receivers


def send(assets: Any, asset: int, to: str, data: bytes | None = None) -> None:
    more = () if data is None else (data,)
    assets.safeTransferFrom(OWNER.address, to, asset, *more, sender=OWNER.address)


def test_a_receiver_that_takes_it_is_told_everything(assets: Any, asset: int) -> None:
    receiver = load("Receiver", TAKEN)

    send(assets, asset, receiver.address, b"for the archive")

    assert assets.ownerOf(asset) == receiver.owner_seen() == receiver.address
    assert (receiver.told(), receiver.told_by(), receiver.told_from()) == (
        b"for the archive",
        OWNER.address,
        OWNER.address,
    )


def test_an_account_is_asked_nothing(assets: Any, asset: int) -> None:
    send(assets, asset, BOB.address)
    assert assets.ownerOf(asset) == BOB.address


def test_data_that_is_too_long_is_refused(assets: Any, asset: int) -> None:
    receiver = load("Receiver", TAKEN)
    with boa.reverts():
        send(assets, asset, receiver.address, bytes(1_025))
    send(assets, asset, receiver.address, bytes(1_024))


@pytest.mark.parametrize("answer", [b"\0" * 4, b"\xff" * 4, b"\x15\x0b\x7a\x03"], ids=bytes.hex)
def test_a_receiver_that_answers_otherwise_gets_nothing(assets: Any, asset: int, answer: bytes) -> None:
    with refused("the receiver does not take it"):
        send(assets, asset, load("Receiver", answer).address)
    assert assets.ownerOf(asset) == OWNER.address


def test_a_receiver_that_answers_nothing_or_fails_gets_nothing(assets: Any, asset: int) -> None:
    failing = load("Receiver", TAKEN)
    failing.fail()
    for receiver in (load("Silent"), load("Untidy"), failing, assets):  # the contract itself takes none
        with boa.reverts():
            send(assets, asset, receiver.address)
    assert assets.ownerOf(asset) == OWNER.address
    assert assets.balanceOf(OWNER.address) == 1


def test_a_receiver_that_passes_it_on_meanwhile_has_passed_it_on(assets: Any, asset: int) -> None:
    receiver = load("Receiver", TAKEN)
    receiver.pass_on_to(STRANGER.address)

    send(assets, asset, receiver.address)

    assert assets.ownerOf(asset) == STRANGER.address
    assert [assets.balanceOf(each) for each in (OWNER.address, receiver.address, STRANGER.address)] == [0, 0, 1]
    with boa.reverts():
        receiver.take_again(assets.address, STRANGER.address, asset)
    assert assets.royaltyInfo(asset, 10_000) == (OWNER.address, 250)


def test_what_a_receiver_did_meanwhile_is_undone_when_it_does_not_take_it(assets: Any, asset: int) -> None:
    receiver = load("Receiver", b"\0" * 4)
    receiver.spoil()

    with refused("the receiver does not take it"):
        send(assets, asset, receiver.address)
    assert assets.asset(asset)[:2] == (OWNER.address, 0)
    assert assets.roles(asset, receiver.address) == 0


def test_a_receiver_owns_it_when_it_is_asked(assets: Any, asset: int) -> None:
    receiver = load("Receiver", TAKEN)
    receiver.spoil()

    send(assets, asset, receiver.address)

    assert assets.asset(asset)[:2] == (receiver.address, 2)
    assert assets.roles(asset, receiver.address) == 7


def test_two_receivers_that_pass_it_to_each_other_run_out(assets: Any, asset: int) -> None:
    one, two = load("Receiver", TAKEN), load("Receiver", TAKEN)
    one.pass_on_to(two.address)
    two.pass_on_to(one.address)

    with boa.reverts():
        assets.safeTransferFrom(OWNER.address, one.address, asset, sender=OWNER.address, gas=3_000_000)
    assert assets.ownerOf(asset) == OWNER.address
    assert assets.manifest(asset) == digest("one")
