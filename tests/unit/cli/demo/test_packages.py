from __future__ import annotations

import importlib.util

from counterfoil.cli.main import run


def test_without_its_packages_the_demonstration_starts_nothing(tmp_path, monkeypatch, capsys):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name, *rest: None if name == "sklearn" else find_spec(name))
    monkeypatch.chdir(tmp_path)
    assert run(["demo"]) == 5
    said = capsys.readouterr()
    assert said.out == ""
    assert "missing: scikit-learn" in said.err
    assert "pip install '.[ml]'" in said.err
    assert list(tmp_path.iterdir()) == []
