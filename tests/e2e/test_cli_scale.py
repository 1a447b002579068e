"""`counterfoil depot` and `ledger move-outbox`, and settings that name a database, as people read them."""

from __future__ import annotations

from cli_bank import bank, files, template

__all__ = ["bank", "files", "template"]


def name_setting(bank, line):
    with (bank.home / "counterfoil.toml").open("a") as settings:
        settings.write(line + "\n")


def test_models_are_pushed_kept_here_too_and_fetched_when_they_are_lost(bank):
    assert "depot_url" in bank.text("depot", "status")
    assert "the settings name no depot" in bank.error("depot", "push", code=5)
    name_setting(bank, f'depot_url = "file://{bank.folder}/depot"')
    waiting = bank.data("depot", "status")
    assert waiting["waiting"] > 0
    assert waiting["kept"] == 0
    assert bank.data("depot", "push")["parts"] == waiting["waiting"]
    told = bank.text("depot", "push", "--drop")
    assert "0 parts" in told
    assert "were freed here" in told
    assert bank.data("depot", "status")["here_too_bytes"] > 0  # models at work stay
    [model] = (each for each in (bank.home / "artefacts").iterdir() if not each.suffix)
    model.unlink()
    bank.text("replay", "--all")
    assert any((bank.home / "cache").iterdir())
    bank.text("doctor", code=0)


def test_a_password_in_the_settings_is_told_where_it_belongs(bank):
    name_setting(bank, 'views_url = "postgresql://bank:seven@db.example/evidence"')
    said = bank.error("log", "search", code=5)
    assert "PGPASSFILE" in said
    assert "seven" not in said


def test_the_tables_move_to_a_server_by_rebuild(bank, postgres):
    before = bank.data("log", "search")
    name_setting(bank, f'views_url = "{postgres.new_database()}"')
    bank.text("rebuild")
    assert bank.data("log", "search") == before


def test_an_outbox_is_moved_by_its_command(bank, postgres):
    bank.text("ledger", "connect", "--yes")
    assert "no outbox_url" in bank.error("ledger", "move-outbox", code=2)
    name_setting(bank, f'outbox_url = "{postgres.new_database()}"')
    assert "move-outbox" in bank.error("ledger", "anchor", code=5)
    assert "Nothing was changed." in bank.text("ledger", "move-outbox", "--dry-run")
    moved = bank.data("ledger", "move-outbox")
    assert moved["done"] is True
    assert moved["rows"] > 0
    bank.text("ledger", "anchor")
