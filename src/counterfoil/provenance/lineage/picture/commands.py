"""`counterfoil lineage show`: what a record came from and what it reached."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from counterfoil.core.wording import counted
from counterfoil.errors import InvalidInput
from counterfoil.store.new_file import require_new

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.provenance import Provenance

__all__ = ["show"]

_LISTED: Final = 12
"""So many other versions are named, the newest of them."""

PATH: Final = click.Path(path_type=Path)


@click.command()
@click.argument(
    "wanted", metavar="NAME|INDEX", help="A dataset or model by NAME or NAME@VERSION, or any record by its place."
)
@click.option("--back", is_flag=True, help="Only what it came from.")
@click.option("--forth", is_flag=True, help="Only what it reached.")
@click.option("--depth", type=click.IntRange(0), metavar="STEPS", help="How many steps to go; all by default.")
@click.option("--to", "other", metavar="NAME|INDEX", help="How it reaches this other record: the shortest ways.")
@click.option("--svg", type=PATH, metavar="FILE", help="Also draw it, into a new file.")
@click.pass_obj
def show(
    session: Session, wanted: str, back: bool, forth: bool, depth: int | None, other: str | None, svg: Path | None
) -> None:
    """Show what a record came from and what it reached, and how well each step is known.

    `declared`: it was told. `re-derived`: this home ran the run again, and the same came
    out. `differs`: something else came out.
    """
    from counterfoil.provenance.lineage.picture.picture import picture_of
    from counterfoil.provenance.lineage.picture.picture_file import picture_file
    from counterfoil.provenance.lineage.picture.shapes import graph_json
    from counterfoil.provenance.lineage.picture.tree import tree_lines
    from counterfoil.provenance.lineage.wanted import place_of

    if other is not None and (back or forth or depth is not None or svg is not None):
        raise InvalidInput("--to shows ways, and nothing else", hint="leave --back, --forth, --depth and --svg out")
    require_new(svg)
    both = back == forth
    with session.open() as org:
        place = place_of(org.provenance, wanted)
        if other is not None:
            _show_ways(session, org.provenance, place, place_of(org.provenance, other))
            return
        found = org.provenance.lineage.graph(place, back=back or both, forth=forth or both, depth=depth)
        recalled = org.provenance.recalls.held(node.index for node in found.nodes)
        others = _other_versions(org.provenance, wanted)
    lines = list(tree_lines(found, place, back=back or both, forth=forth or both, recalled=recalled))
    if others:
        lines.append(f"Other versions: {', '.join(others)}.")
    if svg is not None:
        with svg.open("xb") as file:
            file.write(picture_file(picture_of(found, place, recalled=recalled)))
        lines.append(f"Drawn: {svg}.")
    session.emit(graph_json(found), lines)


def _other_versions(provenance: Provenance, wanted: str) -> list[str]:
    """Returns the older versions of a name, of which the newest was taken; none where it was not asked for by name."""
    named = provenance.datasets(wanted) or provenance.models(wanted)
    older = [f"{each.record.name} {each.record.version}" for each in named[:-1]]
    return older if len(older) <= _LISTED else ["…", *older[-_LISTED:]]


def _show_ways(session: Session, provenance: Provenance, start: int, end: int) -> None:
    from counterfoil.provenance.lineage.picture.shapes import way_json
    from counterfoil.provenance.lineage.picture.tree import way_lines

    ways = provenance.lineage.paths(start, end)
    lines = [f"Record {start} does not reach record {end}: nothing on record leads from one to the other."]
    if ways:
        lines = [f"{counted(len(ways), 'shortest way')} of {counted(len(ways[0].edges), 'step')}:"]
        recalled = provenance.recalls.held(node.index for way in ways for node in way.nodes)
        lines += [line for way in ways for line in way_lines(way, recalled)]
    session.emit({"paths": [way_json(each) for each in ways]}, lines)
