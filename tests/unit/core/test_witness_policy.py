"""The witness policy: what is a whole one, and which witnesses are enough."""

from __future__ import annotations

import itertools

import pytest
from making import signer
from serving_witness import witness_signer

from counterfoil.core.note import COSIGNATURE, ED25519, VerifierKey
from counterfoil.core.witness_policy import MAX_OF_EACH, MAX_POLICY_BYTES, WitnessPolicy
from counterfoil.errors import InvalidInput

LOG = str(signer().key)
W = [str(witness_signer(number).key) for number in range(MAX_OF_EACH + 1)]

TWO_LEVELS = f"""
# a remark
log {LOG} https://bank.example/log

witness X1 {W[1]} https://x1.example/
witness X2\t{W[2]}
  witness X3 {W[3]}
group X 2 X1 X2 X3
witness Y1 {W[4]}
witness Y2 {W[5]}
group Y any Y1 Y2
group both all X Y
quorum both
"""


def parse(text: str) -> WitnessPolicy:
    return WitnessPolicy.parse(text.encode())


def test_a_policy_of_two_levels() -> None:
    policy = parse(TWO_LEVELS)
    assert [each.name for each in policy.witnesses] == ["X1", "X2", "X3", "Y1", "Y2"]
    assert policy.witnesses[0].url == "https://x1.example/"
    assert policy.logs[0].key == signer().key
    assert policy.wanted() == "2 of (2 of X1, X2, X3), (1 of Y1, Y2)"


def test_who_is_enough_in_every_case() -> None:
    policy = parse(TWO_LEVELS)
    names = [each.name for each in policy.witnesses]
    for count in range(6):
        for seen in itertools.combinations(names, count):
            xs, ys = sum(name[0] == "X" for name in seen), sum(name[0] == "Y" for name in seen)
            assert policy.is_met(seen) == (xs >= 2 and ys >= 1), seen


def test_strangers_and_groups_called_like_witnesses_do_not_count() -> None:
    policy = parse(TWO_LEVELS)
    assert not policy.is_met(["X", "Y", "both", "Z", "X1"])


def test_one_witness_may_be_the_quorum() -> None:
    policy = parse(f"witness A {W[1]}\nquorum A\n")
    assert policy.is_met(["A"])
    assert not policy.is_met([])
    assert policy.wanted() == "A"


def test_a_group_of_one_reads_like_its_member() -> None:
    assert parse(f"witness A {W[1]}\ngroup g all A\nquorum g\n").wanted() == "A"


def test_no_quorum_is_met_by_nobody() -> None:
    policy = parse("quorum none\n")
    assert policy.asks_for_none
    assert policy.is_met([])
    assert policy.wanted() == "nobody"


def test_what_is_written_reads_back() -> None:
    policy = parse(TWO_LEVELS)
    assert parse(policy.text()) == policy


def test_names_are_compared_letter_by_letter() -> None:
    kelvin = "\N{KELVIN SIGN}"
    policy = parse(f"witness K {W[1]}\nwitness {kelvin} {W[2]}\nquorum {kelvin}\n")
    assert policy.is_met([kelvin])
    assert not policy.is_met(["K"])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum line"),
        (f"witness A {W[1]}\n", "no quorum line"),
        ("quorum A\n", "not defined above"),
        (f"quorum A\nwitness A {W[1]}\n", "not defined above"),
        ("quorum none\nquorum none\n", "quorum line already"),
        ("quorum none none\n", "another form"),
        ("quarum none\n", "no line starts with 'quarum'"),
        (f"witness A {W[1]} https://a.example more\nquorum A\n", "another form"),
        (f"witness {W[1]}\nquorum none\n", "another form"),
        (f"witness A {W[1]}\nwitness A {W[2]}\nquorum A\n", "taken"),
        (f"witness A {W[1]}\nwitness B {W[1]}\nquorum A\n", "same key"),
        (f"witness none {W[1]}\nquorum none\n", "taken"),
        (f"log {LOG}\nlog {LOG}\nquorum none\n", "same key"),
        (f"log {W[1]}\nquorum none\n", "of type 4"),
        (f"witness A {LOG}\nquorum A\n", "of type 1"),
        (f"witness A {W[1][:-1]}\nquorum A\n", "public key"),
        (f"witness A {W[1]}\ngroup g 0 A\nquorum g\n", "cannot ask for '0'"),
        (f"witness A {W[1]}\ngroup g 2 A\nquorum g\n", "cannot ask for '2'"),
        (f"witness A {W[1]}\ngroup g 01 A\nquorum g\n", "cannot ask for '01'"),
        (f"witness A {W[1]}\ngroup g +1 A\nquorum g\n", "cannot ask for"),
        (f"witness A {W[1]}\ngroup g \u0661 A\nquorum g\n", "cannot ask for"),
        (f"witness A {W[1]}\ngroup g all\nquorum g\n", "another form"),
        (f"witness A {W[1]}\ngroup g all B\nquorum g\n", "not defined above"),
        (f"witness A {W[1]}\ngroup g all g\nquorum g\n", "not defined above"),
        (f"witness A {W[1]}\ngroup g 1 A A\nquorum g\n", "in a group already"),
        (f"witness A {W[1]}\ngroup g any A\ngroup h any A\nquorum g\n", "in a group already"),
        (f"witness A {W[1]}\ngroup A any A\nquorum A\n", "taken"),
        (f"witness A {W[1]}\ngroup none any A\nquorum none\n", "taken"),
        ("group g all none\nquorum g\n", "not defined above"),
        ("quorum none\r\n", "control characters"),
        ("quorum\x00none\n", "control characters"),
        ("# \x7f\nquorum none\n", "control characters"),
        ("#" * (MAX_POLICY_BYTES + 1), "larger than"),
        ("".join(f"witness w{n} {W[n]}\n" for n in range(MAX_OF_EACH + 1)) + "quorum none\n", "more than 64"),
    ],
)
def test_what_is_not_a_whole_policy_is_refused(text: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=why):
        parse(text)


def test_bytes_that_are_no_text_are_refused() -> None:
    with pytest.raises(InvalidInput, match="UTF-8"):
        WitnessPolicy.parse(b"# \xff\nquorum none\n")


def test_a_fault_names_its_line() -> None:
    with pytest.raises(InvalidInput, match="line 3"):
        parse("# one\n\nwhat is this\n")


def test_one_key_under_two_names_counts_once() -> None:
    key = VerifierKey("other.example", COSIGNATURE, witness_signer(1).key.public)
    with pytest.raises(InvalidInput, match="same key"):
        parse(f"witness A {W[1]}\nwitness B {key}\nquorum A\n")


def test_as_many_witnesses_as_are_allowed() -> None:
    text = "".join(f"witness w{n} {W[n]}\n" for n in range(MAX_OF_EACH))
    policy = parse(text + "group g all " + " ".join(f"w{n}" for n in range(MAX_OF_EACH)) + "\nquorum g\n")
    assert policy.is_met([f"w{n}" for n in range(MAX_OF_EACH)])
    assert not policy.is_met([f"w{n}" for n in range(MAX_OF_EACH - 1)])


def test_the_type_of_a_log_key_is_the_one_heads_are_signed_with() -> None:
    assert parse(f"log {LOG}\nquorum none\n").logs[0].key.kind == ED25519
