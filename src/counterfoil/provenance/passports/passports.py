"""The passports of one organisation: drafted from its records, put on record, handed out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import func, select

from counterfoil.core.passport_file import PassportFile
from counterfoil.core.statement import Record
from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.datasets import Dataset, Datasets
from counterfoil.provenance.lineage.lineage import Lineage
from counterfoil.provenance.lineage.runs import Runs
from counterfoil.provenance.model_register import Model, Models
from counterfoil.provenance.passports import drafting, licences
from counterfoil.provenance.passports.adopting import adopted
from counterfoil.provenance.passports.ancestry import require_no_circle
from counterfoil.provenance.passports.imported import Imported
from counterfoil.provenance.passports.parts import ISSUER, Parent, Party, ReportOf, Transformation
from counterfoil.provenance.passports.passport import Passport
from counterfoil.provenance.passports.subject import Subject, SubjectFile
from counterfoil.provenance.passports.tables import passports, reports
from counterfoil.provenance.passports.views import REPORT_KINDS
from counterfoil.store.archive import Archive
from counterfoil.store.recorder import Recorder
from counterfoil.store.views import Views

__all__ = ["OnRecord", "Passports"]


@dataclass(frozen=True, slots=True)
class OnRecord:
    """A passport on record and where it stands."""

    index: int
    leaf: str
    passport: Passport


class Passports:
    """The passports of one home.

    Args:
        recorder: Writes records.
        archive: Reads them.
        views: Finds them.
        datasets: The datasets on record.
        models: The models on record.
        runs: The runs on record.
        lineage: What came from what.
        name: Legal name of the organisation.
    """

    def __init__(
        self,
        recorder: Recorder,
        archive: Archive,
        views: Views,
        datasets: Datasets,
        models: Models,
        runs: Runs,
        lineage: Lineage,
        name: str,
    ) -> None:
        self._recorder = recorder
        self._archive = archive
        self._views = views
        self._datasets = datasets
        self._models = models
        self._runs = runs
        self._lineage = lineage
        self._name = name

    @property
    def issuer(self) -> Party:
        """This organisation, as a passport names it."""
        return Party(self._name, ISSUER, self._archive.origin)

    def draft(self, found: Dataset | Model) -> Passport:
        """Returns a passport with what is on record; where there is one already, that one, brought up to date."""
        subject = drafting.subject_of(found)
        known = self.of(found)
        if known is not None:
            return replace(known.passport, subject=subject, supersedes="", reports=self._reports(found))
        licence, purpose = drafting.told_in_notes(found.record.notes if isinstance(found, Dataset) else {})
        parents, made = self._origin(found)
        return Passport(
            subject,
            (self.issuer,),
            licence=licence,
            purpose=purpose,
            parents=parents,
            transformation=made,
            reports=self._reports(found),
        )

    def prepared(self, passport: Passport) -> Passport:
        """Returns a passport as it would stand on record, after every check; nothing is written.

        Raises:
            InvalidInput: A part is missing, not usable, or against what is on record.
            NotFound: What it is about, a parent, the run or a report is not on record here.
        """
        passport.require_whole()
        if passport.licence.expression:
            licences.require_listed(passport.licence.expression)
        self._require_issuer(passport)
        passport = replace(passport, parents=tuple(map(self._seen_from_here, passport.parents)))
        found = self._subject(passport)
        drafting.require_subject(passport, found)
        self._require_parents(passport, found)
        self._require_links(passport, found)
        known = self.of(found)
        made = replace(passport, supersedes=known.leaf if known else "")
        self._recorder.prepare(made.draft())  # refuses what is too large for a record
        return made

    def record(self, passport: Passport) -> OnRecord:
        """Puts a passport on record: all of it is public from then on. The same passport is recorded once.

        Raises:
            InvalidInput: A part is missing, not usable, or against what is on record.
            NotFound: What it is about, a parent, the run or a report is not on record here.
        """
        made = self.prepared(passport)
        known = self.of(self._subject(made))
        if known is not None and replace(known.passport, supersedes="") == replace(made, supersedes=""):
            return known
        written = self._recorder.write(made.draft())
        return OnRecord(written.index or 0, written.leaf.hex(), made)

    def of(self, found: Dataset | Model) -> OnRecord | None:
        """Returns the newest passport of a dataset or model; None where it has none."""
        newest = self._newest({found.index}).get(found.index)
        return None if newest is None else self.at(newest)

    def require(self, found: Dataset | Model) -> OnRecord:
        """Returns the newest passport of a dataset or model (NotFound where it has none)."""
        known = self.of(found)
        if known is None:
            name, version = found.record.name, found.record.version
            twins = [each.record for each in self._twins(found) if each.index != found.index and self.of(each)]
            told = f"{twins[-1].name} {twins[-1].version} has one, and the same bytes; " if twins else ""
            wanted = f"{name}@{version}" if version else name
            raise NotFound(
                f"{name} {version} has no passport", hint=f"{told}write one: counterfoil passport new {wanted}"
            )
        return known

    def at(self, index: int) -> OnRecord:
        """Returns the passport whose record stands at `index` (NotFound for another kind of record)."""
        record = self._archive.record(index)
        if record.kind != "passport":
            raise NotFound(f"record {index} is no passport; its kind is {record.kind}")
        return OnRecord(index, self._archive.leaf_hex(index), Passport.read(record.about))

    def all(self) -> list[OnRecord]:
        """Returns the newest passport of every dataset and model that has one, oldest first."""
        newest = select(func.max(passports.c.idx)).group_by(passports.c.subject_idx)
        return [self.at(place) for place in sorted(self._views.places(newest))]

    def imported(self, draft: Imported) -> Imported:
        """Returns an imported draft, fitted to what is on record here."""
        return adopted(draft, self._same(draft.passport.subject), self._is_here)

    def export(self, found: Dataset | Model, *, with_fingerprint: bool = False) -> PassportFile:
        """Returns the file in which the passport is handed out, for anybody to check.

        Args:
            found: What it is about.
            with_fingerprint: Whether the whole fingerprint goes along, so that whoever has the data can say which
                file, rows or column changed. It holds the names of all files.

        Raises:
            NotFound: It has no passport, or its fingerprint is not kept here.
            InvalidInput: A fingerprint was asked for, and there is none.
        """
        known = self.require(found)
        told = self._fingerprint(found) if with_fingerprint else None
        return PassportFile(self._archive.receipt(known.index), told)

    def files(self, found: Dataset | Model) -> tuple[SubjectFile, ...]:
        """Returns the files of a dataset or model by name, with their SHA-256 where they have been hashed whole."""
        known = drafting.subject_of(found).files
        if known or not isinstance(found, Dataset):
            return known
        entries = self._datasets.fingerprint(found).entries
        return tuple(
            SubjectFile(each.name, each.size_bytes, each.digest.hex() if each.kind == "whole" else "")
            for each in entries
        )

    def _same(self, subject: Subject) -> Dataset | Model | None:
        """Returns the newest dataset or model on record with the same content."""
        digests = {each.sha256 for each in subject.files} if len(subject.files) == 1 else set()
        digests |= {subject.fingerprint.root} if subject.fingerprint else set()
        found: list[Dataset | Model] = []
        if subject.kind == "dataset":
            found += [each for digest in digests - {""} if (each := self._datasets.with_content(digest))]
        else:
            found += [each for each in self._models.all() if each.record.file_sha256 in digests]
        return max(found, key=lambda each: each.index, default=None)

    def _is_here(self, leaf: str) -> bool:
        try:
            self._views.index_of(leaf)
        except NotFound:
            return False
        return True

    def _fingerprint(self, found: Dataset | Model) -> dict[str, Any]:
        if not isinstance(found, Dataset):
            raise InvalidInput(
                "a model's passport has no fingerprint: its file's digest and its meaning are on record",
                hint="leave out --with-fingerprint",
            )
        return self._datasets.fingerprint(found).to_json()

    def _subject(self, passport: Passport) -> Dataset | Model:
        if not passport.subject.leaf:
            raise InvalidInput(
                f"the passport's {passport.title} is not registered: it has no subject.leaf",
                hint="register it, then: counterfoil passport new",
            )
        return self._named(passport.subject.leaf, passport.title)

    def _named(self, leaf: str, what: str) -> Dataset | Model:
        """Returns the dataset or model with a leaf hash."""
        try:
            index = self._views.index_of(leaf)
        except NotFound as error:
            raise NotFound(
                f"{what}: the log has no record {leaf[:16]}…",
                hint="name its leaf hash as `counterfoil log show` prints it; of another's log, say its origin, too",
            ) from error
        kind = self._archive.record(index).kind
        if kind not in ("dataset", "model"):
            raise InvalidInput(f"{what}: record {index} is a {kind}; expected a dataset or model")
        return self._datasets.at(index) if kind == "dataset" else self._models.at(index)

    def _require_issuer(self, passport: Passport) -> None:
        issuer = passport.issuer
        assert issuer is not None  # it is whole
        if issuer.origin != self._archive.origin:
            raise InvalidInput(
                f"the passport says that {issuer.origin!r} issues it, and this is the log of {self._archive.origin}",
                hint="nobody can issue a passport in another's name; list them with another role",
            )

    def _seen_from_here(self, parent: Parent) -> Parent:
        """Returns a parent as this log's own passports name it: of a record of this log, no origin is said."""
        return replace(parent, origin="") if parent.origin == self._archive.origin else parent

    def _require_parents(self, passport: Passport, found: Dataset | Model) -> None:
        parents = set()
        for each, leaf in _here(passport.parents):
            known = self._named(leaf, f"the parent {each.name!r}")
            drafting.require_parent(each, known)
            parents.add(known.index)
        require_no_circle(found.index, parents, self._before)

    def _before(self, places: set[int]) -> set[int]:
        """Returns what is known to have come before some records: by lineage, and by their newest passports."""
        found = self._lineage.ancestors(places)
        for index in self._newest(places).values():
            parents = _here(self.at(index).passport.parents)
            found |= {self._views.index_of(leaf) for _, leaf in parents}
        return found

    def _require_links(self, passport: Passport, found: Dataset | Model) -> None:
        run = passport.transformation.run if passport.transformation else ""
        if run and (kind := self._linked(run, "the run").kind) != "run":
            raise InvalidInput(f"the run {run[:16]}… is a record of the kind {kind}", hint="counterfoil lineage runs")
        same = {each.leaf for each in self._twins(found)}  # a report is about bytes, under whatever name
        for each in passport.reports:
            if not each.leaf:
                continue
            record = self._linked(each.leaf, f"the {each.kind} report")
            if REPORT_KINDS.get(record.kind) != each.kind:
                raise InvalidInput(f"the {each.kind} report {each.leaf[:16]}… is a record of the kind {record.kind}")
            if not record.builds_on or record.builds_on[0] not in same:
                raise InvalidInput(f"the {each.kind} report {each.leaf[:16]}… is not about {passport.title}")

    def _linked(self, leaf: str, what: str) -> Record:
        """Returns the record that a passport names (NotFound without one)."""
        try:
            return self._archive.record(self._views.index_of(leaf))
        except NotFound as error:
            raise NotFound(f"{what}: the log has no record {leaf[:16]}…", hint=error.hint) from error

    def _newest(self, subjects: set[int]) -> dict[int, int]:
        """Returns the place of the newest passport of each subject that has one."""
        query = (
            select(passports.c.subject_idx, func.max(passports.c.idx))
            .where(passports.c.subject_idx.in_(subjects))
            .group_by(passports.c.subject_idx)
        )
        with self._views.reading() as connection:
            return {int(subject): int(index) for subject, index in connection.execute(query)}

    def _origin(self, found: Dataset | Model) -> tuple[tuple[Parent, ...], Transformation | None]:
        """Returns what made it and from what, as lineage knows it; of several runs, the newest counts."""
        graph = self._lineage.graph(found.index, forth=False)
        kinds = {each.index: each.kind for each in graph.nodes}
        direct = [each.parent for each in graph.edges if each.child == found.index]
        made = [each for each in direct if kinds[each] == "run"]
        inputs = {each.parent for each in graph.edges if made and each.child == max(made)}
        inputs |= {each for each in direct if kinds[each] != "run"}
        parents = tuple(
            drafting.parent_of(self._datasets.at(each) if kinds[each] == "dataset" else self._models.at(each))
            for each in sorted(inputs)
            if kinds[each] in ("dataset", "model")
        )
        return parents, drafting.transformation_of(self._runs.at(max(made))) if made else None

    def _reports(self, found: Dataset | Model) -> tuple[ReportOf, ...]:
        """Returns the newest report of each kind about the same bytes, under whatever name they are registered."""
        places = {each.index for each in self._twins(found)}
        query = (
            select(reports.c.kind, func.max(reports.c.idx))
            .where(reports.c.about_idx.in_(places))
            .group_by(reports.c.kind)
        )
        with self._views.reading() as connection:
            newest = sorted((str(kind), int(index)) for kind, index in connection.execute(query))
        return tuple(self._report(kind, index) for kind, index in newest)

    def _twins(self, found: Dataset | Model) -> Sequence[Dataset | Model]:
        """Returns what is on record with the same bytes, itself included, oldest first."""
        return self._datasets.all_with_content(found.record.sha256) if isinstance(found, Dataset) else (found,)

    def _report(self, kind: str, index: int) -> ReportOf:
        record = self._archive.record(index)
        headline = record.about.get("headline")
        told = headline if isinstance(headline, str) else f"{record.kind} {record.name}"
        return ReportOf(kind, self._archive.leaf_hex(index), headline=told[:500])


def _here(parents: tuple[Parent, ...]) -> Iterator[tuple[Parent, str]]:
    """Yields the parents that are said to be on record in this log, with their leaf hashes."""
    yield from ((each, each.leaf) for each in parents if each.leaf and not each.origin)
