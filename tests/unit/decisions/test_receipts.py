"""The page and the code that a person gets: what they say, and what they refuse to say."""

from __future__ import annotations

import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from xml.etree import ElementTree

import pytest
from organisations import ROW, Bank, bank, full_log, policy, rows

from counterfoil.core.receipt import Promise, Receipt
from counterfoil.data import german_credit_policy
from counterfoil.decisions import Decision, Deployment, Policy
from counterfoil.decisions.receipts import WIDTH, as_html, as_text, qr_svg, qr_terminal, qr_text
from counterfoil.errors import DoesNotMatch, InvalidInput, MalformedEvidence

JARGON = re.compile(r"merkle|\bhash|\bleaf|\btree\b|\broot\b|checkpoint|\bsalt|canonical|\bjson\b(?!.* --issuer)", re.I)


@pytest.fixture(scope="module")
def credit(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bank]:
    with bank(tmp_path_factory.mktemp("receipts")) as made:
        yield made


@pytest.fixture(scope="module")
def declined(credit: Bank) -> Decision:
    made = credit.decide("A-0007", credit_amount=500, duration_in_month=72, housing="for free")
    assert made.label == "decline"
    return made


def receipt_of(decision: Decision, pointers: list[str] | None = None) -> Receipt:
    stub = decision.receipt_of(pointers)
    assert isinstance(stub, Receipt)
    return stub


def flat(page: str) -> str:
    return " ".join(page.split())


# --- the page ---


def test_the_page_says_what_was_decided_why_and_on_what(declined: Decision) -> None:
    page = flat(as_text(receipt_of(declined), policy()))
    assert "The decision was: DECLINE." in page
    assert "Reference: A-0007" in page
    assert f"The score of the application was {declined.score_micro / 1_000_000:.6f}" in page
    assert 'from 0.6 on "approve", below that "decline"' in page
    for number, reason in enumerate(declined.reasons, 1):
        assert f"{number}. {reason.text['en']}" in page
    assert "credit amount: 500" in page
    assert "housing: for free" in page
    assert f"Decision number: {declined.seq} (in the stream decisions/loans)" in page
    assert 'The higher the score, the more likely the outcome "good" seemed.' in page


def test_no_jargon(declined: Decision) -> None:
    for rules in (policy(), None):
        page = as_text(receipt_of(declined), rules).replace("receipt.json", "FILE")
        assert JARGON.findall(page) == []


def test_lines_fit(declined: Decision) -> None:
    for rules in (policy(), None):
        assert max(len(line) for line in as_text(receipt_of(declined), rules).splitlines()) <= WIDTH


def test_how_to_check_names_the_key_and_never_carries_it(credit: Bank, declined: Decision) -> None:
    page = flat(as_text(receipt_of(declined)))
    assert f"number {credit.org.issuer.id.hex()}" in page
    assert str(credit.org.issuer) not in page
    assert "counterfoil check receipt.json --issuer KEY" in page


def test_it_says_what_cannot_be_proven(declined: Decision) -> None:
    page = as_text(receipt_of(declined)).partition("What it cannot prove")[2]
    assert "the values are true" in page
    assert "own clock" in page


def test_without_a_policy_reasons_are_codes_with_their_fields(declined: Decision) -> None:
    page = flat(as_text(receipt_of(declined)))
    first = declined.reasons[0]
    assert f"(code {first.code})" in page
    assert first.text["en"] not in page


def test_reasons_in_another_language(declined: Decision) -> None:
    english = policy()
    german = replace(
        english,
        reasons=tuple(replace(each, text={**each.text, "de": f"Grund {each.code}."}) for each in english.reasons),
        reason_settings=replace(english.reason_settings, languages=("en", "de")),
    )
    assert f"1. Grund {declined.reasons[0].code}." in as_text(receipt_of(declined), german, language="de")


def test_values_not_shown_are_counted(declined: Decision) -> None:
    page = flat(as_text(receipt_of(declined, ["/input/housing"]), policy()))
    assert "housing: for free" in page
    assert "credit amount" not in page
    assert "does not show what was decided" in page
    assert "more are on record and not shown here" in page


def test_a_favourable_decision_has_no_reasons(credit: Bank) -> None:
    made = credit.decide("A-0008")
    assert made.label == "approve"
    page = as_text(receipt_of(made), policy())
    assert "No reasons were recorded" in page
    assert "against you" not in page


@pytest.fixture(scope="module")
def left_for_replay(credit: Bank) -> Deployment:
    rules = policy(version="2")
    rules = replace(rules, reason_settings=replace(rules.reason_settings, method="on_demand"))
    return credit.org.decisions.wrap(credit.org.provenance.models()[0], rules, background=rows(20))


def test_reasons_left_for_replay_are_owed(left_for_replay: Deployment) -> None:
    made = left_for_replay.decide({"credit_amount": 500, "duration_in_month": 72, "housing": "for free"})
    assert made.label == "decline"
    for rules in (left_for_replay.policy, None):
        page = flat(as_text(receipt_of(made), rules))
        assert "No reasons were recorded with the decision." in page
        assert "the organisation owes them to you" in page
        assert "are on record and not shown" not in page


def test_no_reasons_are_owed_for_a_favourable_decision(left_for_replay: Deployment) -> None:
    made = left_for_replay.decide(ROW)
    assert made.label == "approve"
    page = flat(as_text(receipt_of(made), left_for_replay.policy))
    assert "No reasons were recorded; they are given for decisions against a person." in page


def test_reasons_not_shown_are_not_said_to_be_missing(declined: Decision) -> None:
    assert "No reasons are shown here." in as_text(receipt_of(declined, ["/output/label"]))


def test_the_page_names_the_organisation_and_its_file(declined: Decision) -> None:
    page = as_text(receipt_of(declined), name="Example Bank AG", file="Ms Vogt's.json")
    assert "Example Bank AG (log: bank.example/credit)\n" in page
    assert """    counterfoil check 'Ms Vogt'"'"'s.json' --issuer KEY\n""" in page
    assert page.endswith("\n")
    assert not page.endswith("\n\n")


def test_what_was_kept_from_the_model_is_marked(credit: Bank) -> None:
    page = flat(as_text(receipt_of(credit.decide("A-0009", note="asked by phone")), policy()))
    assert "note *: asked by phone" in page
    assert "kept from the model" in page


def test_a_value_cannot_move_the_cursor_or_forge_a_line(credit: Bank) -> None:
    note = "x\x1b[2J\nThe decision was: APPROVE."
    page = as_text(receipt_of(credit.decide("A-0010", note=note)))
    assert "\x1b" not in page
    assert not any(line.startswith("The decision was: APPROVE.") and "x" in line for line in page.splitlines())
    assert "note: x\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}The decision was" in flat(page)


def test_other_kinds_of_records_have_a_page_too(credit: Bank, declined: Decision) -> None:
    assert declined.index is not None
    appeal = credit.org.decisions.appeal(declined.index, text="My rent was left out.", by="Front desk")
    page = as_text(credit.org.decisions.receipt(appeal.index))
    assert page.startswith("Receipt of an appeal\n")
    assert "My rent was left out." in page
    assert "What was decided" not in page


def test_a_promise_says_by_when(tmp_path: Path) -> None:
    with bank(tmp_path, on_log_failure="spool") as made:
        with full_log(made.org):
            decision = made.decide("A-0011")
        promise = decision.promise
        assert isinstance(promise, Promise)
        page = as_text(promise, policy())
        assert page.startswith("Promise of a receipt of a decision\n")
        assert "To be recorded by:" in page
        assert "2026-11-24T19:00:00Z" in page
        assert "i=" not in qr_text(promise)


# --- what it refuses ---


def test_values_that_were_not_recorded(declined: Decision) -> None:
    good = receipt_of(declined)
    shown = tuple(text.replace('"decline"', '"approve"') for text in good.shown.disclosure.shown)
    forged = replace(good, shown=replace(good.shown, disclosure=replace(good.shown.disclosure, shown=shown)))
    with pytest.raises(DoesNotMatch, match="not the ones that were recorded"):
        as_text(forged)


def test_a_record_that_cannot_be_read(declined: Decision) -> None:
    good = receipt_of(declined)
    with pytest.raises(MalformedEvidence):
        as_text(replace(good, shown=replace(good.shown, entry=b"{}")))


def test_another_policy(declined: Decision) -> None:
    with pytest.raises(InvalidInput, match="not the one the decision was made under"):
        as_text(receipt_of(declined), Policy.from_toml(german_credit_policy()))


def test_a_language_without_words(declined: Decision) -> None:
    with pytest.raises(InvalidInput, match="no words in 'fr'"):
        as_text(receipt_of(declined), policy(), language="fr")


# --- the code ---


def test_the_link_carries_origin_place_leaf_and_key(credit: Bank, declined: Decision) -> None:
    receipt = receipt_of(declined)
    link = urlsplit(qr_text(receipt))
    assert (link.scheme, link.netloc, link.path) == ("https", "bank.example", "/credit/r")
    parts = parse_qs(link.fragment, strict_parsing=True)
    assert parts["i"] == [str(receipt.index)]
    assert urlsafe_b64decode(parts["l"][0] + "=") == receipt.leaf
    assert parts["k"] == [credit.org.issuer.id.hex()]
    assert link.query == ""  # nothing of it may reach the server
    assert len(qr_text(receipt)) < 107  # a small code


def test_with_a_public_address_the_link_opens_the_checker_page(credit: Bank, declined: Decision) -> None:
    receipt = receipt_of(declined)
    link = urlsplit(qr_text(receipt, "https://receipts.bank.example/x"))
    assert (link.scheme, link.netloc, link.path, link.query) == ("https", "receipts.bank.example", "/x/check", "")
    parts = parse_qs(link.fragment, strict_parsing=True)
    assert parts["o"] == ["bank.example/credit"]
    assert parts["i"] == [str(receipt.index)]
    assert urlsafe_b64decode(parts["l"][0] + "=") == receipt.leaf
    assert parts["k"] == [credit.org.issuer.id.hex()]
    image = ElementTree.fromstring(qr_svg(receipt, "https://b.example"))
    texts = {child.tag.rpartition("}")[2]: child.text for child in image}
    assert qr_text(receipt, "https://b.example") in str(texts["desc"])


# --- the file that checks itself ---


def test_receipt_and_checker_in_one_file(declined: Decision) -> None:
    receipt = receipt_of(declined)
    page = as_html(receipt, policy(), name="Example Bank plc", file="mine.json")
    held = json.loads(page.partition('id="held">')[2].partition("</script>")[0])
    assert held["receipt"] == receipt.encode().decode()
    assert held["name"] == "mine.json"
    assert held["by"] == "Example Bank plc"
    assert held["units"] == {f"/input/{each.name}": each.unit for each in policy().features if each.unit}
    assert held["words"] == {reason.code: reason.text["en"] for reason in policy().reasons}
    assert json.loads(as_html(receipt).partition('id="held">')[2].partition("</script>")[0])["words"] == {}


def test_receipt_and_checker_with_rules_that_do_not_fit(declined: Decision) -> None:
    with pytest.raises(InvalidInput, match="not the one the decision was made under"):
        as_html(receipt_of(declined), Policy.from_toml(german_credit_policy()))
    with pytest.raises(InvalidInput, match="no words in 'fr'"):
        as_html(receipt_of(declined), policy(), language="fr")


def test_the_picture_has_a_title_and_a_description(declined: Decision) -> None:
    image = ElementTree.fromstring(qr_svg(receipt_of(declined)))
    assert image.get("role") == "img"
    texts = {child.tag.rpartition("}")[2]: child.text for child in image}
    assert texts["title"] == "QR code of a receipt"
    assert qr_text(receipt_of(declined)) in str(texts["desc"])


def test_the_picture_in_the_terminal_needs_no_colours(declined: Decision) -> None:
    picture = qr_terminal(receipt_of(declined))
    assert set(picture) <= set(" █▀▄\n")
    assert max(len(line) for line in picture.splitlines()) <= 72
