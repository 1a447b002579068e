"""What jobs do: each goes on after a crash from what it kept."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, Final

from counterfoil.errors import CounterfoilError, InvalidInput
from counterfoil.market.deals import carry_out_deal
from counterfoil.node.jobs.job import MOST_LISTED, Run, Task
from counterfoil.organisation.bundles import read_show
from counterfoil.provenance.snapshots.api import guarded_source
from counterfoil.provenance.snapshots.shapes import taken_json
from counterfoil.provenance.snapshots.source import Limits

__all__ = ["TASKS"]

KEPT_EVERY: Final = 500
"""Replays between two times that what was found is saved."""


def rebuild(run: Run) -> Mapping[str, Any]:
    """Makes the searchable tables anew; after a crash it goes on where the tables stand."""
    if run.is_resumed:
        run.org.views.catch_up(run.progress)
        return {"records": run.org.archive.size}
    run.keep({})
    return {"records": run.org.rebuild(run.progress)}


def bundle(run: Run) -> Mapping[str, Any]:
    """Writes records, their proofs and chosen fields into one file; after a crash it starts over."""
    path = run.folder / "bundle.zip"
    path.unlink(missing_ok=True)
    asked = _asked(run, "records", "first", "last", "show")
    show = read_show(asked.get("show", ()))
    size = run.org.archive.size  # before anything is read: what is erased later lies behind it
    try:
        if asked.get("records"):
            places = [int(index) for index in asked["records"]]
            written = run.org.bundles.write_records(path, places, show=show, progress=run.progress)
        else:
            end = None if asked.get("last") is None else int(asked["last"]) + 1
            written = run.org.bundles.write_range(
                path, int(asked.get("first") or 0), end, show=show, progress=run.progress
            )
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    path.chmod(0o600)
    counts = {"records": written.records, "shown": written.shown, "withheld": written.withheld}
    return {"file": path.name, "log_size": size} | counts


def replay(run: Run) -> Mapping[str, Any]:
    """Runs registered models again on recorded decisions; after a crash it goes on behind the last one kept."""
    places = _drawn(run)
    counts: dict[str, int] = dict(run.told.get("counts", {}))
    different: list[int] = list(run.told.get("different", ()))
    behind = int(run.told.get("behind", -1))
    left = [place for place in places if place > behind]
    done = len(places) - len(left)
    for number, place in enumerate(left, done + 1):
        word = _replayed(run, place)
        counts[word] = counts.get(word, 0) + 1
        if word == "different" and len(different) < MOST_LISTED:
            different.append(place)
        if number % KEPT_EVERY == 0:
            run.keep({"behind": place, "counts": counts, "different": different})
        run.progress(number, len(places))
    return {"counts": counts, "different": different}


def anchor(run: Run) -> Mapping[str, Any]:
    """Anchors everything recorded so far and waits until that is final; after a crash it goes on by itself."""
    size = run.org.archive.size
    state = run.org.ledger.anchor(progress=lambda state: run.progress(min(state.proven_size, size), size))
    kept = run.org.ledger.keep() if run.arguments.get("keep") else None
    return {"final_size": state.proven_size, "kept": kept, "log_size": state.log_size}


def push(run: Run) -> Mapping[str, Any]:
    """Copies finished parts to the depot, and with `drop` deletes them here; after a crash it goes on with the rest."""
    done = run.org.depot.push(drop=bool(_asked(run, "drop").get("drop")), progress=run.progress)
    return {"freed_bytes": done.freed_bytes, "parts": done.parts, "size_bytes": done.size_bytes}


def fetch(run: Run) -> Mapping[str, Any]:
    """Fetches what was bought on the market into the home, checked; after a crash it goes on where it was."""
    asked = _asked(run, "order")
    order = str(asked.get("order", ""))
    run.keep({"see": f"/market/purchases/{order}"})
    found = run.org.market.fetch(order, run.progress)
    told = {"order": found.order, "see": f"/market/purchases/{found.order}", "title": found.title}
    return told | {"words": f"Here, checked against what was promised: {found.title}."}


def snapshot(run: Run) -> Mapping[str, Any]:
    """Fetches what a source on the web gives and records it; after a crash it starts over."""
    asked = _asked(run, "api", "file_name", "most_bytes", "name", "networks", "notes", "url", "version")
    if not asked.get("name"):
        raise InvalidInput("a snapshot needs a name", hint="ask for it at /api/v1/snapshots")
    taken = run.org.provenance.snapshots.take(
        guarded_source(asked),
        name=str(asked["name"]),
        version=str(asked.get("version", "")),
        notes=asked.get("notes"),
        limits=Limits(most_bytes=int(asked["most_bytes"])),
        progress=run.progress,
    )
    return taken_json(taken)


def trade(run: Run) -> Mapping[str, Any]:
    """Does on the ledger what was agreed to; after a crash it goes on with what was being made, never twice."""
    asked = _asked(run, "deal", "given", "most_wei", "seen")
    if asked.keys() != {"deal", "given", "most_wei", "seen"}:
        raise InvalidInput("a trade needs a deal that was agreed to", hint="begin it on the market's pages")
    kept = dict(run.told)

    def begin(order: str) -> None:
        kept["order"] = order
        run.keep(kept)

    def tell(step: str) -> None:
        run.keep(kept | {"step": step})
        run.progress(0, 0)  # where it can be stopped: what was sent by then is found again

    words, see = carry_out_deal(
        run.org,
        str(asked["deal"]),
        {str(name): str(text) for name, text in asked["given"].items()},
        seen=str(asked["seen"]),
        most_wei=int(asked["most_wei"]),
        begun=kept.get("order"),
        begin=begin,
        tell=tell,
    )
    return {"see": see, "words": words}


TASKS: Final[Mapping[str, Task]] = {
    "anchor": anchor,
    "bundle": bundle,
    "fetch": fetch,
    "push": push,
    "rebuild": rebuild,
    "replay": replay,
    "snapshot": snapshot,
    "trade": trade,
}
"""Every kind of job."""


def _asked(run: Run, *known: str) -> Mapping[str, Any]:
    """Returns what was asked for; whatever is not understood must not turn into all there is.

    Raises:
        InvalidInput: Something else was asked for.
    """
    other = sorted(run.arguments.keys() - set(known))
    if other:
        raise InvalidInput(f"this work knows no {other[0][:40]!r}", hint=f"it knows {', '.join(known)}")
    return run.arguments


def _drawn(run: Run) -> list[int]:
    """Returns the decisions to replay, ascending; the same ones after a crash."""
    asked = _asked(run, "records", "sample", "seed")
    if asked.get("records"):
        return sorted({int(index) for index in asked["records"]})
    top = int(run.told.get("top", run.org.archive.size))
    run.keep({"top": top} | dict(run.told))
    known = run.org.decisions.places(before=top)
    sample = asked.get("sample")
    if sample is None or int(sample) >= len(known):
        return known
    chosen = random.Random(int(asked.get("seed", 0)))  # noqa: S311 - a draw to repeat, not a secret
    return sorted(chosen.sample(known, int(sample)))


def _replayed(run: Run, place: int) -> str:
    """Returns in a word or two what running the model again found."""
    try:
        report = run.org.decisions.replay(place)
    except CounterfoilError:
        return "not replayed"
    if not report.is_intact:
        return "different"
    compared = any(str(step.status) == "passed" for step in report.steps[1:])
    return "as recorded" if compared else "not comparable"
