"""The secret of one commitment: from it come the salts of its rows and the key of its ids.

Every commitment draws its own, so that two versions of a dataset have nothing in common that others could compare, and
so that destroying it closes one version for good. It is kept sealed under the home's key for rows.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from counterfoil.core import p256
from counterfoil.core.rows import SALT_BYTES
from counterfoil.errors import HomeDamaged
from counterfoil.store.sealing import KEY_BYTES, cipher, unwrap, wrap

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["RowsSecret"]

_PURPOSE: Final = b"counterfoil rows"


class RowsSecret:
    """What hides the rows and ids of one commitment.

    Args:
        data: 32 secret bytes.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._salt_key = self._derived(b"counterfoil rows salts 1", KEY_BYTES)
        # 16 bytes more than the order has: what is left of the bias is below 2^-128.
        wide = int.from_bytes(self._derived(b"counterfoil rows vrf 1", KEY_BYTES + 16))
        self.id_key = ec.derive_private_key(wide % (p256.ORDER - 1) + 1, ec.SECP256R1())
        numbers = self.id_key.public_key().public_numbers()
        self.id_public = p256.encode((numbers.x, numbers.y))

    def __repr__(self) -> str:
        return "RowsSecret(…)"

    @classmethod
    def draw(cls) -> Self:
        """Returns a new one."""
        return cls(os.urandom(KEY_BYTES))

    @classmethod
    def unsealed(cls, sealed: bytes, rows_key: bytes, root: bytes) -> Self:
        """Opens what `sealed` returned.

        Raises:
            HomeDamaged: It was altered, or belongs to another commitment.
        """
        data = unwrap(cipher(rows_key), sealed, _PURPOSE + root)
        if data is None or len(data) != KEY_BYTES:
            raise HomeDamaged(
                "the secret of a dataset's rows was altered", hint="restore the folder rows from a backup"
            )
        return cls(data)

    def sealed(self, rows_key: bytes, root: bytes) -> bytes:
        """Returns it closed under the home's key for rows, for the commitment whose rows have this root."""
        return wrap(cipher(rows_key), self._data, _PURPOSE + root)

    def salts(self, first: int, count: int) -> bytes:
        """Returns the salts of rows, 16 bytes each: AES-256 of the row's number under a key of their own."""
        # Counter mode over zeros is just that, a hundred million salts a second.
        stream = Cipher(algorithms.AES(self._salt_key), modes.CTR(first.to_bytes(16))).encryptor()
        return stream.update(bytes(SALT_BYTES * count)) + stream.finalize()

    def salt_column(self, first: int, count: int) -> pa.Array:
        """Returns the same as a column of large binaries."""
        import numpy as np
        import pyarrow as pa

        bounds = np.arange(count + 1, dtype=np.int64) * SALT_BYTES
        buffers = [None, pa.py_buffer(bounds), pa.py_buffer(self.salts(first, count))]
        return pa.Array.from_buffers(pa.large_binary(), count, buffers)

    def _derived(self, info: bytes, size_bytes: int) -> bytes:
        return HKDFExpand(SHA256(), size_bytes, info).derive(self._data)
