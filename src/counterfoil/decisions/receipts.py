"""The receipt as the person holds it: a page in plain words, and a small QR code.

The file (`core.receipt`) is what proves; the page says what the file says, and how to
check it. The QR code carries a link, short enough to be printed small. Where the
organisation has a public address, it opens the checker page there; else it names the log:

    <public_url>/check#o=<origin>&i=<place in the log>&l=<leaf hash>&k=<key id>
    https://<origin>/r#i=<place in the log>&l=<leaf hash>&k=<key id>

The part behind "#" stays in the reader's browser: following the link tells the
organisation nothing about which decision it was. A promise has no place yet, and no "i".
"""

from __future__ import annotations

import io
import shlex
import textwrap
from base64 import urlsafe_b64encode
from collections.abc import Iterator, Mapping
from typing import Any, Final

from counterfoil.checker import Held, check_link, checker_page
from counterfoil.core import canonical
from counterfoil.core.fields import ABSENT, open_disclosure
from counterfoil.core.note import parse_note
from counterfoil.core.receipt import Promise, Receipt
from counterfoil.core.statement import Record, parse_record
from counterfoil.decisions.policy import MICRO, Policy
from counterfoil.decisions.records import decision_schema
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

__all__ = ["as_html", "as_text", "qr_svg", "qr_terminal", "qr_text"]

WIDTH: Final = 76
"""Longest line of the page, in characters."""

_MAY_CHANGE: Final = "(+)"

_APPEAL: Final = (
    "If you think the decision is wrong, write to the organisation named above and quote your reference and the "
    "number of the decision. You can correct a value, add what was not considered, and ask for a person to look "
    "at it. Ask for your words to be recorded beside the decision. Which rights you have, and until when, "
    "depends on the law where you live; this page cannot say.",
)
_REASONS_OWED: Final = (
    "No reasons were recorded with the decision. If it went against you, the organisation owes them to you: ask, "
    "and they can be worked out again from the record."
)
_PROVES: Final = (
    "that this decision was recorded with exactly these values and reasons;",
    "that the organisation cannot change or drop the record unnoticed while you keep the file.",
)
_PROVES_NOT: Final = (
    "that the values are true, or that the decision is right or fair;",
    "that these reasons moved the model: an auditor can have the model run again to see;",
    "when it was decided: the time is the organisation's own clock;",
    "that the decision still stands: a person may have changed it since, so ask.",
)


def qr_text(stub: Receipt | Promise, public_url: str = "") -> str:
    """Returns the link that the QR code carries: where to ask, and for what.

    Args:
        stub: A receipt, or the promise of one.
        public_url: Where the organisation's node is reached; empty when it has none.
    """
    record = parse_record(stub.shown.entry)
    if public_url:
        index = stub.index if isinstance(stub, Receipt) else None
        return check_link(public_url, stub.shown.origin, stub.leaf, _key_id(record), index)
    place = f"i={stub.index}&" if isinstance(stub, Receipt) else ""
    leaf = urlsafe_b64encode(stub.leaf).decode().rstrip("=")
    return f"https://{stub.shown.origin}/r#{place}l={leaf}&k={_key_id(record)}"


def qr_svg(stub: Receipt | Promise, public_url: str = "") -> str:
    """Returns the QR code as an SVG image with a title and a description for screen readers."""
    record = parse_record(stub.shown.entry)
    code, link = _qr(stub, public_url), qr_text(stub, public_url)
    image: str = code.svg_inline(
        scale=4,
        light="#fff",
        title=f"QR code of a {_what(stub)}",
        desc=f"Links to {record.kind} number {record.seq} of {record.stream} at {stub.shown.origin}: {link}",
    )
    return image.replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" role="img" ', 1) + "\n"


def qr_terminal(stub: Receipt | Promise, public_url: str = "") -> str:
    """Returns the QR code in half-block characters, light on dark as terminals mostly are."""
    out = io.StringIO()
    _qr(stub, public_url).terminal(out=out, compact=True, border=2)
    return out.getvalue().rstrip("\n") + "\n"


def as_text(
    stub: Receipt | Promise,
    policy: Policy | None = None,
    *,
    language: str = "en",
    name: str = "",
    file: str = "receipt.json",
) -> str:
    """Returns the receipt as a page for the person, at most 76 characters wide.

    The page says what the file says, and ends with a newline. It refuses values that are not the recorded
    ones; all else is for `counterfoil check` to judge.

    Args:
        stub: A receipt, or the promise of one.
        policy: The policy the decision was made under. With it, reasons are told in
            its words and values with their units; without it, reasons are codes with
            the fields behind them.
        language: Language of the policy's words; the page around them is English.
        name: Legal name of the organisation; without it the page has the name of its log.
        file: Name of the receipt's file, for the command that checks it. A long one
            makes that line longer than the others.

    Raises:
        MalformedEvidence: When the record or the values cannot be read.
        DoesNotMatch: When the values are not the ones that were recorded.
        InvalidInput: For another policy than the record's, or a language it lacks.
    """
    record = parse_record(stub.shown.entry)
    page = _Page(stub, record, _values(stub, record), policy, language, name, file)
    page.require_fitting()
    return "".join(f"{line}\n" for block in page.blocks() for line in block)


def as_html(
    stub: Receipt | Promise,
    policy: Policy | None = None,
    *,
    language: str = "en",
    name: str = "",
    file: str = "receipt.json",
) -> str:
    """Returns the receipt and the checker page as one HTML file, which checks itself when it is opened.

    Args:
        stub: A receipt, or the promise of one.
        policy: The policy the decision was made under; its words for reasons go along, marked as
            the organisation's own.
        language: Language of these words; the page around them is English.
        name: Legal name of the organisation, marked as its own word, too.
        file: Name of the receipt's file.

    Raises:
        MalformedEvidence: When the record cannot be read.
        InvalidInput: For another policy than the record's, or a language it lacks.
    """
    record = parse_record(stub.shown.entry)
    _Page(stub, record, {}, policy, language, "", file).require_fitting()
    words = {reason.code: reason.text[language] for reason in policy.reasons} if policy else {}
    units = {f"/input/{each.name}": each.unit for each in policy.features if each.unit} if policy else {}
    return checker_page(Held(file, stub.encode(), words, units, name))


class _Page:
    """The parts of one page, in reading order."""

    def __init__(
        self,
        stub: Receipt | Promise,
        record: Record,
        values: Mapping[str, Any],
        policy: Policy | None,
        language: str,
        name: str,
        file: str,
    ) -> None:
        self._stub = stub
        self._record = record
        self._values = values
        self._policy = policy
        self._language = language
        self._name = name
        self._file = file
        schema = stub.shown.schema
        self._titles = {field.pointer: field.title for field in schema.fields} if schema else {}

    def require_fitting(self) -> None:
        if self._policy is None:
            return
        if decision_schema(self._policy).digest != self._record.schema:
            raise InvalidInput(
                "this policy is not the one the decision was made under", hint="give the version that was in force then"
            )
        if self._language not in self._policy.reason_settings.languages:
            known = ", ".join(self._policy.reason_settings.languages)
            raise InvalidInput(f"the policy has no words in {self._language[:20]!r}", hint=f"it has {known}")

    def blocks(self) -> Iterator[list[str]]:
        yield self._head()
        if self._record.kind == "decision":
            yield _section("What was decided", self._decided())
            yield _section("The reasons", self._reasons())
        yield _section("The values on record", self._listed())
        yield _section("How to check this", self._how_to_check())
        if self._record.kind == "decision":
            yield _section("If you disagree", _wrapped(*_APPEAL))
        yield _section("What the file proves, once checked", _points(_PROVES))
        yield _section("What it cannot prove", _points(_PROVES_NOT))

    def _head(self) -> list[str]:
        title = f"{_what(self._stub).capitalize()} of a{_n(self._record.kind)} {self._record.kind}"
        origin = self._stub.shown.origin
        rows = [
            ("Organisation", f"{self._name} (log: {origin})" if self._name else origin),
            ("Date", self._record.time.replace("T", " ").replace("Z", " UTC")),
            (f"{self._record.kind.capitalize()} number", f"{self._record.seq} (in the stream {self._record.stream})"),
        ]
        subject = self._values.get("/subject")
        if isinstance(subject, str):
            rows.append(("Reference", subject))
        if isinstance(self._stub, Promise):
            promised = parse_note(self._stub.note).text.split("\n")
            rows.append(("To be recorded by", promised[3] if len(promised) > 3 else "?"))
        width = max(len(name) for name, _ in rows) + 3
        return [title, "=" * len(title), "", *(_clean(f"{name + ':':<{width}}{text}") for name, text in rows)]

    def _decided(self) -> list[str]:
        label, micro = self._values.get("/output/label"), self._values.get("/output/score_micro")
        if not isinstance(label, str):
            return _wrapped("This page does not show what was decided.")
        told = f"The decision was: {label.upper()}."
        if not isinstance(micro, int):
            return _wrapped(told)
        lines = [*_wrapped(told), ""]
        lines += _wrapped(f"The score of the application was {_units(micro)}, on a scale from 0 to 1.")
        return lines + self._lines_drawn()

    def _lines_drawn(self) -> list[str]:
        """Says what the score stands for, and from which score on which decision is taken."""
        if self._policy is None:
            return []
        ladder = [
            f'from {_units(outcome.at_least_micro)} on "{outcome.label}"'
            for outcome in self._policy.outcomes
            if outcome.at_least_micro is not None
        ]
        ladder.append(f'below that "{self._policy.outcomes[-1].label}"')
        return _wrapped(
            f'The higher the score, the more likely the outcome "{self._policy.score_of}" seemed. The rules in force '
            f"({self._policy.name} {self._policy.version}) turn it into a decision: {', '.join(ladder)}."
        )

    def _reasons(self) -> list[str]:
        reasons = self._values.get("/reasons")
        if reasons is None:
            return _wrapped("No reasons are shown here. Ask the organisation for them.")
        if reasons is ABSENT and not self._is_favourable():
            return _wrapped(_REASONS_OWED)
        if reasons is ABSENT or not reasons:
            return _wrapped("No reasons were recorded; they are given for decisions against a person.")
        lines = _wrapped("These counted most against you, the weightiest first:")
        if not isinstance(reasons, list):
            raise MalformedEvidence("the reasons in the receipt are not a list")
        told = [self._reason(reason) for reason in reasons]
        for number, reason in enumerate(told, 1):
            lines += _wrapped(f"{number}. {reason}", indent="   ")
        if any(reason.endswith(_MAY_CHANGE) for reason in told):
            lines += ["", *_wrapped(f"{_MAY_CHANGE} marks what you may be able to change.")]
        return lines

    def _is_favourable(self) -> bool:
        """Tells whether the rules say that the decision does not go against the person."""
        label = self._values.get("/output/label")
        known = self._policy.outcomes if self._policy else ()
        return any(outcome.label == label and not outcome.adverse for outcome in known)

    def _reason(self, reason: Any) -> str:
        """Returns one reason in words. The record holds its code and the features behind it."""
        try:
            code, names = str(reason["code"]), [str(name) for name in reason["features"]]
        except (KeyError, TypeError) as error:
            raise MalformedEvidence("a reason in the receipt has another shape than code and features") from error
        if self._policy is None:
            return f"{', '.join(self._title(f'/input/{name}') for name in names)} (code {code})"
        entry = self._policy.reason(code)
        return entry.text[self._language] + (f" {_MAY_CHANGE}" if entry.actionable else "")

    def _listed(self) -> list[str]:
        own = [pointer for pointer in self._values if self._is_listed(pointer)]
        lines: list[str] = []
        if self._record.kind == "decision" and own:
            lines += [*_wrapped("The decision was based on these. If one is wrong, say so."), ""]
        for pointer in own:
            lines += _wrapped(f"{self._title(pointer)}: {self._value(pointer)}", indent="    ")
        if any(self._is_protected(pointer) for pointer in own):
            lines += ["", *_wrapped("* kept on record, and kept from the model: it did not see this.")]
        hidden = len(self._titles) - len(self._values)
        if hidden:
            lines += [*([""] if lines else []), *_wrapped(f"{hidden} more are on record and not shown here.")]
        return lines or _wrapped("None.")

    def _is_listed(self, pointer: str) -> bool:
        if self._record.kind == "decision":
            return pointer.startswith("/input/")
        return self._values[pointer] is not ABSENT

    def _is_protected(self, pointer: str) -> bool:
        return self._policy is not None and self._policy.feature(pointer.removeprefix("/input/")).protected

    def _title(self, pointer: str) -> str:
        mark = " *" if pointer.startswith("/input/") and self._is_protected(pointer) else ""
        return f"{self._titles.get(pointer, pointer.rpartition('/')[2])}{mark}"

    def _value(self, pointer: str) -> str:
        value = self._values[pointer]
        if value is ABSENT:
            return "(not given)"
        text = value if isinstance(value, str) else canonical.dumps(value).decode()
        unit = self._policy.feature(pointer.removeprefix("/input/")).unit if self._policy else ""
        return f"{text} ({unit})" if "," in unit else f"{text} {unit}".rstrip()

    def _how_to_check(self) -> list[str]:
        key_id = _key_id(self._record)
        return [
            *_wrapped(
                "This page proves nothing; the file it came with does. You, or anyone you give the file to, can check "
                "it without asking the organisation, in a browser with Counterfoil's checker page, or on any computer "
                "that has the free program Counterfoil; a second, independent checker of 150 lines comes with it:"
            ),
            "",
            _clean(f"    counterfoil check {shlex.quote(self._file)} --issuer KEY"),
            "",
            *_wrapped(
                f"KEY is the public key of {self._stub.shown.origin}, number {key_id}. Get it from a place you trust, "
                "never from whoever gave you this file. Keep the file: should the record ever be changed, this file "
                "and a newer one from the organisation together prove it. You can ask for your values to be erased; "
                "your file can still be checked afterwards."
            ),
        ]


def _values(stub: Receipt | Promise, record: Record) -> dict[str, Any]:
    """Returns the values shown, in the schema's order; ABSENT where none was recorded."""
    schema = stub.shown.schema
    if schema is None or not record.has_fields:
        return {}
    root, values = open_disclosure(schema, stub.shown.disclosure)
    if root != record.digest or schema.digest != record.schema:
        raise DoesNotMatch("the values in this file are not the ones that were recorded")
    return dict(values)


def _qr(stub: Receipt | Promise, public_url: str) -> Any:
    import segno

    return segno.make(qr_text(stub, public_url), error="m", micro=False)


def _key_id(record: Record) -> str:
    return record.issuer.rpartition("+")[2]


def _what(stub: Receipt | Promise) -> str:
    return "receipt" if isinstance(stub, Receipt) else "promise of a receipt"


def _n(word: str) -> str:
    return "n" if word[:1] in "aeiou" else ""


def _units(micro: int) -> str:
    """Returns micro-units as an exact decimal: 620000 reads 0.62."""
    whole, rest = divmod(micro, MICRO)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def _section(title: str, lines: list[str]) -> list[str]:
    return ["", title, "-" * len(title), *lines]


def _points(texts: tuple[str, ...]) -> list[str]:
    return [line for text in texts for line in _wrapped(f"- {text}", indent="  ")]


def _wrapped(text: str, *, indent: str = "") -> list[str]:
    return textwrap.wrap(_clean(text), WIDTH, subsequent_indent=indent)


def _clean(text: str) -> str:
    """Returns text that cannot move a terminal's cursor or forge a line."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)
