"""Jobs bought and run next to the data: what may leave comes back with a receipt; what may not, stays."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from making_market import Stall, offered
from making_node import settled

from counterfoil.core.statement import parse_record
from counterfoil.errors import InvalidInput, NotAllowed, Stale
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.jobs.job_book import JobState

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

HEAD = '# /// counterfoil\n# name = "{name}"\n# version = "1"\n# ///\n'
MEAN = HEAD.format(name="mean") + (
    "import csv, json\n"
    "rows = list(csv.DictReader(open('/in/data')))\n"
    "least = json.load(open('/in/parameters.json'))['least']\n"
    "kept = [float(row['dose']) for row in rows if float(row['dose']) >= least]\n"
    "json.dump({'mean': round(sum(kept) / len(kept), 3)}, open('/out/result.json', 'w'))\n"
    "print('rows', len(rows))\n"
)
LEAK = HEAD.format(name="leak") + (
    "import csv, json\n"
    "rows = list(csv.reader(open('/in/data')))\n"
    "json.dump({'mean': 1.0, 'rows': rows[1:40]}, open('/out/result.json', 'w'))\n"
    "open('/out/notes.txt', 'w').write('all is well')\n"
)
FAILS = HEAD.format(name="fails") + "raise SystemExit('person 7 is ill')\n"
RESULT = {
    "type": "object",
    "properties": {"mean": {"type": "number"}},
    "required": ["mean"],
    "additionalProperties": False,
}
GATE = {
    "maxBytes": 10_000,
    "files": [
        {"name": "result.json", "type": "json", "maxBytes": 1_000, "schema": RESULT},
        {"name": "notes.txt", "type": "text", "maxBytes": 1_000},
    ],
}
SCHEMA = {
    "type": "object",
    "properties": {"least": {"type": "number", "default": 0}},
    "additionalProperties": False,
}


def algorithm(text: str) -> Algorithm:
    return Algorithm.of({"main.py": text.encode()})


@pytest.fixture
def doses(tmp_path: Path, request: pytest.FixtureRequest) -> Path:
    path = tmp_path / "doses.csv"
    lines = [f"{request.node.name[:20]}-{each},{(each * 37) % 101 / 7:.6f}" for each in range(300)]
    path.write_text("person,dose\n" + "\n".join(lines) + "\n")
    return path


def job_offer(stall: Stall, path: Path, name: str, *approved: str, **compute: Any) -> str:
    rules = {"gate": GATE, **compute} | ({"algorithms": {"digests": list(approved)}} if approved else {})
    offer, _ = offered(
        stall, path, name=name, kind="job", delivery_s=3_600, window_s=600, compute=rules, parameters=SCHEMA
    )
    return offer.offer


def compute(stall: Stall, offer: str, wanted: ToCompute) -> str:
    bought = stall.buyer.market.computing.planning(offer, wanted).carry_out(lambda _: None)
    return bought.order


def reach(stall: Stall, order: str, state: JobState) -> None:
    """Returns when a job is so far; the serving node moves it, too."""
    jobs = stall.seller.market.jobs

    def is_there() -> bool:
        jobs.step()
        return jobs.book.at(order).state is state

    settled(is_there)


def entries(stall: Stall, kind: str) -> list[dict[str, Any]]:
    org = stall.seller
    records = [parse_record(org.archive.entry(place)) for place in range(org.archive.size)]
    return [dict(each.about) for each in records if each.kind == kind]


def test_what_may_leave_comes_back_with_a_receipt_that_the_ledger_names(
    stall: Stall, doses: Path, tmp_path: Path
) -> None:
    mean = algorithm(MEAN)
    offer = job_offer(stall, doses, "doses", mean.digest_hex, rerunPercent=100)
    order = compute(stall, offer, ToCompute(mean, {"least": 7}))
    reach(stall, order, JobState.DELIVERED)
    assert stall.buyer.market.computing.status(order)["state"] == "delivered"
    result = stall.buyer.market.computing.fetch(order, tmp_path / "result")
    receipt = result.receipt
    assert stall.buys.order(order).state == "delivered"
    assert stall.buys.order(order).digest == result.signed.digest_hex
    assert (receipt.exit, receipt.algorithm, receipt.rerun) == (
        "finished",
        mean.digest_hex,
        {"differing": [], "environment": []},
    )
    found = json.loads((tmp_path / "result" / "out" / "result.json").read_bytes())
    expected = [round((each * 37) % 101 / 7, 6) for each in range(300)]
    kept = [each for each in expected if each >= 7]
    assert found == {"mean": round(sum(kept) / len(kept), 3)}
    assert set(result.outputs) == {"result.json"}
    assert b"rows 300" in stall.seller.market.jobs.log(order)
    told = entries(stall, "execution")[-1]
    assert (told["order"], told["receipt"], told["released"]) == (
        order,
        result.signed.digest_hex,
        [receipt.outputs[0].sha256],
    )


def test_rows_do_not_leave_and_what_a_person_looks_at_waits_for_her(stall: Stall, doses: Path) -> None:
    leak = algorithm(LEAK)
    order = compute(stall, job_offer(stall, doses, "leak", leak.digest_hex), ToCompute(leak))
    jobs = stall.seller.market.jobs
    reach(stall, order, JobState.HELD)
    with pytest.raises(Stale, match="the job is held"):
        stall.buyer.market.computing.fetch(order)
    waiting = jobs.pending()
    assert [each.name for each in waiting] == ["notes.txt"]
    shown = jobs.preview(waiting[0].job, "notes.txt")
    assert shown.text == "all is well"
    jobs.decide(waiting[0].job, "notes.txt", shown.sha256, releases=False, by="user:ada", reason="it says nothing")
    reach(stall, order, JobState.DELIVERED)
    result = stall.buyer.market.computing.fetch(order)
    assert dict(result.outputs) == {}
    assert [(each["name"], each["outcome"]) for each in json.loads(result.gate)["files"]] == [
        ("notes.txt", "held"),
        ("result.json", "refused"),
    ]
    assert stall.buys.order(order).charge.units == 0  # who gets nothing pays nothing
    assert entries(stall, "release")[-1]["verdict"] == "withheld"


def test_nothing_runs_that_was_not_approved_and_what_failed_tells_one_bit(stall: Stall, doses: Path) -> None:
    mean, fails = algorithm(MEAN), algorithm(FAILS)
    offer = job_offer(stall, doses, "approval", mean.digest_hex)
    with pytest.raises(NotAllowed, match="is not approved"):
        compute(stall, offer, ToCompute(fails))
    stall.seller.market.jobs.approved.add(fails.digest_hex)
    bought = next(each for each in stall.buyer.market.purchases.all() if each.offer == offer)
    stall.buyer.market.computing.hand_in(bought.order)  # bought before, and approved now
    reach(stall, bought.order, JobState.DELIVERED)
    result = stall.buyer.market.computing.fetch(bought.order)
    assert (result.receipt.exit, dict(result.outputs)) == ("failed", {})
    assert b"person 7" not in result.signed.encode() + result.gate
    assert b"person 7 is ill" in stall.seller.market.jobs.log(bought.order)


def test_parameters_are_held_against_the_offers_schema_before_anything_is_paid(stall: Stall, doses: Path) -> None:
    mean = algorithm(MEAN)
    offer = job_offer(stall, doses, "parameters", mean.digest_hex)
    spent = stall.buys.balance().units
    with pytest.raises(InvalidInput, match="least"):
        compute(stall, offer, ToCompute(mean, {"least": "seven"}))
    assert stall.buys.balance().units == spent


def test_a_result_has_nowhere_to_go_where_something_is_before_anything_is_paid(
    stall: Stall, doses: Path, tmp_path: Path
) -> None:
    mean = algorithm(MEAN)
    offer = job_offer(stall, doses, "taken", mean.digest_hex)
    (tmp_path / "model").mkdir()
    known = stall.buyer.market.purchases.all()
    with pytest.raises(InvalidInput, match="model already exists"):
        stall.buyer.market.computing.planning(offer, ToCompute(mean), to=tmp_path / "model")
    assert stall.buyer.market.purchases.all() == known


def test_statistics_leave_with_noise_until_the_budget_is_used_up(stall: Stall, doses: Path) -> None:
    pytest.importorskip("opendp")
    privacy = {"budget": {"epsilon": 1}, "person": "person", "statistics": {"columns": ["dose"], "mostEpsilon": 0.8}}
    offer = job_offer(stall, doses, "noise", privacy=privacy)
    asked = [{"name": "doses", "kind": "mean", "column": "dose", "epsilon": 0.8, "low": 0, "high": 15}]
    before = stall.buys.balance().units
    for changed in ({"column": "person"}, {"epsilon": 0.9}, {"epsilon": "much"}):
        with pytest.raises((InvalidInput, NotAllowed)):
            compute(stall, offer, ToCompute(statistics=[asked[0] | changed]))
    assert stall.buys.balance().units == before
    orders = [compute(stall, offer, ToCompute(statistics=asked))]
    reach(stall, orders[0], JobState.DELIVERED)
    orders.append(compute(stall, offer, ToCompute(statistics=asked)))
    first = stall.buyer.market.computing.fetch(orders[0])
    answer = json.loads(first.outputs["answer.json"])
    assert (answer["kind"], answer["epsilon"]) == ("statistics", 0.8)
    reach(stall, orders[1], JobState.REFUNDED)  # what cannot be answered is not paid
    assert "0.2 of this buyer's budget is left" in stall.seller.market.jobs.book.at(orders[1]).told
    assert stall.buys.order(orders[1]).state == "refunded"
    spent = entries(stall, "privacy-spending")
    amounts = [(each["cost"]["epsilonMillionths"], each["left"]["epsilonMillionths"]) for each in spent]
    assert ([each["order"] for each in spent], amounts) == ([orders[0]], [(800_000, 200_000)])


def free_jobs(stall: Stall, path: Path, name: str, found: Algorithm) -> str:
    """Offers jobs for nothing, one to each buyer."""
    once = {"rules": [{"name": "one free job", "effect": "allow", "uses": {"per": "buyer", "most": 1}}]}
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    draft = {"kind": "job", "price": "0", "delivery_s": 3_600, "window_s": 600, "parameters": SCHEMA}
    offer, _ = offered(stall, path, name=name, terms=once, compute=rules, **draft)
    assert offer.price.text == "nothing"
    return offer.offer


def handed_in(stall: Stall, offer: str) -> list[str]:
    return [each.order for each in stall.seller.market.jobs.book.all() if each.offer == offer]


def test_a_second_free_job_of_the_same_buyer_is_refused(stall: Stall, doses: Path) -> None:
    """Also one that was asked about before the first was given: what counts is asked again when it is handed in."""
    mean, computing = algorithm(MEAN), stall.buyer.market.computing
    offer = free_jobs(stall, doses, "free", mean)
    first, second = (computing.planning(offer, ToCompute(mean, {"least": least})) for least in (0, 7))
    order = first.carry_out(lambda _: None).order
    reach(stall, order, JobState.DELIVERED)
    with pytest.raises(NotAllowed, match="'one free job' gives access 1 time for each buyer"):
        second.carry_out(lambda _: None)
    with pytest.raises(NotAllowed, match="'one free job' gives access 1 time for each buyer"):
        computing.planning(offer, ToCompute(mean, {"least": 8}))
    assert handed_in(stall, offer) == [order]
    assert set(computing.fetch(order).outputs) == {"result.json"}


def test_what_is_free_runs_nothing_that_was_not_approved(stall: Stall, doses: Path) -> None:
    offer = free_jobs(stall, doses, "free, approved", algorithm(MEAN))
    with pytest.raises(NotAllowed, match="is not approved"):
        compute(stall, offer, ToCompute(algorithm(f"{MEAN}# nobody read this\n")))
    assert handed_in(stall, offer) == []
