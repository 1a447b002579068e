"""What the buyer's commands print."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from counterfoil.market.buying.commands import fetching_command

FALSE_PROGRAM = "#!/bin/sh\nfor each; do printf '%s\\n' \"$each\" >> said; done\n"


@pytest.mark.parametrize("name", ["scans.csv", "a; touch spoilt", "$(touch spoilt)", "`touch spoilt`", 'it\'s "one"'])
def test_a_line_for_a_shell_does_nothing_else_whatever_the_seller_calls_its_file(tmp_path: Path, name: str) -> None:
    tools, folder = tmp_path / "tools", tmp_path / "to $HOME; here"
    for made in (tools, folder):
        made.mkdir()
    for program in ("curl", "age"):
        (tools / program).write_text(FALSE_PROGRAM)
        (tools / program).chmod(0o755)
    (folder / "ticket").write_text("cft_1\n")
    url = "https://node.example/$(touch spoilt)/content"
    line = fetching_command(folder / "key", folder / "ticket", url, name)
    subprocess.run(["sh", "-c", line], cwd=tmp_path, env={"PATH": f"{tools}:/usr/bin:/bin"}, check=True)
    assert {each.name for each in tmp_path.iterdir()} == {"tools", folder.name, "said", name}
    said = (tmp_path / "said").read_text().splitlines()
    assert {"Authorization: Bearer cft_1", url, str(folder / "key")} <= set(said)
