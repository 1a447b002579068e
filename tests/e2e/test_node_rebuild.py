"""Requests that come again while the searchable tables are made anew, again and again: none is done twice."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter

import httpx
from making_node import serving

from counterfoil.core.statement import read_record

SECONDS = 6.0


def test_rebuilds_under_load_double_nothing(tmp_path):
    with serving(tmp_path) as node:
        headers = {"authorization": node.client.headers["authorization"]}
        ends_s = time.monotonic() + SECONDS
        answers: dict[str, set[int]] = {}

        def decide(number: int) -> None:
            draw, names = random.Random(number), []
            with httpx.Client(base_url=node.url, headers=headers, timeout=60) as client:
                while time.monotonic() < ends_s:
                    name = draw.choice(names) if names and draw.random() < 0.5 else f"{number}-{len(names)}"
                    told = client.post(
                        f"/api/v1/deployments/{node.deployment}/decisions",
                        json={"applicant": node.applicant, "subject": name},
                        headers={"idempotency-key": name},
                    )
                    if (
                        told.status_code == 503
                    ):  # the tables went away under its hands: it is asked again, as clients do
                        names.append(name)
                        continue
                    answers.setdefault(name, set()).add(told.json()["index"])
                    if name not in names:
                        names.append(name)

        def rebuild() -> None:
            with httpx.Client(base_url=node.url, headers=headers, timeout=60) as client:
                while time.monotonic() < ends_s:
                    client.post("/api/v1/rebuild", json={})
                    client.post("/api/v1/keys/vault/rotate", json={})

        threads = [threading.Thread(target=decide, args=(number,)) for number in range(4)]
        threads.append(threading.Thread(target=rebuild))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        tags = Counter(
            read_record(entry).about.get("request")
            for entry in node.org.archive.entries()
            if read_record(entry).kind == "decision"
        )
    assert len(answers) > 20
    assert {len(places) for places in answers.values()} == {1}
    assert max(tags.values()) == 1
