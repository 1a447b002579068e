"""The Evidence contract against a model in Python: owners, writers, heads, kept heads and convictions in any order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import boa
from contract.evidence.harness import LOG_KEY, NOBODY, Account, Tree, deploy
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

ACCOUNTS = [Account(name) for name in ("a", "b", "c")]
LARGEST = 20
TREES = {tag: Tree.of(LARGEST, tag) for tag in ("", "fork ")}
LOGS = ("one", "two")

accounts = st.sampled_from(ACCOUNTS)
logs = st.sampled_from(LOGS)
tags = st.sampled_from(sorted(TREES))
numbers = st.integers(0, LARGEST)


@dataclass
class Model:
    """What a log must be."""

    owner: str
    writer: str
    signers: set[str]
    offered_owner: str = NOBODY
    offered_writer: str = NOBODY
    size: int = 0
    root: bytes = bytes(32)
    time: int = 0
    kept: dict[int, bytes] = field(default_factory=dict)
    is_convicted: bool = False


class EvidenceMachine(RuleBasedStateMachine):
    """Each rule works out what must happen, then sees it happen."""

    def __init__(self) -> None:
        super().__init__()
        self.anchor = boa.env.anchor()
        self.anchor.__enter__()
        self.evidence = deploy()
        self.models: dict[str, Model] = {}
        self.ids = {name: self.evidence.log_id_of(ACCOUNTS[0].address, name) for name in LOGS}

    def teardown(self) -> None:
        self.anchor.__exit__(None, None, None)

    def call(self, is_allowed: bool, function: str, *arguments: Any, by: Account) -> bool:
        """Calls, and holds what happens against what must happen."""
        boa.env.time_travel(seconds=1)
        try:
            getattr(self.evidence, function)(*arguments, sender=by.address)
        except boa.BoaError:
            assert not is_allowed
        else:
            assert is_allowed
        return is_allowed

    @initialize(writer=accounts, signer=accounts)
    def begin(self, writer: Account, signer: Account) -> None:
        self.open("one", writer, signer)

    @rule(name=logs, writer=accounts, signer=accounts)
    def open(self, name: str, writer: Account, signer: Account) -> None:
        by = ACCOUNTS[0]
        if self.call(name not in self.models, "open", name, LOG_KEY, writer.address, signer.address, by=by):
            self.models[name] = Model(by.address, writer.address, {signer.address})

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, other=accounts | st.none())
    def offer(self, data: st.DataObject, by: Account, other: Account | None) -> None:
        log_id, model = self.pick(data)
        address = other.address if other else NOBODY
        what = data.draw(st.sampled_from(["offer_owner", "offer_writer"]))
        if self.call(model.owner == by.address, what, log_id, address, by=by):
            if what == "offer_owner":
                model.offered_owner = address
            else:
                model.offered_writer = address

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts)
    def accept_owner(self, data: st.DataObject, by: Account) -> None:
        log_id, model = self.pick(data)
        if self.call(model.offered_owner == by.address, "accept_owner", log_id, by=by):
            model.owner, model.offered_owner, model.offered_writer = by.address, NOBODY, NOBODY

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts)
    def accept_writer(self, data: st.DataObject, by: Account) -> None:
        log_id, model = self.pick(data)
        if self.call(model.offered_writer == by.address, "accept_writer", log_id, by=by):
            model.writer, model.offered_writer = by.address, NOBODY

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts)
    def revoke_writer(self, data: st.DataObject, by: Account) -> None:
        log_id, model = self.pick(data)
        if self.call(model.owner == by.address, "revoke_writer", log_id, by=by):
            model.writer = model.offered_writer = NOBODY

    @precondition(lambda self: self.models)
    @rule(data=st.data(), by=accounts, signer=accounts)
    def name_signer(self, data: st.DataObject, by: Account, signer: Account) -> None:
        log_id, model = self.pick(data)
        if self.call(model.owner == by.address, "name_signer", log_id, signer.address, by=by):
            model.signers.add(signer.address)

    @precondition(lambda self: self.models)
    @rule(data=st.data(), tag=tags, size=numbers, is_writer=st.booleans(), is_true_proof=st.booleans())
    def anchor_head(self, data: st.DataObject, tag: str, size: int, is_writer: bool, is_true_proof: bool) -> None:
        log_id, model = self.pick(data)
        writer = next((account for account in ACCOUNTS if account.address == model.writer), None)
        by = writer if writer and is_writer else data.draw(accounts)
        root = TREES[tag].root(size) if size else bytes(32)
        proof = TREES[tag].consistency(model.size, size) if 0 < model.size <= size else []
        extends = size > 0 and (model.size == 0 or (size >= model.size and TREES[tag].root(model.size) == model.root))
        if not is_true_proof:
            proof, extends = [*proof, bytes(32)], False
        if self.call(by.address == model.writer and extends, "anchor", log_id, size, root, proof, by=by):
            model.size, model.root, model.time = size, root, boa.env.timestamp

    @precondition(lambda self: self.models)
    @rule(data=st.data(), tag=tags, size=numbers, by=accounts)
    def keep_head(self, data: st.DataObject, tag: str, size: int, by: Account) -> None:
        log_id, model = self.pick(data)
        is_beginning = 0 < size <= model.size and TREES[tag].root(model.size) == model.root
        root = TREES[tag].root(size) if size else bytes(32)
        proof = TREES[tag].consistency(size, model.size) if 0 < size <= model.size else []
        if self.call(is_beginning, "keep", log_id, size, root, proof, by=by):
            model.kept[size] = root

    @precondition(lambda self: self.models)
    @rule(data=st.data(), size=st.integers(1, LARGEST), signer=accounts, roots=st.tuples(tags, tags), by=accounts)
    def judge(self, data: st.DataObject, size: int, signer: Account, roots: tuple[str, str], by: Account) -> None:
        log_id, model = self.pick(data)
        a, b = (TREES[tag].root(size) for tag in roots)
        signed = [value for root in (a, b) for value in (root, self.sign(log_id, size, root, signer))]
        is_guilty = signer.address in model.signers and a != b
        if self.call(is_guilty, "judge", log_id, size, signer.address, *signed, by=by):
            model.is_convicted = True

    @precondition(lambda self: self.models)
    @rule(data=st.data(), tag=tags, size=numbers, signer=accounts, by=accounts)
    def judge_anchored(self, data: st.DataObject, tag: str, size: int, signer: Account, by: Account) -> None:
        log_id, model = self.pick(data)
        root = TREES[tag].root(size) if size else bytes(32)
        anchored = model.root if size == model.size else model.kept.get(size, bytes(32))
        is_guilty = signer.address in model.signers and anchored not in (bytes(32), root)
        signature = self.sign(log_id, size, root, signer)
        if self.call(is_guilty, "judge_anchored", log_id, size, signer.address, root, signature, by=by):
            model.is_convicted = True

    def pick(self, data: st.DataObject) -> tuple[bytes, Model]:
        name = data.draw(st.sampled_from(sorted(self.models)))
        return self.ids[name], self.models[name]

    def sign(self, log_id: bytes, size: int, root: bytes, signer: Account) -> bytes:
        return signer.sign(self.evidence.hash_head(log_id, size, root))

    @invariant()
    def is_what_the_model_says(self) -> None:
        for name, model in self.models.items():
            log_id = self.ids[name]
            assert self.evidence.owner(log_id) == model.owner
            assert self.evidence.writer(log_id) == model.writer
            assert self.evidence.pending_owner(log_id) == model.offered_owner
            assert self.evidence.pending_writer(log_id) == model.offered_writer
            assert self.evidence.head(log_id) == (model.size, model.root, model.time)
            assert self.evidence.equivocated(log_id) == model.is_convicted
            for size, root in model.kept.items():
                assert self.evidence.kept(log_id, size) == root


EvidenceMachine.TestCase.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking would take minutes
    suppress_health_check=[HealthCheck.too_slow],
)
TestEvidence = EvidenceMachine.TestCase
