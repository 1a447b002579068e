"""Takes the pictures of docs/guides: a made-up bank, in the real console, in headless Chromium."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import httpx
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "docs" / "guides"
CHROMIUM = "/usr/bin/chromium"
SIZE = {"width": 1120, "height": 760}
WIDE = {"width": 1420, "height": 760}

sys.path.insert(0, str(ROOT / "tests"))
from making_console import Shown, credit_home, showing  # noqa: E402
from making_lineage import tell  # noqa: E402


def main() -> None:
    with tempfile.TemporaryDirectory() as folder, showing(credit_home(Path(folder))) as shown:
        _take(shown, {"console-overview": "/", "console-decision": f"/decisions/{_told(shown)}"})
        _take(shown, {"lineage": f"/lineage/{tell(shown.org, Path(folder)).runs['join'].index}"}, WIDE)


def _told(shown: Shown) -> int:
    """Returns a decision that a person changed after an appeal."""
    return int(shown.org.decisions.search(overridden=True, limit=1)[0]["idx"])


def _take(shown: Shown, pages: dict[str, str], size: dict[str, int] = SIZE) -> None:
    policy = shown.org.decisions.policies()[-1].index
    httpx.post(f"{shown.url}/policies/{policy}/patterns", data={"a": "b"}, headers=shown.headers)
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--disable-gpu", *sandbox])
        context = browser.new_context(viewport=size, extra_http_headers=shown.headers)
        page = context.new_page()
        for name, path in pages.items():
            page.goto(shown.url + path)
            page.screenshot(path=FOLDER / f"{name}.png")
        browser.close()


if __name__ == "__main__":
    main()
