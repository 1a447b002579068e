"""The data of a job as a file or folder of this machine, wherever it lies."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from counterfoil.errors import LogUnavailable
from counterfoil.market.selling.goods import Goods

__all__ = ["laid_out"]

_PIECE_BYTES: Final = 1 << 20


@contextmanager
def laid_out(goods: Goods, root: str, name: str, scratch: Path) -> Iterator[Path]:
    """Yields where a content lies; what is no file of this machine is copied into a private folder meanwhile.

    Args:
        goods: Knows where contents lie.
        root: Of the content, hex; it is held against the data by whoever reads them.
        name: Of the file, as the offer sheet has it.
        scratch: Folder for copies.

    Raises:
        NotFound: It is gone.
        LogUnavailable: The disk refuses the copy.
    """
    place = goods.place(root)
    if place.kind == "path":
        yield Path(place.where)
        return
    folder = Path(tempfile.mkdtemp(prefix="data-", dir=scratch))
    try:
        path, offset, buffer = folder / name, 0, bytearray(_PIECE_BYTES)
        with closing(goods.open(place)) as source, path.open("wb") as file:
            while count := source.read_into(
                offset, memoryview(buffer)[: min(_PIECE_BYTES, source.size_bytes - offset)]
            ):
                file.write(memoryview(buffer)[:count])
                offset += count
        yield path
    except OSError as error:
        raise LogUnavailable(
            f"a job's data cannot be laid out: {error.strerror}", hint="free some disk space"
        ) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
