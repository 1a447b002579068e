"""How large the console's pages are and how soon they are painted, with 1,000,000 decisions in the tables.

The pages are loaded in headless Chromium from a real node on loopback. Of the decisions in
the table, 5,000 have real records; the others are rows at places below 0, made at once, for
the pages read the table and only open what they show.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

import bank
import httpx
from measure import Figure, Run, start
from playwright.sync_api import Browser, sync_playwright
from sqlalchemy import text

from counterfoil.decisions.summary import KEPT_S
from counterfoil.node.access import HOME
from counterfoil.node.app import build_app
from counterfoil.node.node import Node
from counterfoil.node.server import Server, bind
from counterfoil.node.settings import NodeSettings
from counterfoil.organisation import Organisation
from counterfoil.web.roles import Role

DECISIONS = 1_000_000
REAL = 5_000
DAYS = 30
CHROMIUM = "/usr/bin/chromium"
PATHS = ("/", "/decisions", "/decisions/{decision}", "/policies", "/models", "/work", "/ledger", "/access", "/erase")

FIGURES = (
    Figure("page_kib", "KiB", "The largest page in all: document, style, script and images", "lower", 200),
    Figure("first_paint_ms", "milliseconds", "Overview, browser and counts cold", "lower", 1_000),
    Figure("first_paint_decisions_ms", "milliseconds", "The newest 50 decisions, browser cold", "lower", 1_000),
    Figure("search_by_subject_ms", "milliseconds", "Finding the decisions about one person", "lower", 50),
    Figure(
        "search_page_ms",
        "milliseconds",
        "The same as a page over HTTP, the record of who looked synced to disk",
        "lower",
    ),
    Figure("decisions_in_table", "decisions", "Rows in the table that was searched", "higher"),
)


def main() -> None:
    run = start("console", __doc__, FIGURES)
    with run.folder() as folder, bank.home(folder) as org:
        subjects = _fill(run, org)
        with _served(org) as (url, headers), sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
            for repetition in range(run.repeat):
                if repetition:
                    time.sleep(KEPT_S + 0.1)  # counts are cold again
                _paint(run, browser, url, headers)
                _search(run, org, url, headers, subjects)
            _weigh(run, browser, url, headers, org)
            browser.close()
    run.finish()


def _fill(run: Run, org: Organisation) -> list[str]:
    """Writes real decisions, then rows beside them up to the number wanted; returns people who were decided on."""
    real, wanted = run.count(REAL, least=60), run.count(DECISIONS, least=100)
    decisions = bank.Decisions(org, Random(run.seed), 100)
    for first in range(0, real, 1_000):
        org.recorder.record([decisions.prepare(number) for number in range(first, min(real, first + 1_000))])
        run.say(f"{first:,} records")
    org.views.catch_up()
    with org.views.engine.begin() as connection:
        columns = [row[1] for row in connection.execute(text("PRAGMA table_info(decisions)"))]
        shown = {"idx": "-i", "subject": "randomblob(16)", "time_s": f"time_s - (i % {DAYS}) * 86400"}
        shown["score_micro"] = "(i * 7919) % 1000000"
        selected = ", ".join(shown.get(name, name) for name in columns)
        statement = (
            f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {max(1, wanted - real)}) "
            f"INSERT INTO decisions ({', '.join(columns)}) SELECT {selected} FROM n, "
            "(SELECT * FROM decisions ORDER BY idx DESC LIMIT 1)"
        )
        connection.execute(text(statement))
        connection.execute(text("DELETE FROM decision_counts"))
        connection.execute(
            text(
                "INSERT INTO decision_counts SELECT time_s / 86400, deployment_idx, label_now, count(*) FROM decisions "
                "GROUP BY 1, 2, 3"
            )
        )
        run.add("decisions_in_table", int(connection.execute(text("SELECT count(*) FROM decisions")).scalar_one()))
    return [f"customer {number}" for number in range(real)]


@contextmanager
def _served(org: Organisation) -> Iterator[tuple[str, dict[str, str]]]:
    """Serves the console on a free port of loopback; yields its address and what lets in."""
    node = Node(org, NodeSettings(listen="127.0.0.1:0"))
    made = node.access.keys.add("benchmark", frozenset({Role.ADMIN}), by=HOME)
    server, listening = Server(build_app(node), node.settings), bind(node.settings)
    thread = threading.Thread(target=server.run, args=([listening],))
    thread.start()
    while not server.started and thread.is_alive():
        time.sleep(0.01)
    try:
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        yield address, {"authorization": f"Bearer {made.token}", "accept": "text/html"}
    finally:
        server.stop()
        thread.join()


def _paint(run: Run, browser: Browser, url: str, headers: dict[str, str]) -> None:
    """Opens pages in a fresh browser context each."""
    for figure, path in (("first_paint_ms", "/"), ("first_paint_decisions_ms", "/decisions")):
        context = browser.new_context(extra_http_headers=headers)
        page = context.new_page()
        page.goto(url + path)
        painted: Any = page.evaluate(
            """() => new Promise((done) => {
                const known = performance.getEntriesByName("first-paint")[0];
                if (known) return done(known.startTime);
                new PerformanceObserver((list, self) => {
                    const found = list.getEntriesByName("first-paint")[0];
                    if (found) { self.disconnect(); done(found.startTime); }
                }).observe({ type: "paint", buffered: true });
            })"""
        )
        run.add(figure, float(painted))
        run.say(f"{path} painted after {painted:.0f} ms")
        context.close()


def _search(run: Run, org: Organisation, url: str, headers: dict[str, str], subjects: list[str]) -> None:
    subject = Random(run.seed).choice(subjects)
    began = time.perf_counter()
    found = org.decisions.search(subject=subject)
    run.add("search_by_subject_ms", (time.perf_counter() - began) * 1e3)
    if not found:
        raise SystemExit(f"nothing was found about {subject}")
    began = time.perf_counter()
    page = httpx.post(f"{url}/decisions", data={"subject": subject}, headers=headers, timeout=60)
    run.add("search_page_ms", (time.perf_counter() - began) * 1e3)
    if page.status_code != 200 or "Nothing matches" in page.text:
        raise SystemExit(f"the page about {subject} does not show what was found")


def _weigh(run: Run, browser: Browser, url: str, headers: dict[str, str], org: Organisation) -> None:
    """Adds up what each page loads in a fresh browser context."""
    weights: dict[str, float] = {}
    newest = int(org.decisions.search(limit=1)[0]["idx"])
    for path in PATHS:
        context = browser.new_context(extra_http_headers=headers)
        page = context.new_page()
        loaded: list[Any] = []
        page.on("response", lambda response, loaded=loaded: loaded.append(response))
        page.goto(url + path.format(decision=newest), wait_until="networkidle")
        weights[path] = sum(len(each.body()) for each in loaded) / 1024
        context.close()
    run.add("page_kib", max(weights.values()))
    run.note("page_kib", ", ".join(f"{path} {weight:.0f}" for path, weight in weights.items()))


if __name__ == "__main__":
    main()
