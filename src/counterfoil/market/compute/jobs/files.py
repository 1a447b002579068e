"""What a job brings and leaves on this machine, in a folder of its own, until it is over.

algorithm.tar      the algorithm as it came, named by its digest in the specification
publication.json   the publisher's document, where there is one
run.json           what is known of the run when it has ended
log                the job's log, for the owner alone
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from counterfoil.errors import HomeDamaged, LogUnavailable, NotFound
from counterfoil.store.durable import replace_file

__all__ = ["JobFiles"]


class JobFiles:
    """The folders of one home's jobs.

    Args:
        folder: Where they are; made at first use.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def put_algorithm(self, order: str, packed: bytes, publication: bytes) -> None:
        """Keeps what a job runs, durably."""
        self._put(order, "publication.json", publication)
        self._put(order, "algorithm.tar", packed)

    def algorithm(self, order: str) -> tuple[bytes, bytes]:
        """Returns the algorithm as it came, and the publisher's document, empty without one.

        Raises:
            NotFound: The job brought none, or is over.
        """
        return self._get(order, "algorithm.tar"), self._get(order, "publication.json")

    def put_run(self, order: str, told: Mapping[str, Any], log: bytes) -> None:
        """Keeps what is known of a run that has ended, durably."""
        self._put(order, "log", log)
        self._put(order, "run.json", json.dumps(told).encode())

    def run(self, order: str) -> dict[str, Any]:
        """Returns what is known of a run that has ended (NotFound where none has)."""
        try:
            found: dict[str, Any] = json.loads(self._get(order, "run.json"))
        except ValueError as error:
            raise HomeDamaged("what is known of a job's run cannot be read", hint="restore it from a backup") from error
        return found

    def log(self, order: str) -> bytes:
        """Returns a job's log; it may hold the data, so it is for the owner alone."""
        return self._get(order, "log")

    def put_answer(self, order: str, answer: bytes) -> None:
        """Keeps an answer with noise, which leaves as it is."""
        self._put(order, "answer.json", answer)

    def answer(self, order: str) -> bytes:
        """Returns it (NotFound without one)."""
        return self._get(order, "answer.json")

    def forget_algorithm(self, order: str) -> None:
        """Removes what a job that has run brought; what it left stays."""
        for name in ("algorithm.tar", "publication.json"):
            (self._place(order) / name).unlink(missing_ok=True)

    def forget(self, order: str) -> None:
        """Removes what a job that is over has left."""
        shutil.rmtree(self._place(order), ignore_errors=True)

    def forget_others(self, orders: Collection[str]) -> None:
        """Removes what was begun to be handed in for other orders than these, and never was."""
        if not self._folder.is_dir():
            return
        kept = {order.removeprefix("0x") for order in orders}
        for place in self._folder.iterdir():
            if place.name not in kept:
                shutil.rmtree(place, ignore_errors=True)

    def _put(self, order: str, name: str, data: bytes) -> None:
        place = self._place(order)
        try:
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
            replace_file(place / name, data)
        except OSError as error:
            raise LogUnavailable(
                f"a job's files cannot be kept: {error.strerror}", hint="free some disk space"
            ) from error

    def _get(self, order: str, name: str) -> bytes:
        try:
            return (self._place(order) / name).read_bytes()
        except FileNotFoundError:
            raise NotFound(f"of the job of order {order[:18]}… there is no {name} here") from None
        except OSError as error:
            raise HomeDamaged(f"{name} of a job cannot be read: {error.strerror}") from error

    def _place(self, order: str) -> Path:
        return self._folder / order.removeprefix("0x")
