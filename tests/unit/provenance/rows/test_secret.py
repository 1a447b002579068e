"""Salts and keys from one secret."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from counterfoil.core.ecvrf import gamma_of, prove, verify
from counterfoil.core.rows import id_input, tag_of
from counterfoil.errors import HomeDamaged
from counterfoil.provenance.rows.ids import Tagger
from counterfoil.provenance.rows.secret import RowsSecret

SECRET = RowsSecret(bytes(range(32)))


def test_a_salt_is_the_cipher_of_its_number():
    encryptor = Cipher(algorithms.AES(SECRET._salt_key), modes.ECB()).encryptor()
    for number in (0, 1, 70_000):
        assert SECRET.salts(number, 1) == encryptor.update(number.to_bytes(16))


def test_salts_come_in_any_pieces():
    whole = SECRET.salts(0, 100)
    assert SECRET.salts(0, 37) + SECRET.salts(37, 63) == whole
    assert b"".join(each.as_py() for each in SECRET.salt_column(5, 20)) == whole[80:400]
    assert len({whole[at : at + 16] for at in range(0, 1600, 16)}) == 100


def test_tags_are_those_that_proofs_lead_to():
    tagger = Tagger(SECRET)
    for number in range(40):
        text = f"person {number}"
        proof = prove(SECRET.id_key, id_input(text))
        assert verify(SECRET.id_public, id_input(text), proof)
        assert tagger.tag(text) == tag_of(gamma_of(proof)) == tagger.tag(text)


def test_another_secret_has_other_salts_and_tags():
    other = RowsSecret(bytes(32))
    assert other.salts(0, 4) != SECRET.salts(0, 4)
    assert Tagger(other).tag("a") != Tagger(SECRET).tag("a")
    assert len({RowsSecret.draw().id_public for _ in range(8)}) == 8


def test_it_opens_under_its_key_for_its_rows_only():
    key, root = b"k" * 32, b"r" * 32
    sealed = SECRET.sealed(key, root)
    assert RowsSecret.unsealed(sealed, key, root).id_public == SECRET.id_public
    for wrong in ((sealed, b"K" * 32, root), (sealed, key, b"R" * 32), (sealed[:-1], key, root), (b"", key, root)):
        with pytest.raises(HomeDamaged, match="altered"):
            RowsSecret.unsealed(*wrong)


def test_it_does_not_show_itself():
    assert repr(SECRET) == "RowsSecret(…)"
