"""Files that come in over HTTP: on disk as they arrive, never whole in memory, and gone when they were dealt with."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from fastapi import Request
from starlette.requests import ClientDisconnect

from counterfoil.errors import InvalidInput, LogUnavailable
from counterfoil.web.multipart import PartFiles

__all__ = ["emptied", "new_scratch", "received", "received_parts", "scratch"]


def emptied(folder: Path) -> Path:
    """Makes a folder for `received`, without what a crash may have left there."""
    with _naming_faults():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def new_scratch(folder: Path) -> Path:
    """Makes a new folder below `folder`, which the caller removes."""
    with _naming_faults():
        return Path(tempfile.mkdtemp(dir=folder))


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """Yields a new folder below `folder`, and removes it with all that is in it."""
    made = new_scratch(folder)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@asynccontextmanager
async def received(
    request: Request, folder: Path, name: str, arrived: Callable[[int], None] = lambda _size: None
) -> AsyncIterator[Path]:
    """Yields the body of a request as a file.

    Args:
        request: Its body was not read yet; `request.state.most_body_bytes` limits it.
        folder: Where the file lies meanwhile.
        name: The file's own name; never one that the caller chose.
        arrived: Told the size of every piece, before it is written.

    Raises:
        InvalidInput: The body is empty.
        LogUnavailable: The disk refuses.
    """
    with scratch(folder) as made:
        path = made / name
        with _naming_faults(), path.open("wb") as file:
            async for chunk in _pieces(request, arrived):
                file.write(chunk)
        if not path.stat().st_size:
            raise InvalidInput("the body is empty", hint="send the file's bytes as the body")
        yield path


@asynccontextmanager
async def received_parts(
    request: Request, folder: Path, names: Mapping[str, str], arrived: Callable[[int], None] = lambda _size: None
) -> AsyncIterator[dict[str, Path]]:
    """Yields the files of a body of several parts (multipart/form-data), by the parts' names.

    Args:
        request: As for `received`.
        folder: Where the files lie meanwhile.
        names: The files' own names, by the names that parts may have.
        arrived: As for `received`.

    Raises:
        InvalidInput: The body cannot be taken apart, or has other parts.
        LogUnavailable: The disk refuses.
    """
    with scratch(folder) as made:
        parts = PartFiles(request.headers.get("content-type", ""), made, names)
        try:
            with _naming_faults():
                async for chunk in _pieces(request, arrived):
                    parts.take(chunk)
            parts.finish()
        finally:
            parts.close()
        yield parts.paths


async def _pieces(request: Request, arrived: Callable[[int], None]) -> AsyncGenerator[bytes, None]:
    """Yields the body as it comes in."""
    try:
        async for chunk in request.stream():
            arrived(len(chunk))
            yield chunk
    except RuntimeError as error:  # read before, to find the token that a page's form has to carry
        raise InvalidInput("the body is a page's form", hint="send the file's bytes as the body") from error
    except ClientDisconnect as error:  # nobody is there to be told, and it is no fault of the node's
        raise InvalidInput("the body broke off", hint="send it again") from error


@contextmanager
def _naming_faults() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise LogUnavailable(
            f"the file could not be taken in: {error.strerror or error}", hint="free some disk space, then try again"
        ) from error
