"""The Assets contract against a model in Python: owners, approvals, roles, versions and states in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import boa
from contract.assets.harness import NOBODY, OPERATOR, PUBLISHER, Account, deploy, digest, id_of
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

ACCOUNTS = [Account(name) for name in ("a", "b", "c", "d")]
TEXTS = ("one", "two", "three")
ALL = 7

accounts = st.sampled_from(ACCOUNTS)
texts = st.sampled_from(TEXTS)
uris = st.sampled_from(["", "u", "u" * 32, "u" * 33, "u" * 128])


@dataclass
class Model:
    """What an asset must be. Where no receiver is named, its owner is it."""

    owner: str
    kind: int
    manifest: bytes
    uri: str
    royalty_bps: int
    receiver: str | None = None
    version: int = 1
    state: int = 0
    approved: str = NOBODY
    roles: dict[str, int] = field(default_factory=dict)

    def may(self, account: str, role: int) -> bool:
        return account == self.owner or self.roles.get(account, 0) & role == role


class AssetsMachine(RuleBasedStateMachine):
    """Each rule works out what must happen, then sees it happen."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.assets = deploy()
        self.models: dict[int, Model] = {}
        self.operators: set[tuple[str, str]] = set()

    def teardown(self) -> None:
        self.anchor.__exit__(None, None, None)

    def call(self, is_allowed: bool, function: str, *arguments: Any, by: Account) -> bool:
        """Calls, and holds what happens against what must happen."""
        try:
            getattr(self.assets, function)(*arguments, sender=by.address)
        except boa.BoaError:
            assert not is_allowed
        else:
            assert is_allowed
        return is_allowed

    @initialize(by=accounts)
    def begin(self, by: Account) -> None:
        self.register(by, "one", "u", 1, 250)

    @rule(by=accounts, text=texts, uri=uris, kind=st.integers(0, 3), bps=st.sampled_from([0, 250, 1_000, 1_001]))
    def register(self, by: Account, text: str, uri: str, kind: int, bps: int) -> None:
        asset = id_of(by, digest(text))
        is_allowed = asset not in self.models and kind > 0 and bps <= 1_000
        if self.call(is_allowed, "register", kind, digest(text), uri, bps, [], by=by):
            self.models[asset] = Model(by.address, kind, digest(text), uri, bps)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, text=texts, picked=st.lists(st.integers(0, 9), max_size=3))
    def derive(self, data: st.DataObject, by: Account, text: str, picked: list[int]) -> None:
        known = sorted(self.models)
        parents = [known[place] if place < len(known) else place for place in picked]
        asset = id_of(by, digest(text))
        is_ordered = all(low < high for low, high in pairwise(parents))
        is_allowed = asset not in self.models and is_ordered and set(parents) <= self.models.keys()
        if self.call(is_allowed, "register", 1, digest(text), "", 0, parents, by=by):
            self.models[asset] = Model(by.address, 1, digest(text), "", 0)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, text=texts, uri=uris)
    def publish(self, data: st.DataObject, by: Account, text: str, uri: str) -> None:
        asset, model = self.pick(data)
        is_allowed = model.may(by.address, PUBLISHER) and digest(text) != model.manifest
        if self.call(is_allowed, "publish", asset, digest(text), uri, by=by):
            model.manifest, model.uri, model.version = digest(text), uri, model.version + 1

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, uri=uris)
    def set_uri(self, data: st.DataObject, by: Account, uri: str) -> None:
        asset, model = self.pick(data)
        if self.call(model.may(by.address, PUBLISHER), "set_uri", asset, uri, by=by):
            model.uri = uri

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, state=st.integers(0, 4))
    def set_state(self, data: st.DataObject, by: Account, state: int) -> None:
        asset, model = self.pick(data)
        if self.call(model.may(by.address, OPERATOR) and state <= 3, "set_state", asset, state, by=by):
            model.state = state

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, other=accounts, roles=st.integers(0, ALL + 1))
    def set_roles(self, data: st.DataObject, by: Account, other: Account, roles: int) -> None:
        asset, model = self.pick(data)
        if self.call(by.address == model.owner and roles <= ALL, "set_roles", asset, other.address, roles, by=by):
            model.roles[other.address] = roles

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, other=accounts | st.none())
    def assign_royalty(self, data: st.DataObject, by: Account, other: Account | None) -> None:
        asset, model = self.pick(data)
        to = other.address if other else NOBODY
        if self.call(
            by.address == (model.receiver or model.owner) and to != NOBODY, "assign_royalty", asset, to, by=by
        ):
            model.receiver = to

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, other=accounts | st.none())
    def approve(self, data: st.DataObject, by: Account, other: Account | None) -> None:
        asset, model = self.pick(data)
        to = other.address if other else NOBODY
        is_allowed = by.address == model.owner or (model.owner, by.address) in self.operators
        if self.call(is_allowed, "approve", to, asset, by=by):
            model.approved = to

    @rule(by=accounts, other=accounts, is_approved=st.booleans())
    def set_operator(self, by: Account, other: Account, is_approved: bool) -> None:
        self.call(True, "setApprovalForAll", other.address, is_approved, by=by)
        (self.operators.add if is_approved else self.operators.discard)((by.address, other.address))

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, sender=accounts | st.none(), to=accounts | st.none(), is_safe=st.booleans())
    def transfer(
        self, data: st.DataObject, by: Account, sender: Account | None, to: Account | None, is_safe: bool
    ) -> None:
        asset, model = self.pick(data)
        before = sender.address if sender else model.owner
        after = to.address if to else NOBODY
        may = by.address in (model.owner, model.approved) or (model.owner, by.address) in self.operators
        function = "safeTransferFrom" if is_safe else "transferFrom"
        is_allowed = may and before == model.owner and after != NOBODY
        if self.call(is_allowed, function, before, after, asset, by=by):
            if model.royalty_bps:
                model.receiver = model.receiver or model.owner
            model.owner, model.approved, model.roles = after, NOBODY, {}

    def pick(self, data: st.DataObject) -> tuple[int, Model]:
        asset = data.draw(st.sampled_from(sorted(self.models)))
        return asset, self.models[asset]

    @invariant()
    def is_what_the_model_says(self) -> None:
        for asset, model in self.models.items():
            held = (model.owner, model.state, model.kind, model.version, model.royalty_bps)
            assert self.assets.asset(asset) == held
            assert self.assets.ownerOf(asset) == model.owner
            assert (self.assets.manifest(asset), self.assets.tokenURI(asset)) == (model.manifest, model.uri)
            assert self.assets.getApproved(asset) == model.approved
            assert self.assets.royaltyInfo(asset, 10_000) == (model.receiver or model.owner, model.royalty_bps)
            for account in ACCOUNTS:
                assert self.assets.roles(asset, account.address) == model.roles.get(account.address, 0)
        for account in ACCOUNTS:
            owned = sum(model.owner == account.address for model in self.models.values())
            assert self.assets.balanceOf(account.address) == owned


AssetsMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow],
)
TestAssets = AssetsMachine.TestCase
