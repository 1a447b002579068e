"""Decides, erases, rotates and rebuilds in a home until it is killed, and says what was acknowledged.

    python decision_writer.py HOME

For every line `<what> <seed>` on standard input a child is forked, so that a run costs
no imports, and none of the tables that a model is put to work with. Standard output gets
`started <pid>`, then one line for each thing that was acknowledged to the child, then
`ended <status>`.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from organisations import ROW, policy, put_to_work, rows

from counterfoil.decisions import Decision, Deployment
from counterfoil.errors import Recalled
from counterfoil.organisation import Organisation

THREADS = 4


def say(*words: object) -> None:
    """One short write to a pipe is never torn."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def acknowledge(decision: Decision) -> None:
    say("decided", decision.index, decision.seq, decision.leaf, decision.subject)


def decide_forever(loans: Deployment, seed: int, number: int) -> None:
    chance = random.Random(f"{seed}/{number}")
    for count in range(1_000_000):
        subject = f"p-{seed}-{number}-{count}"
        if chance.random() < 0.7:
            acknowledge(loans.decide(ROW | {"credit_amount": chance.randrange(1, 9_000)}, subject=subject))
            continue
        asked = [ROW | {"credit_amount": amount} for amount in range(chance.choice([2, 7, 40]))]
        for decision in loans.decide_many(asked, subjects=[f"{subject}-{place}" for place in range(len(asked))]):
            acknowledge(decision)


def decide(org: Organisation, seed: int) -> None:
    loans = put_to_work(org)
    for number in range(1, THREADS):
        threading.Thread(target=decide_forever, args=(loans, seed, number), daemon=True).start()
    decide_forever(loans, seed, 0)


def erase(org: Organisation, seed: int) -> None:
    loans = put_to_work(org)
    for count in range(1_000_000):
        subjects = [f"e-{seed}-{count}-{place}" for place in range(4)]
        decisions = loans.decide_many([ROW] * 4, subjects=subjects)
        for decision in decisions:
            acknowledge(decision)
        say("erasing", subjects[0], decisions[1].index, decisions[2].index)
        org.erasures.erase_person(subjects[0], basis="test")
        say("erased", decisions[0].index)
        org.erasures.erase_record(decisions[1].index or 0, basis="test")
        say("erased", decisions[1].index)
        org.erasures.erase_fields(decisions[2].index or 0, ["/input/housing", "/subject"], basis="test")
        say("erased-fields", decisions[2].index)


def rotate_log(org: Organisation, seed: int) -> None:
    loans = put_to_work(org)
    acknowledge(loans.decide(ROW, subject=f"r-{seed}"))
    org.rotate_log_key()
    say("rotated", org.issuer)
    decide_forever(loans, seed, 0)


def rotate_vault(org: Organisation, seed: int) -> None:
    loans = put_to_work(org)
    threading.Thread(target=decide_forever, args=(loans, seed, 1), daemon=True).start()
    while True:
        org.rotate_vault_key()
        say("rotated", seed)


def recall(org: Organisation, seed: int) -> None:
    """Opens and ends recalls of the model that other threads decide with."""
    for each in org.recalls.open_ones():
        say("ended-recall", each.index, org.recalls.end(each.index, reason="left open", by="test").index)
    loans = put_to_work(org)

    def decide_where_allowed(number: int) -> None:
        for count in range(1_000_000):
            try:
                acknowledge(loans.decide(ROW, subject=f"q-{seed}-{number}-{count}"))
            except Recalled:
                time.sleep(0.001)

    for number in range(1, THREADS):
        threading.Thread(target=decide_where_allowed, args=(number,), daemon=True).start()
    while True:
        time.sleep(0.002)
        opened = org.recalls.open(loans.model, reason="doubled", by="test")
        say("recalled", opened.recall.index, opened.reach.decisions)
        time.sleep(0.002)
        say("ended-recall", opened.recall.index, org.recalls.end(opened.recall.index, reason="mended", by="test").index)


def rebuild(org: Organisation, seed: int) -> None:
    while True:
        org.rebuild()
        say("rebuilt", org.archive.size)


WORK: dict[str, Callable[[Organisation, int], None]] = {
    "decide": decide,
    "erase": erase,
    "rotate-log": rotate_log,
    "rotate-vault": rotate_vault,
    "rebuild": rebuild,
    "recall": recall,
}


def main(home: Path) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)
    rows(1), policy()  # what these load is there for all children
    for line in sys.stdin:
        what, seed = line.split()
        child = os.fork()
        if child == 0:
            code = 1
            try:
                with Organisation.open(home, now=time.time) as org:
                    WORK[what](org, int(seed))
            except KeyboardInterrupt:
                code = 130
            finally:
                os._exit(code)  # other threads may still be at work
        say("started", child)
        _, status = os.waitpid(child, 0)
        say("ended", status)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
