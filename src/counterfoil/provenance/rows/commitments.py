"""Commits to the rows of datasets, and proves who is in them and who is not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import select

from counterfoil.core import canonical
from counterfoil.core.check_rows import ROWS_KIND, check_rows_proof
from counterfoil.core.ecvrf import gamma_of, prove
from counterfoil.core.merkle import inclusion_path, is_included
from counterfoil.core.rows import MAX_ID_BYTES, id_input, is_id, tag_of
from counterfoil.core.rows_proof import MAX_PROOF_BYTES, IdProof, RowProof
from counterfoil.core.steps import Report, Step, failed, passed
from counterfoil.core.wording import counted
from counterfoil.errors import HomeDamaged, InvalidInput, NotFound, TooLarge
from counterfoil.provenance.dataset_content import content_sha256
from counterfoil.provenance.datasets import Dataset
from counterfoil.provenance.fingerprints.table_source import table_source
from counterfoil.provenance.rows.building import Trees, build_trees
from counterfoil.provenance.rows.folder import CommitmentFolder, clear_unfinished_folders, new_folder, settle_folders
from counterfoil.provenance.rows.records import RowsRecord
from counterfoil.provenance.rows.secret import RowsSecret
from counterfoil.provenance.rows.shown_rows import shown_rows
from counterfoil.provenance.rows.tag_files import REBUILD, TagFiles
from counterfoil.provenance.rows.views import row_commitments
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["Commitment", "Commitments"]

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Commitment:
    """A commitment to rows and where its record stands."""

    index: int
    leaf: str
    record: RowsRecord


class Commitments:
    """The commitments of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        folder: Where the files of all commitments are.
        rows_key: Returns the key that wraps their secrets.
    """

    def __init__(
        self, recorder: Recorder, archive: Archive, views: Views, folder: Path, rows_key: Callable[[], bytes]
    ) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._folder = folder
        self._rows_key = rows_key
        clear_unfinished_folders(folder)

    def commit(
        self, dataset: Dataset, path: Path | str, *, id_column: str = "", progress: Progress | None = None
    ) -> Commitment:
        """Commits to every row of a dataset, and to every id in it; the data itself is not kept.

        Args:
            dataset: The dataset on record.
            path: Its data, as it was registered.
            id_column: Where the ids of the people stand, as texts or integers; without one, rows can be proven by
                their number, and nobody's absence.
            progress: Told (rows done, rows in all).

        Raises:
            NotFound: There is no such file.
            InvalidInput: It is another file than the one on record, no table, or a row has no id.
            LogUnavailable: The disk refuses.
        """
        path, secret = Path(path), RowsSecret.draw()
        with new_folder(self._folder) as built:
            with _reading(dataset, path):
                trees = build_trees(
                    table_source(path),
                    secret,
                    built,
                    id_column=id_column,
                    expected_rows=dataset.record.rows or 0,
                    progress=progress,
                )
            folder = CommitmentFolder(self._folder, trees.rows)
            folder.begin(built)
        folder.keep_secret(secret, self._rows_key())  # before the record: what is on record can be proven
        name = f"{dataset.record.name} {dataset.record.version}"
        record = RowsRecord(name, dataset.leaf, trees.rows, trees.ids)
        written = self._recorder.write(record.draft())
        folder.note_recorded()
        return Commitment(written.index or 0, written.leaf.hex(), record)

    def settle(self) -> None:
        """Finishes what a crash or a refused record left open; called before others work."""
        settle_folders(self._folder, lambda: {each.record.rows.root.hex() for each in self.all()})

    def all(self, dataset: Dataset | None = None) -> list[Commitment]:
        """Returns all commitments, or those to one version of a dataset, oldest first."""
        query = select(row_commitments.c.idx).order_by(row_commitments.c.idx)
        if dataset is not None:
            query = query.where(row_commitments.c.dataset_leaf == dataset.leaf)
        return [self.at(place) for place in self._views.places(query)]

    def at(self, index: int) -> Commitment:
        """Returns the commitment whose record stands at `index` (NotFound for another kind of record)."""
        record = self._archive.record(index)
        if record.kind != ROWS_KIND:
            raise NotFound(f"record {index} commits to no rows; its kind is {record.kind}")
        return Commitment(index, self._archive.leaf_hex(index), RowsRecord.read(record))

    def newest(self, dataset: Dataset) -> Commitment:
        """Returns the newest commitment to a version of a dataset.

        Raises:
            NotFound: There is none.
        """
        found = self.all(dataset)
        if not found:
            name = f"{dataset.record.name} {dataset.record.version}"
            raise NotFound(f"no rows of {name} were committed to", hint="counterfoil rows commit makes a commitment")
        return found[-1]

    def prove(
        self,
        commitment: Commitment,
        text: str,
        *,
        data: Path | str | None = None,
        with_record: bool = True,
        progress: Progress | None = None,
    ) -> IdProof:
        """Proves that an id is in the dataset, with how many rows, or that it is not.

        Args:
            commitment: To that dataset, with ids.
            text: The id; of an integer its decimal digits.
            data: The dataset, to show the rows of the id; without it the proof shows how many there are.
            with_record: Whether the file carries the receipt of the commitment's record.
            progress: Told how far the data was read.

        Raises:
            InvalidInput: The text can be no id, no ids were committed to, or the data is other data.
            NotFound: The secret was forgotten.
            TooLarge: It shows more rows than a proof can hold.
            HomeDamaged: The trees on disk are not the ones on record.
        """
        tree = commitment.record.ids
        if tree is None:
            raise InvalidInput(
                f"the commitment to {commitment.record.dataset} knows no ids",
                hint="commit again and say in which column they are, or prove a row by its number",
            )
        if not is_id(text):
            raise InvalidInput(f"that can be no id; an id is a text of 1 to {MAX_ID_BYTES:,} bytes")
        folder = self._files(commitment)
        secret = folder.secret(self._rows_key())
        vrf = prove(secret.id_key, id_input(text))
        tag, rows = tag_of(gamma_of(vrf)), commitment.record.rows.count
        with folder.tree() as leaves:
            found = TagFiles(folder.path, tree.count, rows, lambda row: leaves.read(0, row, 1)).find(tag)
            proof = IdProof(tree, text, vrf, found.place, found.steps, found.place.tag == tag)
            _require_checked(proof)
            if proof.is_present and data is not None:
                shown = shown_rows(Path(data), secret, found.rows, lambda row: leaves.read(0, row, 1), progress)
                proof = replace(proof, shown=shown)
        proof = replace(proof, record=self._record(commitment, with_record))
        _require_checked(proof, hint="leave out the data: the proof then says how many rows there are, and shows none")
        return proof

    def prove_row(
        self,
        commitment: Commitment,
        number: int,
        data: Path | str,
        *,
        with_record: bool = True,
        progress: Progress | None = None,
    ) -> RowProof:
        """Proves that one row stands in the dataset, and shows it.

        Args:
            commitment: To that dataset.
            number: Of the row, from 0.
            data: The dataset.
            with_record: Whether the file carries the receipt of the commitment's record.
            progress: Told how far the data was read.

        Raises:
            NotFound: There is no such row, or the secret was forgotten.
            InvalidInput: The data is other data.
            TooLarge: The row is larger than a proof can hold.
        """
        tree = commitment.record.rows
        if not 0 <= number < tree.count:
            raise NotFound(f"there is no row {number:,}; {commitment.record.dataset} has {tree.count:,}, from 0")
        folder = self._files(commitment)
        secret = folder.secret(self._rows_key())
        with folder.tree() as leaves:
            path = tuple(inclusion_path(number, tree.count, leaves.subtree))
            _require_whole(is_included(leaves.read(0, number, 1), number, tree.count, path, tree.root))
            shown = shown_rows(Path(data), secret, [number], lambda row: leaves.read(0, row, 1), progress)
        proof = RowProof(tree, number, path, shown, self._record(commitment, with_record))
        _require_checked(proof, hint="the row is too large for a proof, which shows all of it")
        return proof

    def check(self, commitment: Commitment, data: Path | str, progress: Progress | None = None) -> Report:
        """Builds the trees again from the data and holds them against the record: what an auditor would do.

        Raises:
            NotFound: The secret was forgotten.
        """
        with self._built_again(commitment, Path(data), progress) as (trees, _):
            return _report(commitment.record, trees)

    def rebuild(self, commitment: Commitment, data: Path | str, progress: Progress | None = None) -> None:
        """Makes the files of a commitment anew from the data.

        Raises:
            InvalidInput: The data does not lead to what is on record. Nothing was changed.
            NotFound: The secret was forgotten.
        """
        with self._built_again(commitment, Path(data), progress) as (trees, built):
            report = _report(commitment.record, trees)
            if not report.is_intact:
                raise InvalidInput(
                    f"the data is not the one that was committed to: {report.verdict}",
                    hint="give the data as it was registered",
                )
            self._files(commitment).take_over(built)

    def forget(self, commitment: Commitment) -> None:
        """Destroys the secret of a commitment: nothing more can be proven under it, and no guess about a row tried."""
        self._files(commitment).forget()

    @contextmanager
    def _built_again(
        self, commitment: Commitment, data: Path, progress: Progress | None
    ) -> Iterator[tuple[Trees, Path]]:
        record = commitment.record
        secret = self._files(commitment).secret(self._rows_key())
        with new_folder(self._folder) as built:
            trees = build_trees(
                table_source(data),
                secret,
                built,
                id_column=record.ids.column if record.ids else "",
                expected_rows=record.rows.count,
                progress=progress,
            )
            yield trees, built

    def _files(self, commitment: Commitment) -> CommitmentFolder:
        return CommitmentFolder(self._folder, commitment.record.rows)

    def _record(self, commitment: Commitment, wanted: bool) -> dict[str, Any] | None:
        if not wanted:
            return None
        told = canonical.loads(self._archive.receipt(commitment.index, ()).encode())
        assert isinstance(told, dict)
        return told


@contextmanager
def _reading(dataset: Dataset, path: Path) -> Iterator[None]:
    """Makes sure that what is read in the block is the data on record.

    Raises:
        InvalidInput: It is other data, or was changed meanwhile.
    """
    before = _stamps(path) if path.exists() else []
    if content_sha256(path) != dataset.record.sha256:
        raise InvalidInput(
            f"{path.name} is not the data that is on record as {dataset.record.name} {dataset.record.version}",
            hint="give it as it was registered, or register what it is now: counterfoil dataset add",
        )
    yield
    if _stamps(path) != before:
        raise InvalidInput(f"{path.name} was changed while it was read", hint="repeat it when nobody writes to it")


def _stamps(path: Path) -> list[tuple[str | int, ...]]:
    """Returns what the disk says of every file: a change shows in it, also one whose time was put back."""
    files = sorted(each for each in path.rglob("*") if each.is_file()) if path.is_dir() else [path]
    return [
        (str(each), stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino, stat.st_dev)
        for each in files
        for stat in (each.stat(),)
    ]


def _require_whole(is_whole: bool) -> None:
    """Refuses to hand out a proof that does not hold: the files behind it are damaged, then."""
    if not is_whole:
        raise HomeDamaged("the files of this commitment do not lead to the root on record", hint=REBUILD)


def _require_checked(proof: IdProof | RowProof, *, hint: str = "") -> None:
    """Refuses to hand out what nobody could check.

    Raises:
        TooLarge: No checker reads a file of its size.
        HomeDamaged: It does not hold.
    """
    data = proof.encode()
    if len(data) > MAX_PROOF_BYTES:
        raise TooLarge(f"the proof has {len(data):,} bytes; {MAX_PROOF_BYTES:,} is the limit", hint=hint)
    _require_whole(check_rows_proof(data).is_intact)


def _report(record: RowsRecord, trees: Trees) -> Report:
    steps = [_step("rows", "Do all rows lead to the root on record?", trees.rows == record.rows, record.rows.count)]
    if record.ids is not None:
        steps.append(_step("ids", "Do all ids?", trees.ids == record.ids, record.ids.count))
    return Report(f"commitment to {record.dataset}", tuple(steps))


def _step(step_id: str, title: str, is_same: bool, count: int) -> Step:
    noun = step_id.removesuffix("s")
    if is_same:
        return passed(step_id, title, f"{counted(count, noun)}, each where it belongs", "that the data is true")
    return failed(step_id, title, f"the data leads to another root than the one over {counted(count, noun)} on record")
