"""The story that the demonstration tells, chapter by chapter, with the real parts."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import counterfoil
from counterfoil.cli.demo.forgery import forge_log, forge_record, forge_value
from counterfoil.cli.demo.ledger_story import Anchored, anchor, refuse_rewrite
from counterfoil.cli.demo.model import REFERENCE, Split, Trained, split_applicants, train
from counterfoil.cli.demo.narrator import Narrator
from counterfoil.cli.demo.tables import commands_to_try, files, groups
from counterfoil.core.note import Signer
from counterfoil.core.steps import Report, Status
from counterfoil.data import german_credit_policy
from counterfoil.decisions import Decision, Policy
from counterfoil.decisions.receipts import as_text, qr_svg, qr_terminal
from counterfoil.errors import Stale

if TYPE_CHECKING:
    from counterfoil.cli.session import Session
    from counterfoil.organisation import Organisation

__all__ = ["Story"]

NAME: Final = "Example Bank AG"
ORIGIN: Final = "bank.example/credit"
OFFICER: Final = "Mira Sommer, credit officer"
BASIS: Final = "GDPR Art. 17(1)(b), consent withdrawn"
SOURCE: Final = {
    "licence": "CC BY 4.0",
    "source": "Statlog (German Credit Data), H. Hofmann, 1994, UCI Machine Learning Repository, doi 10.24432/C5NC77",
}
LABEL_OLD: Final = '"/output/label","decline"'
LABEL_NEW: Final = '"/output/label","approve"'


@dataclass(frozen=True, slots=True)
class People:
    """The three whom the story follows.

    Attributes:
        declined: Gets the receipt, and is erased at the end.
        referred: Is approved by a person.
    """

    declined: Decision
    referred: Decision


class Story:
    """The chapters, in order. Everything it makes lies in `folder`."""

    def __init__(self, folder: Path, narrator: Narrator, session: Session) -> None:
        self.folder = folder
        self._narrator = narrator
        self._session = session
        self._key = folder / "bank.vkey"
        self._receipt = folder / "applicant" / "receipt.json"
        self._evidence = folder / "auditor" / "evidence.zip"

    def tell(self) -> None:
        say = self._narrator
        say.title("A bank decides, and anyone can check")
        say.say(f"The credit data are real, the bank is invented. All files go to the folder {self.folder}.")
        split = split_applicants()
        policy = self._write_policy()
        trained = self._train(split, policy)
        with counterfoil.create(self.folder / "bank", name=NAME, origin=ORIGIN) as org:
            self._key.write_text(f"{org.issuer}\n", encoding="utf-8")
            decisions = self._decide(org, split, policy, trained)
            people = _people(decisions)
            self._follow(org, split, decisions, people)
            self._hand_out(people.declined, policy)
            anchored = anchor(org, self._narrator)
            self._audit(org, anchored)
            self._replay(org, decisions)
            self._compare(org)
            self._tamper(org, people.declined, anchored)
            self._erase(org, people.declined)
        self._end(anchored.block)

    # Chapters

    def _train(self, split: Split, policy: Policy) -> Trained:
        say = self._narrator
        say.chapter("The bank trains a model")
        split.training.to_csv(self.folder / "training.csv", index=False)
        split.applicants.to_csv(self.folder / "applicants.csv", index=False)
        trained = train(split, policy)
        kept = [policy.field_titles[each.name].lower() for each in policy.features if each.protected]
        say.say(
            f"Of 1,000 people who borrowed money in Germany in the 1970s, {len(split.training)} train a logistic "
            f"regression and {len(split.applicants)} are kept apart: they will apply for a loan.",
            f"What the policy protects ({'; '.join(kept)}) is recorded, and kept from the model.",
            "Of a good and a bad payer, it gives the good one the higher score in "
            f"{trained.pairs_in_100} of 100 pairs.",
        )
        say.say("(Statlog German Credit Data, H. Hofmann, UCI Machine Learning Repository, CC BY 4.0.)")
        return trained

    def _decide(self, org: Organisation, split: Split, policy: Policy, trained: Trained) -> list[Decision]:
        say = self._narrator
        say.chapter("It adds three lines, and decides")
        say.quote(
            [
                'org = counterfoil.open("bank")',
                'model = org.decisions.wrap(estimator, policy="credit.toml")',
                'decision = model.decide(applicant, subject="A-0001")',
            ]
        )
        say.gap()
        dataset = org.provenance.register_dataset(
            self.folder / "training.csv", name="german credit", notes=SOURCE | {"part": "700 of 1,000 rows"}
        )
        model = org.decisions.wrap(
            trained.estimator, policy, training=dataset, background=trained.background, code=trained.code
        )
        record = model.model.record
        exact = "bit for bit" if record.certificate.kind == "exact" else "closely"
        with self._session.progress("Deciding") as progress:
            decisions = model.decide_many(split.applicants, subjects=REFERENCE, progress=progress)
        counts = Counter(each.label for each in decisions)
        counted = ", ".join(f"{counts[label]} {label}" for label in policy.labels)
        say.say(
            f"On record before the first decision: {dataset.record.rows} training rows and their licence; the model "
            f"(digest {record.semantic_sha256[:12]}, its answers repeat {exact}); and the policy {policy.name} "
            f"{policy.version}, approved by {policy.approved_by}."
        )
        say.gap()
        say.say(
            f"Then {len(decisions)} decisions: {counted}. Each is one more record in a log "
            "that can only grow. The people's values are not in the log; they stay in the bank's encrypted vault."
        )
        found = org.decisions.search(limit=1_000)
        say.claim("every applicant has a decision on record", len(found) == len(split.applicants))
        return decisions

    def _follow(self, org: Organisation, split: Split, decisions: list[Decision], people: People) -> None:
        say = self._narrator
        say.chapter("A person decides otherwise, and time goes by")
        index = _place(people.referred)
        seen = org.decisions.history(index)
        reason = "Payslips of two years show a steady income."
        org.decisions.override(index, label="approve", by=OFFICER, reason=reason, saw=seen.state)
        say.say(
            f"{people.referred.subject} was referred to a person. {OFFICER}, looked and approved: "
            f'"{reason}" The first decision stays as it was; the override is a record of its own, with a digest of '
            "what the officer saw."
        )
        say.claim("the decision now stands as approve", org.decisions.history(index).label_now == "approve")
        say.claim("a second officer who had looked before that is refused", _is_stale(org, index, seen.state))
        say.gap()
        with self._session.progress("Recording outcomes") as progress:
            for done, each in enumerate(decisions, 1):
                repaid = split.repaid[str(each.subject)]
                org.decisions.outcome(_place(each), outcome="repaid" if repaid else "not repaid")
                if progress is not None:
                    progress(done, len(decisions))
        say.say(
            f"All {len(decisions)} had a loan in these data, so how it went is known for each: "
            f"{sum(split.repaid.values())} were repaid. That goes on record, too."
        )

    def _hand_out(self, declined: Decision, policy: Policy) -> None:
        say = self._narrator
        say.chapter("An applicant gets a receipt")
        self._receipt.parent.mkdir()
        declined.save_receipt(self._receipt)
        page = as_text(declined.receipt, policy, name=NAME, file=self._receipt.name)
        self._receipt.with_suffix(".txt").write_text(page, encoding="utf-8")
        self._receipt.with_suffix(".svg").write_text(qr_svg(declined.receipt), encoding="utf-8")
        say.say(f"{declined.subject} was declined, and gets a file and a page in plain words. The page begins:")
        say.gap()
        say.quote(page.split("\n\nThe values on record")[0].splitlines())
        say.gap()
        say.say("It comes with a small code that says where in the log the decision stands:")
        say.gap()
        say.picture(qr_terminal(declined.receipt))
        say.gap()
        say.say("With the file and the bank's public key, anyone can check it, offline:")
        say.gap()
        report = self._check(self._receipt)
        say.steps(report)
        say.claim("the receipt is intact and signed by the bank", report.exit_code(["fields", "log", "issuer"]) == 0)

    def _audit(self, org: Organisation, anchored: Anchored) -> None:
        say = self._narrator
        say.chapter("An auditor gets a file")
        self._evidence.parent.mkdir()
        with self._session.progress("Writing the bundle") as progress:
            written = org.bundles.write_range(self._evidence, show="everything", progress=progress)
        say.say(
            f"It holds all {written.records} records, and this time every private value. (A bank would show fewer: "
            "each can be shown without the others.) The auditor needs no account, no network, no trust in the bank:"
        )
        say.gap()
        report = counterfoil.check(self._evidence, issuer=str(self._key), block=anchored.block)
        say.steps(report)
        needed = ["log", "issuer", "complete", "fields"]
        say.claim("the file is intact, complete, and signed by the bank", report.exit_code(needed) == 0)
        say.claim("its head extends the one on the ledger", report.exit_code(["anchor"]) == 0)
        unknown = counterfoil.check(self._evidence)
        say.claim(
            "without the bank's key, the check says so instead of guessing", unknown.verdict == "intact, issuer unknown"
        )

    def _replay(self, org: Organisation, decisions: list[Decision]) -> None:
        say = self._narrator
        say.chapter("The model runs again")
        with self._session.progress("Replaying") as progress:
            reports = dict(org.decisions.replay_many([_place(each) for each in decisions], progress))
        same = sum(report.exit_code(["artefact", "output", "reasons"]) == 0 for report in reports.values())
        say.say("From the log and the vault alone: the registered model, the recorded values, the same rules.")
        say.claim(
            f"{same} of {len(decisions)} decisions come out the same, score, decision and reasons",
            same == len(decisions),
        )

    def _compare(self, org: Organisation) -> None:
        say = self._narrator
        say.chapter("Who was approved?")
        say.say("The model did not see these traits. They are on record so that this question can be asked:")
        say.gap()
        say.table(("group", "people", "approved", "repaid"), groups(org))
        say.gap()
        say.say(
            "A difference is a question, not a finding: other columns may stand in for a trait, small groups "
            "vary by chance, and these data are old."
        )

    def _tamper(self, org: Organisation, declined: Decision, anchored: Anchored) -> None:
        say = self._narrator
        say.chapter("Somebody tampers with the evidence")
        say.say(f"In copies of the auditor's file, the decision on {declined.subject} is turned into an approval.")
        change = (_place(declined), LABEL_OLD, LABEL_NEW)
        forged = [self._evidence.with_name(f"forged-{number}.zip") for number in range(1, 5)]
        forge_value(self._evidence, forged[0], *change)
        self._expect_failure("Forger 1 changes the value shown.", forged[0], "fields")
        forge_record(self._evidence, forged[1], *change)
        self._expect_failure("Forger 2 changes the record as well, so that they fit.", forged[1], "log")
        forge_log(self._evidence, forged[2], *change, Signer(ORIGIN, os.urandom(32)))
        self._expect_failure("Forger 3 builds a whole new log around it, and signs that.", forged[2], "issuer")
        forge_log(self._evidence, forged[3], *change, Signer(ORIGIN, org.keyring.secret("log")))
        say.gap()
        say.say("Forger 4 is the bank itself: a new log, signed with the bank's own key.")
        say.claim(
            "this forgery looks fine by itself: no step fails",
            self._check(forged[3]).exit_code(["issuer", "complete"]) == 0,
        )
        say.say("But the applicant kept the receipt. Held against the forged file:")
        report = counterfoil.check(self._receipt, issuer=str(self._key), against=forged[3])
        say.failure(report)
        say.claim("the receipt convicts the bank: both files together prove it", report.answer == "convicted")
        refuse_rewrite(org, say, anchored, forged[3], self._key)

    def _erase(self, org: Organisation, declined: Decision) -> None:
        say = self._narrator
        say.chapter("One person is erased")
        index, subject = _place(declined), str(declined.subject)
        erased = org.erasures.erase_person(subject, basis=BASIS)
        say.say(
            f"{subject} asks the bank to forget. The keys to {len(erased.erased)} records are destroyed, and the "
            "erasure itself goes on record. Not a byte of the log changes."
        )
        say.claim("the bank can no longer read the values", org.decisions.history(index).values is None)
        say.claim("the bank no longer finds the person", not org.decisions.search(subject=subject))
        say.claim("the old receipt still checks", self._check(self._receipt).exit_code(["log", "issuer"]) == 0)
        later = self._evidence.with_name("evidence-after-erasure.zip")
        written = org.bundles.write_range(later, show="everything")
        report = counterfoil.check(later, issuer=str(self._key), since=self._evidence)
        say.claim(
            f"a new file for the auditor is complete, extends the old one, and withholds {written.withheld} records",
            report.exit_code(["complete", "earlier"]) == 0 and written.withheld == len(erased.erased),
        )
        kept = counterfoil.check(self._receipt, issuer=str(self._key), against=later)
        say.claim("held against it, the old receipt is kept", kept.answer == "kept")
        say.say("Copies handed out before, such as the first file, are out of the bank's reach.")

    def _end(self, block: str) -> None:
        say = self._narrator
        say.chapter("What nobody can check, and where to look next")
        say.say(
            "No file proves that a value was true, that a decision was fair, or that everybody is shown the same "
            "log. A decision the bank took and never recorded leaves no trace in it; receipts and counts that others "
            "hold can show that."
        )
        say.gap()
        say.quote(files(self.folder))
        say.gap()
        say.say("Try these, then read docs/guides/first-decisions.md and bring your own model:")
        say.gap()
        say.quote([line for each in commands_to_try(self.folder, block) for line in each.splitlines()])

    # Inner parts

    def _write_policy(self) -> Policy:
        text = german_credit_policy()
        (self.folder / "credit.toml").write_text(text, encoding="utf-8")
        return Policy.from_toml(text)

    def _check(self, file: Path) -> Report:
        """Checks as an outsider does: the file and the bank's public key, nothing else."""
        return counterfoil.check(file, issuer=str(self._key))

    def _expect_failure(self, told: str, file: Path, step_id: str) -> None:
        report = self._check(file)
        broken = report.step(step_id)
        self._narrator.gap()
        self._narrator.say(told)
        self._narrator.failure(report)
        caught = not report.is_intact and broken is not None and broken.status is Status.FAILED
        self._narrator.claim(f"caught by the step '{step_id}'", caught)


def _people(decisions: list[Decision]) -> People:
    return People(
        next(each for each in decisions if each.label == "decline"),
        next(each for each in decisions if each.label == "refer"),
    )


def _place(decision: Decision) -> int:
    assert decision.index is not None  # the log was there: nothing waits in the queue
    return decision.index


def _is_stale(org: Organisation, index: int, state: str) -> bool:
    try:
        org.decisions.override(index, label="decline", by="a second officer", reason="Too late.", saw=state)
    except Stale:
        return True
    return False
