"""Any passport: it reads back from JSON and TOML, and no change to its file gets through."""

from __future__ import annotations

import string
from dataclasses import replace

from hypothesis import example, given, settings
from hypothesis import strategies as st
from making import BankLog, signer
from making_passports import fingerprint_of_bytes, handed_out, whole_passport

from counterfoil.core import canonical
from counterfoil.core.check_passport import check_passport
from counterfoil.errors import CounterfoilError
from counterfoil.provenance.passports.countries import COUNTRIES
from counterfoil.provenance.passports.croissant import croissant_of
from counterfoil.provenance.passports.croissant_import import from_croissant
from counterfoil.provenance.passports.parts import BASES, ROLES, Consent, Parent, Party, Transformation
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.toml_form import passport_toml, read_toml

KEY = signer().key
DATA = b"a,b\n1,x\n2,y\n"
DIGESTS = st.text("0123456789abcdef", min_size=64, max_size=64)
WORDS = st.text(min_size=1, max_size=60).map(
    lambda text: " ".join("".join(sign for sign in text if sign.isprintable()).split())
)
NAMES = WORDS.filter(bool)


@st.composite
def passports(draw: st.DrawFn) -> Passport:
    parties = st.builds(Party, NAMES, st.sampled_from(ROLES[1:]), contact=WORDS)
    parents = st.builds(Parent, NAMES, WORDS, sha256=DIGESTS)
    made = st.builds(
        Transformation, WORDS, code=DIGESTS, seed=WORDS, parameters=st.dictionaries(NAMES, WORDS, max_size=3)
    )
    base = whole_passport()
    return replace(
        base,
        who=(base.who[0], *draw(st.lists(parties, max_size=3))),
        purpose=draw(NAMES),
        consent=Consent(draw(st.sampled_from(BASES)), draw(WORDS)),
        jurisdiction=tuple(draw(st.lists(st.sampled_from(sorted(COUNTRIES)), min_size=1, max_size=3))),
        parents=tuple(draw(st.lists(parents, max_size=3))),
        transformation=draw(st.none() | made),
        notes=draw(WORDS),
    )


@given(passports())
@settings(max_examples=60)
def test_it_reads_back_as_it_was(passport: Passport) -> None:
    plain = canonical.loads(canonical.dumps(passport.to_json()))
    read = Passport.read(plain)
    assert read.to_json() == plain
    assert read_toml(passport_toml(read).encode()) == read
    passport.require_whole()


@given(passports(), st.data())
@settings(max_examples=60)
def test_no_single_change_gets_through(passport: Passport, data: st.DataObject) -> None:
    fingerprint = fingerprint_of_bytes({"people.csv": DATA})
    encoded = handed_out(passport, fingerprint, BankLog()).encode()
    assert check_passport(encoded, issuer=KEY).is_intact
    for _ in range(20):
        place, bits = data.draw(st.integers(0, len(encoded) - 1)), data.draw(st.integers(1, 255))
        changed = data.draw(
            st.sampled_from(
                [
                    encoded[:place] + bytes([encoded[place] ^ bits]) + encoded[place + 1 :],
                    encoded[:place] + encoded[place + 1 :],
                    encoded[:place] + bytes([bits]) + encoded[place:],
                ]
            )
        )
        # White space behind the end is an editor's, and says nothing.
        assert changed.rstrip() == encoded or not check_passport(changed, issuer=KEY).is_intact


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(string.printable, max_size=20),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    ),
    st.sampled_from(sorted(croissant_of(whole_passport()))),
)
@settings(max_examples=150)
@example("0:", "license")
@example("https://spdx.org/licenses/a b:", "license")
@example("https://creativecommons.org/licenses/b y/4 0/", "license")
def test_a_croissant_member_of_any_type_never_breaks_the_import(value: object, key: str) -> None:
    told = croissant_of(whole_passport()) | {key: value}
    issuer = whole_passport().who[0]
    try:
        found = from_croissant(canonical.dumps(told), issuer)
    except CounterfoilError:
        return
    assert read_toml(passport_toml(found.passport).encode()) == Passport.read(found.passport.to_json())
