"""Each command on a small home: what it does when all is well, as people and as programs read it."""

from __future__ import annotations

import csv
import json
from hashlib import sha256
from pathlib import Path

from cli_bank import PEOPLE, bank, decide_args, files, first_decision, state_of, template
from older_vault import make_older

from counterfoil.cli.main import run

__all__ = ["bank", "files", "template"]

# Setting up


def test_init_says_which_key_to_hand_out(tmp_path, capsys):
    home = tmp_path / "deep" / "bank"
    assert run(["init", str(home), "--name", "Bank AG", "--origin", "bank.example", "--json"]) == 0
    made = json.loads(capsys.readouterr().out)
    assert made["issuer"] == (home / "issuer.vkey").read_text().strip()
    assert Path(made["key_file"]) == tmp_path / "deep" / "bank.key"
    assert Path(made["key_file"]).stat().st_mode & 0o777 == 0o600


def test_init_with_a_passphrase_and_a_rotation_of_what_unlocks(tmp_path, capsys):
    secret = tmp_path / "secret"
    secret.write_text("correct horse\n")
    secret.chmod(0o600)
    home = str(tmp_path / "bank")
    args = ["init", home, "--name", "Bank AG", "--origin", "bank.example", "--passphrase-file", str(secret)]
    assert run(args) == 0
    assert run(["log", "head", "--home", home]) == 6
    assert "nothing to unlock the keys with" in capsys.readouterr().err
    opening = ["--home", home, "--passphrase-file", str(secret)]
    assert run(["log", "head", *opening]) == 0
    assert run(["keys", "unlock", "--to-key-file", str(tmp_path / "new.key"), *opening]) == 0
    assert run(["log", "head", "--home", home]) == 0


def test_a_failed_init_leaves_no_key_file_behind(tmp_path, capsys):
    (tmp_path / "bank").mkdir()
    (tmp_path / "bank" / "something").touch()
    args = ["init", str(tmp_path / "bank"), "--name", "Bank AG", "--origin", "bank.example"]
    assert run(args) == 2
    assert not (tmp_path / "bank.key").exists()
    (tmp_path / "bank" / "something").unlink()
    assert run(args) == 0


def test_keys_are_listed_and_rotated_and_old_trust_goes_on(bank):
    old = bank.data("keys", "list")["issuer"]
    index = first_decision(bank)
    bank.text("receipt", str(index), "--out", "before.json")
    assert bank.data("keys", "rotate", "log")["issuer"] != old
    assert bank.data("keys", "rotate", "vault")["use"] == "vault"
    listed = bank.data("keys", "list")["keys"]
    assert [(each["use"], each["retired"] is None) for each in listed] == [
        ("log", False),
        ("vault", False),
        ("log", True),
        ("vault", True),
    ]
    bank.text("receipt", str(index), "--out", "after.json")
    for name in ("before.json", "after.json"):
        bank.text("check", name, "--issuer", old, "--require", "issuer")


def test_doctor_finds_nothing_then_something(bank):
    assert "All is well." in bank.text("doctor")
    bank.home.chmod(0o755)
    found = bank.data("doctor", code=1)
    assert [each["id"] for each in found["findings"] if each["todo"]] == ["folder"]
    assert f"chmod 700 {bank.home}" in bank.text("doctor", code=1)


def test_doctor_tells_of_a_damaged_home(bank):
    (bank.home / "vault.db").rename(bank.home / "vault.old")
    found = bank.data("doctor", code=1)
    assert "lacks vault.db" in found["findings"][0]["found"]


def test_doctor_misses_a_model_and_counts_the_tables(bank):
    sha256 = bank.data("model", "show", "credit")["artefact"]["fileSha256"]
    (bank.home / "artefacts" / sha256).unlink()
    found = bank.data("doctor", code=1)
    assert [each["id"] for each in found["findings"] if each["todo"]] == ["models"]


def test_migrate_has_nothing_to_do_and_refuses_the_future(bank):
    assert bank.data("migrate")["migrated"] is False
    settings = bank.home / "counterfoil.toml"
    settings.write_text(settings.read_text().replace("format = 1", "format = 2"))
    assert "newer Counterfoil" in bank.error("migrate", code=5)


def test_migrate_brings_a_home_with_an_older_vault_to_this_version(bank):
    index = first_decision(bank)
    before = bank.data("log", "show", str(index), "--values")
    make_older(bank.home / "vault.db")
    older = (bank.home / "vault.db").read_bytes()
    assert "counterfoil migrate" in bank.error("log", "search", code=5)
    assert bank.data("migrate")["migrated"] is True
    (bank.home / "vault.db.before-version-2").write_bytes(older)  # as a run that was killed leaves it
    (bank.home / "vault.db.old").write_bytes(older)  # as somebody sets one aside
    assert bank.data("log", "show", str(index), "--values") == before
    assert not (bank.home / "vault.db.before-version-2").exists()
    assert (bank.home / "vault.db.old").read_bytes() == older
    assert bank.data("migrate")["migrated"] is False
    bank.text("doctor", code=0)


def test_rebuild_makes_the_tables_again(bank):
    before = bank.data("log", "search")
    for path in bank.home.glob("views.db*"):
        path.unlink()
    size = bank.data("log", "head")["size"]
    assert bank.data("rebuild")["records"] == size
    assert bank.data("log", "search") == before


# Data, models, policies


def test_datasets_are_recorded_once_and_listed(bank):
    again = bank.data("dataset", "add", str(bank.files / "training.csv"), "--note", "licence=CC-BY-4.0")
    (listed,) = bank.data("dataset", "list")["datasets"]
    assert again == listed
    assert listed["rows"] == 40
    assert listed["notes"] == {"licence": "CC-BY-4.0"}
    assert "training" in bank.text("dataset", "list")


def test_models_are_recorded_once_and_shown(bank):
    sample = ["--sample", str(bank.files / "training.csv"), "--code", "commit=4f2a"]
    args = ["model", "add", str(bank.files / "model.json"), "--name", "credit", "--training", "training"]
    bank.data(*args, *sample)
    (listed,) = bank.data("model", "list")["models"]
    assert bank.data("model", "show", "credit") == bank.data("model", "show", str(listed["index"])) == listed
    assert listed["certificate"]["kind"] == "exact"
    assert bank.data("model", "list", "--name", "other") == {"models": []}
    assert "replay      exact" in bank.text("model", "show", "credit")


def test_policies_are_checked_added_once_and_listed(bank):
    path = str(bank.files / "credit.toml")
    checked = bank.data("policy", "check", path)
    added = bank.data("policy", "add", path)
    (listed,) = bank.data("policy", "list")["policies"]
    assert checked["gaps"] == []
    assert checked["sha256"] == added["sha256"] == listed["sha256"]
    assert added["index"] == listed["index"]
    assert "It leaves nothing open." in bank.text("policy", "check", path)


def test_a_policy_check_needs_no_home(files, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    text = (files / "credit.toml").read_text()
    (tmp_path / "gappy.toml").write_text(text[: text.index("[[reason]]")])
    assert run(["policy", "check", "gappy.toml"]) == 0
    assert "no reason speaks for" in capsys.readouterr().out


# Deciding and what follows


def test_decide_writes_the_table_of_what_is_on_record(bank):
    made = bank.data(*decide_args(bank.files), "--out", "out.csv")
    assert made["decided"] == PEOPLE
    assert made["waiting"] == 0
    with (bank.folder / "out.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [int(row["index"]) for row in rows] == [each["index"] for each in made["decisions"]]
    assert [row["label"] for row in rows] == [each["label"] for each in made["decisions"]]
    assert [row["subject"] for row in rows] == [f"customer {place}" for place in range(PEOPLE)]
    assert sum(made["labels"].values()) == PEOPLE


def test_a_dry_run_says_the_same_and_records_nothing(bank):
    before = bank.data("log", "head")["size"]
    told = bank.data(*decide_args(bank.files), "--dry-run")
    assert bank.data("log", "head")["size"] == before
    recorded = {row["index"]: row for row in bank.data("log", "search")["decisions"]}
    assert [row["label"] for row in told["rows"]] == [recorded[index]["label"] for index in sorted(recorded)]
    assert [row["score_micro"] for row in told["rows"]] == [recorded[i]["score_micro"] for i in sorted(recorded)]
    assert "Nothing was recorded." in bank.text(*decide_args(bank.files), "--dry-run")


def test_an_override_needs_the_state_that_was_seen(bank):
    index = first_decision(bank)
    state = state_of(bank, index)
    shown = bank.text("log", "show", str(index))
    assert f"state   {state}" in shown
    args = ["override", str(index), "--label", "decline", "--by", "Ann", "--reason", "letter", "--saw"]
    made = bank.data(*args, state)
    assert made["label_now"] == "decline"
    assert "since the reviewer looked" in bank.error(*args, state, code=6)
    assert bank.data(*args, made["state"])["kind"] == "override"
    found = bank.data("log", "search", "--overridden")["decisions"]
    assert [row["index"] for row in found] == [index]
    assert len(bank.data("log", "search", "--not-overridden")["decisions"]) == PEOPLE - 1


def test_appeals_and_outcomes_are_seen_with_their_decision(bank):
    index = str(first_decision(bank))
    bank.text("appeal", index, "--text", "That is wrong", "--by", "Bo")
    bank.text("outcome", index, "--outcome", "repaid", "--note", "early")
    shown = bank.data("log", "show", index)
    assert [each["kind"] for each in shown["followed"]] == ["appeal", "outcome"]
    assert "That is wrong" in bank.text("log", "show", index, "--values")
    assert "That is wrong" not in bank.text("log", "show", index)


def test_search_by_person_label_and_time(bank):
    (found,) = bank.data("log", "search", "--subject", "customer 3")["decisions"]
    assert found["index"] == first_decision(bank) + 3
    labels = {row["label"] for row in bank.data("log", "search")["decisions"]}
    for label in labels:
        assert {row["label"] for row in bank.data("log", "search", "--label", label)["decisions"]} == {label}
    day = found["time"][:10]
    assert len(bank.data("log", "search", "--since", day, "--until", found["time"])["decisions"]) == PEOPLE
    assert bank.data("log", "search", "--since", "2099-01-01") == {"decisions": [], "limit": 50}
    assert len(bank.data("log", "search", "--limit", "2")["decisions"]) == 2
    assert "No such decision" in bank.text("log", "search", "--subject", "nobody")


def test_records_of_every_kind_can_be_shown(bank):
    size = bank.data("log", "head")["size"]
    kinds = set()
    for index in range(size):
        kinds.add(bank.data("log", "show", str(index), "--values")["kind"])
        assert bank.text("log", "show", str(index), "--values")
    assert {"identity", "dataset", "model", "policy", "schema", "deployment", "decision"} <= kinds


def test_replay_of_one_some_and_all(bank):
    index = first_decision(bank)
    assert bank.data("replay", str(index))["counts"] == {"as recorded": 1}
    assert bank.data("replay", str(index), str(index + 1))["counts"] == {"as recorded": 2}
    assert bank.data("replay", "--all")["counts"] == {"as recorded": PEOPLE}
    sample = bank.data("replay", "--sample", "3", "--seed", "7")
    assert sample == bank.data("replay", "--sample", "3", "--seed", "7")
    assert len(sample["replays"]) == 3
    assert "12 as recorded" in bank.text("replay", "--all")


# Handing out and checking


def test_a_receipt_shows_what_was_chosen_and_is_checked(bank):
    index = first_decision(bank)
    written = bank.data("receipt", str(index), "--out", "r.json", "--show", "/output")
    assert written["shown"] == ["/output/label", "/output/score", "/output/score_micro"]
    report = bank.data("check", "r.json", "--issuer", bank.issuer)
    assert report["verdict"] == "intact, and signed by the issuer you named"
    assert [each["pointer"] for each in report["facts"]["fields"]] == written["shown"]
    text = bank.text("check", "r.json")
    assert "✓ 1. Can the file be read? PASSED" in text
    assert "– 5." in text
    assert "Decision: " in text
    assert "Verdict: intact, issuer unknown" in text


def test_a_receipt_comes_with_a_page_and_a_code_for_the_person(bank):
    index = str(first_decision(bank))
    bank.text("receipt", index, "--out", "r.json", "--page", "r.txt", "--qr", "r.svg", "--language", "de")
    page = Path("r.txt").read_text(encoding="utf-8")
    assert "What was decided" in page
    assert Path("r.svg").read_text(encoding="utf-8").lstrip().startswith(("<?xml", "<svg"))
    error = bank.error("receipt", index, "--out", "other.json", "--page", "r.txt", code=2)
    assert "r.txt already exists" in str(error)
    assert not Path("other.json").exists()


def test_rebuild_mends_a_hash_that_went_bad(bank):
    index = first_decision(bank)
    hashes = bank.home / "log" / "hashes" / "0"
    good = hashes.read_bytes()
    bad = bytearray(good)
    bad[32 * index] ^= 1
    hashes.write_bytes(bad)
    bank.text("rebuild")
    assert hashes.read_bytes()[: len(good)] == good
    bank.text("receipt", str(index), "--out", "r.json")
    assert bank.data("check", "r.json", "--issuer", bank.issuer)["intact"]


def test_a_receipt_comes_with_a_page_that_checks_it(bank):
    index = str(first_decision(bank))
    written = bank.data("receipt", index, "--out", "r.json", "--html", "r.html")
    assert written["html"] == "r.html"
    page = (bank.folder / "r.html").read_text("utf-8")
    held = json.loads(page.partition('id="held">')[2].partition("</script>")[0])
    assert held["receipt"].encode() == (bank.folder / "r.json").read_bytes()
    assert held["name"] == "r.json"
    assert "r.html already exists" in bank.error("receipt", index, "--out", "s.json", "--html", "r.html", code=2)


def test_the_checker_page_and_its_fingerprint(bank):
    written = bank.data("checker", "--out", "checker.html")
    data = (bank.folder / "checker.html").read_bytes()
    assert written == {"file": "checker.html", "sha256": sha256(data).hexdigest(), "size_bytes": len(data)}
    assert written["sha256"] in bank.text("checker")
    assert "already exists" in bank.error("checker", "--out", "checker.html", code=2)
    assert "does not exist" in bank.error("checker", "--out", "nowhere/checker.html", code=2)


def test_a_code_that_opens_the_checker_page(bank):
    index = str(first_decision(bank))
    settings = bank.home / "counterfoil.toml"
    settings.write_text(settings.read_text() + 'public_url = "https://receipts.bank.example"\n')
    bank.text("receipt", index, "--out", "r.json", "--qr", "r.svg")
    assert "https://receipts.bank.example/check#o=bank.example/credit&amp;i=" in (bank.folder / "r.svg").read_text()


def test_a_whole_receipt_is_held_against_the_log_of_today(bank):
    bank.text("receipt", str(first_decision(bank)), "--out", "r.json")
    bank.text("bundle", "b.zip")
    args = ["check", "r.json", "--issuer", bank.issuer, "--against", "b.zip", "--require", "kept", "--now"]
    assert bank.data(*args)["answer"] == "kept"


def test_bundles_of_the_log_of_records_and_of_a_person(bank):
    size = bank.data("log", "head")["size"]
    index = first_decision(bank)
    (bank.folder / "old.head").write_text(bank.text("log", "head"))
    whole = bank.data("bundle", "all.zip", "--show", "everything")
    assert whole["records"] == bank.data("log", "head")["size"] > size  # it counted the streams first
    args = ["check", "all.zip", "--issuer", bank.issuer, "--since", "old.head", "--require", "complete"]
    assert bank.data(*args, "--require", "earlier")["exit_code"] == 0
    some = bank.data("bundle", "some.zip", "--index", str(index), "--index", str(index + 1), "--show", "/output/label")
    assert some["shown"] == 2
    bank.text("check", "some.zip", "--issuer", bank.issuer)
    bank.text("outcome", str(index + 5), "--outcome", "repaid")
    one = bank.data("bundle", "one.zip", "--subject", "customer 5", "--show", "/outcome")
    assert one["shown"] == 1


def test_a_range_shows_no_field_outside_what_was_asked_for(bank):
    index = first_decision(bank)
    args = ["bundle", "part.zip", "--from", str(index), "--to", str(index + 1), "--show", "everything"]
    assert bank.data(*args)["shown"] == 2


def test_erasing_is_shown_first_and_done_when_told(bank):
    index = str(first_decision(bank))
    bank.text("receipt", index, "--out", "r.json")
    args = ["erase", "--person", "customer 0", "--basis", "GDPR Art. 17(1)(b)"]
    planned = bank.data(*args, "--dry-run")
    assert planned["erased"] == [int(index)]
    assert planned["done"] is False
    assert "--yes" in bank.error(*args, code=2)
    assert bank.data(*args, "--yes")["done"] is True
    bank.error(*args, "--yes", code=3)
    assert "erased" in bank.error("replay", index, code=3)
    assert bank.data("log", "show", index)["fields"] is None
    bank.text("check", "r.json", "--issuer", bank.issuer)
    assert bank.data("replay", "--all")["counts"] == {"as recorded": PEOPLE - 1, "not replayed": 1}
    assert bank.data("erase", "--due", "--yes")["done"] is False


def test_erasing_one_field_keeps_the_others(bank):
    index = str(first_decision(bank))
    bank.text("erase", "--record", index, "--field", "/input/housing", "--basis", "asked", "--yes")
    shown = bank.data("log", "show", index, "--values")["fields"]
    gone = [each["pointer"] for each in shown if not each["is_there"]]
    assert gone == ["/input/housing"]
    assert bank.data("erase", "--record", index, "--basis", "asked", "--yes")["erased"] == [int(index)]
