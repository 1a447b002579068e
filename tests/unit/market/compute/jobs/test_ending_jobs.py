"""How jobs end that do not end well: taken back, due, changed data, crashes; and where the money is then."""

from __future__ import annotations

import http.client
import json
import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import click
import httpx
import pytest
from making_jobs import CHANCE, COUNT, GATE, HEAD, AtHome, algorithm, bought, step
from making_market import Stall, offered
from making_node import settled
from two_traders import done

from counterfoil.core.statement import parse_record
from counterfoil.errors import InvalidInput, MalformedEvidence, NotAllowed, NotFound, Stale
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.compute import commands
from counterfoil.market.compute.jobs.closing import KEPT_S
from counterfoil.market.compute.jobs.job_book import JobState
from counterfoil.market.compute.jobs.jobs import Jobs
from counterfoil.market.compute.jobs.result_file import pack_result, read_result

pytestmark = pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")

NOTE = HEAD + "open('/out/note.txt', 'w').write('look at me')\n"
SLOW = HEAD + "import time\nprint('begun', flush=True)\ntime.sleep(60)\n"
NAMES = HEAD + "open('/out/person-7-is-ill', 'w').write('x')\n"
MEAN = HEAD + (
    "import csv, json\n"
    "doses = [float(row['dose']) for row in csv.DictReader(open('/in/data'))]\n"
    "json.dump({'dose': sum(doses) / len(doses), 'person': 'p-7'}, open('/out/answer.json', 'w'))\n"
)


@contextmanager
def standing_still(stall: Stall) -> Iterator[Jobs]:
    """Holds the node's own thread back, so that a job is moved by the test alone."""
    jobs = stall.seller.market.jobs
    with jobs._running:
        yield jobs


def anew(stall: Stall) -> Jobs:
    """Opens the jobs of the seller's home again, as after a kill: nothing in memory is left."""
    org = stall.seller
    org.market.close()
    return org.market.jobs


def records(stall: Stall, kind: str, order: str) -> list[dict[str, Any]]:
    org = stall.seller
    found = [parse_record(org.archive.entry(place)) for place in range(org.archive.size)]
    return [dict(each.about) for each in found if each.kind == kind and order in (each.about.get("order"), "")]


def test_what_was_taken_back_is_refunded_by_the_node_and_nothing_of_it_is_kept(stall: Stall, doses: Path) -> None:
    with standing_still(stall):
        order = bought(stall, doses, COUNT)
        before = stall.buys.balance().units
        assert stall.buyer.market.computing.cancel(order)["state"] == "cancelled"
    step(stall, order, JobState.REFUNDED)
    assert stall.buys.order(order).state == "refunded"
    assert stall.buys.balance().units + stall.buys.owed().units > before
    assert stall.buyer.market.computing.status(order)["state"] == "refunded"
    assert not (stall.seller.home.paths.market / "jobs" / order[2:]).exists()
    with pytest.raises(Stale):
        stall.seller.market.jobs.cancel(order)


def test_one_that_runs_is_stopped_and_refunded(stall: Stall, doses: Path) -> None:
    order = bought(stall, doses, SLOW)
    jobs = stall.seller.market.jobs
    jobs.start()  # as a serving node does
    settled(lambda: jobs.live is not None and bool(jobs.live.lines))
    stall.buyer.market.computing.cancel(order)
    assert step(stall, order, JobState.REFUNDED).told == "its buyer took it back"


def test_one_that_waits_for_a_person_until_it_is_due_is_refunded_and_its_files_are_gone(
    stall: Stall, doses: Path
) -> None:
    order = bought(stall, doses, NOTE)
    job = step(stall, order, JobState.HELD)
    jobs = stall.seller.market.jobs
    shown = jobs.preview(job.job, "note.txt")
    stall.clock.move(3_601)
    assert step(stall, order, JobState.REFUNDED).told == "it was due before it was delivered"
    assert jobs.pending() == []
    assert not (stall.seller.home.paths.market / "desk" / "files" / shown.sha256).exists()
    with pytest.raises(Stale, match="refunded"):
        jobs.result(order)


def test_an_order_that_was_refunded_while_its_job_ran_gives_no_result(stall: Stall, doses: Path) -> None:
    with standing_still(stall) as jobs:
        order = bought(stall, doses, COUNT)
        jobs._run(jobs.book.at(order))
        assert jobs.book.at(order).state is JobState.READY
        done(stall.sells.refunding(order))
    step(stall, order, JobState.REFUNDED)
    assert records(stall, "execution", order) == []


def test_data_that_changed_after_they_were_published_are_not_computed_on(stall: Stall, doses: Path) -> None:
    with standing_still(stall):
        order = bought(stall, doses, COUNT)
        doses.write_text(doses.read_text() + "one-more,1\n")
    assert "content root" in step(stall, order, JobState.REFUNDED).told


def test_an_approval_that_is_taken_back_while_a_job_waits_counts(stall: Stall, doses: Path) -> None:
    with standing_still(stall) as jobs:
        jobs.approved.add(algorithm(COUNT).digest_hex)
        offer, _ = offered(stall, doses, name="later", kind="job", delivery_s=60, window_s=60, compute={"gate": GATE})
        planned = stall.buyer.market.computing.planning(offer.offer, ToCompute(algorithm(COUNT)))
        order = planned.carry_out(lambda _: None).order
        jobs.approved.remove(algorithm(COUNT).digest_hex)
    assert "is not approved" in step(stall, order, JobState.REFUNDED).told


def test_an_algorithm_that_is_swapped_on_the_disk_is_not_run(stall: Stall, doses: Path) -> None:
    with standing_still(stall):
        order = bought(stall, doses, COUNT)
        packed = stall.seller.home.paths.market / "jobs" / order[2:] / "algorithm.tar"
        packed.write_bytes(algorithm(CHANCE).to_tar())
    assert "not the one that was bought" in step(stall, order, JobState.REFUNDED).told


@pytest.mark.parametrize("after", ["queued", "running", "gate", "receipt", "delivered"])
def test_killed_at_any_step_a_job_goes_on_and_is_counted_once(stall: Stall, doses: Path, after: str) -> None:
    """An algorithm that gives something else each time: what the desk took first is what leaves."""
    with standing_still(stall) as jobs:
        order = bought(stall, doses, CHANCE)
        book, first = jobs.book, b""
        if after == "running":
            book.change(order, JobState.QUEUED, state=JobState.RUNNING)
        if after in ("gate", "receipt", "delivered"):
            jobs._run(book.at(order))
            first = jobs._delivery.leaving(book.at(order))["count.json"]
        if after == "gate":  # the desk has it, and the book does not say so yet
            book.change(order, JobState.READY, state=JobState.RUNNING)
        if after in ("receipt", "delivered"):
            jobs._delivery.deliver(book.at(order))
            book.change(order, JobState.DELIVERED, state=JobState.READY)
    anew(stall)
    step(stall, order, JobState.DELIVERED)
    result = stall.buyer.market.computing.fetch(order)
    assert first in (b"", result.outputs["count.json"])
    assert stall.buys.order(order).digest == result.signed.digest_hex
    assert [each["receipt"] for each in records(stall, "execution", order)] == [result.signed.digest_hex]


def test_what_was_decided_at_the_desk_goes_on_after_a_kill(stall: Stall, doses: Path) -> None:
    order = bought(stall, doses, NOTE)
    job = step(stall, order, JobState.HELD)
    with standing_still(stall) as jobs:
        digest = jobs.preview(job.job, "note.txt").sha256
        jobs.decide(job.job, "note.txt", digest, releases=True, by="user:ada", reason="it says nothing")
        jobs.book.change(order, JobState.READY, state=JobState.HELD)
    anew(stall)
    step(stall, order, JobState.DELIVERED)
    assert stall.buyer.market.computing.fetch(order).outputs == {"note.txt": b"look at me"}
    with pytest.raises(Stale, match="was released before"):
        stall.seller.market.jobs.decide(job.job, "note.txt", digest, releases=False, by="user:bo", reason="no")


def test_what_was_decided_while_its_job_was_still_running_goes_on(stall: Stall, doses: Path) -> None:
    """The desk has a file a moment before the book says that its job is held."""
    order = bought(stall, doses, NOTE)
    job = step(stall, order, JobState.HELD)
    with standing_still(stall) as jobs:
        jobs.book.change(order, JobState.HELD, state=JobState.RUNNING)
        digest = jobs.preview(job.job, "note.txt").sha256
        jobs.decide(job.job, "note.txt", digest, releases=True, by="user:ada", reason="it says nothing")
        jobs.book.change(order, JobState.RUNNING, state=JobState.HELD)
    step(stall, order, JobState.DELIVERED)


def test_the_owner_reads_logs_and_outputs_line_by_line_and_decides(
    stall: Stall, doses: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Set in, so that no line of theirs can pass for one of the command's own."""
    text = "look at me\nSHA-256 0000"
    order = bought(stall, doses, HEAD + f"print('one\\n\\x1b[2Jtwo')\nopen('/out/note.txt', 'w').write({text!r})\n")
    job = step(stall, order, JobState.HELD).job
    second = bought(stall, doses, NOTE)
    other = step(stall, second, JobState.HELD).job

    def said(command: click.Command, *given: str) -> list[str]:
        command.main(list(given), obj=AtHome(stall.seller), standalone_mode=False)
        return capsys.readouterr().out.splitlines()

    assert said(commands.jobs, order, "--log")[-2:] == ["  one", "  \\x1b[2Jtwo"]
    assert {line.split()[0] for line in said(commands.release)[1:]} >= {job, other}
    assert [line.split()[:2] for line in said(commands.release, job)[1:]] == [[job, "note.txt"]]
    with pytest.raises(NotFound, match="there is no job"):
        said(commands.release, "0" * 64)
    assert said(commands.release, job, "note.txt")[:2] == ["  look at me", "  SHA-256 0000"]
    why = ("--reason", "it says nothing", "--by", "ada", "--yes")
    assert said(commands.release, job, "note.txt", *why) == ["note.txt is released."]
    assert said(commands.release, job) == ["Nothing waits."]
    assert said(commands.release, other, "note.txt", "--withhold", *why) == ["note.txt is withheld."]
    for each in (order, second):
        step(stall, each, JobState.DELIVERED)
    with pytest.raises(NotFound, match="never approved") as caught:
        stall.seller.market.jobs.approved.remove("0" * 64)
    assert "counterfoil market approved" in caught.value.hint


def test_it_is_settled_when_its_window_is_over_and_forgotten_in_the_end(stall: Stall, doses: Path) -> None:
    order = bought(stall, doses, COUNT)
    step(stall, order, JobState.DELIVERED)
    stall.clock.move(601)

    def is_settled() -> bool:
        stall.seller.market.jobs.step()
        return stall.sells.order(order).state == "settled"

    settled(is_settled)
    assert set(stall.buyer.market.computing.fetch(order).outputs) == {"count.json"}  # it can still be fetched
    stall.clock.move(KEPT_S)
    job = step(stall, order, JobState.FORGOTTEN)
    with pytest.raises(Stale, match="forgotten"):
        stall.seller.market.jobs.result(job.order)
    assert not (stall.seller.home.paths.market / "jobs" / order[2:]).exists()


def test_a_rerun_that_differs_is_told_and_names_carry_nothing(stall: Stall, doses: Path) -> None:
    order = bought(stall, doses, CHANCE, rerunPercent=100)
    step(stall, order, JobState.DELIVERED)
    rerun = stall.buyer.market.computing.fetch(order).receipt.rerun
    assert rerun is not None
    assert rerun["differing"] == ["count.json"]
    drawn = bought(stall, doses, COUNT, rerunPercent=50)
    step(stall, drawn, JobState.DELIVERED)
    receipt = stall.buyer.market.computing.fetch(drawn).receipt
    place = int(sha256(b"rerun" + bytes.fromhex(receipt.job)).hexdigest()[:8], 16) % 100
    assert (receipt.rerun is not None) is (place < 50)
    other = bought(stall, doses, NAMES)
    step(stall, other, JobState.DELIVERED)
    result = stall.buyer.market.computing.fetch(other)
    assert b"person-7" not in result.signed.encode() + result.gate
    assert [each["name"] for each in json.loads(result.gate)["files"]] == ["*"]


def test_times_are_rounded_as_the_offer_says_and_the_log_stays(stall: Stall, doses: Path) -> None:
    stall.clock.move(7)
    order = bought(stall, doses, COUNT, reportStep_ms=3_600_000)
    step(stall, order, JobState.READY)  # it has ended, and that is told and delivered at the full hour
    assert stall.seller.market.jobs.step() == 0
    assert stall.buyer.market.computing.status(order)["state"] == "running"
    stall.clock.move(3_590 - stall.clock.now_s % 3_600 + 10)
    order_due = stall.buys.order(order).due
    assert stall.clock.now_s <= order_due
    step(stall, order, JobState.DELIVERED)
    result = stall.buyer.market.computing.fetch(order)
    assert (result.receipt.started[14:], result.receipt.ended[14:]) == ("00:00Z", "00:00Z")
    assert result.receipt.usage["wall_ms"] == 3_600_000
    assert b"a log" not in result.signed.encode() + result.gate + b"".join(result.outputs.values())


def test_blocks_give_noisy_means_alone(stall: Stall, doses: Path) -> None:
    pytest.importorskip("opendp")
    blocks = {"count": 5, "epsilon": 8, "outputs": [{"name": "dose", "low": 0, "high": 6}]}
    code = f"{MEAN}print(len(open('/in/data').readlines()), 'lines')\n"
    order = bought(stall, doses, code, privacy={"budget": {"epsilon": 8}, "blocks": blocks})
    step(stall, order, JobState.DELIVERED)
    assert stall.seller.market.jobs.log(order).count(b" lines\n") == 5
    result = stall.buyer.market.computing.fetch(order)
    answer = json.loads(result.outputs["answer.json"])
    assert set(answer["answers"]["values"]) == {"dose"}
    assert abs(answer["answers"]["values"]["dose"] - 3) < 3
    assert b"p-7" not in result.outputs["answer.json"]
    assert result.receipt.usage["cpu_ms"] == 0
    assert [each["mechanism"] for each in records(stall, "privacy-spending", order)] == ["Laplace"]


def test_a_job_costs_one_use_of_what_the_terms_give(stall: Stall, doses: Path) -> None:
    """Free, and once for each order: asking how far it is, and fetching it, is no further use."""
    rule = {"name": "once", "effect": "allow", "uses": {"per": "order", "most": 1}}
    found = algorithm(COUNT)
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    draft = {"kind": "job", "price": "0", "delivery_s": 3_600, "window_s": 60}
    offer, _ = offered(stall, doses, name="free", compute=rules, terms={"rules": [rule]}, **draft)
    order = stall.buyer.market.computing.planning(offer.offer, ToCompute(found)).carry_out(lambda _: None).order
    step(stall, order, JobState.DELIVERED)
    assert stall.buyer.market.computing.status(order)["state"] == "delivered"
    assert set(stall.buyer.market.computing.fetch(order).outputs) == {"count.json"}


def test_parameters_that_nobody_described_are_not_taken(stall: Stall, doses: Path) -> None:
    found = algorithm(COUNT)
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    offer, _ = offered(stall, doses, name="plain", kind="job", delivery_s=3_600, window_s=60, compute=rules)
    with pytest.raises(InvalidInput, match="column"):
        stall.buyer.market.computing.planning(offer.offer, ToCompute(found, {"column": "person"}))


def test_an_order_takes_the_job_it_was_bought_for_and_no_second_one(stall: Stall, doses: Path) -> None:
    with standing_still(stall) as jobs:
        order, other = bought(stall, doses, COUNT), bought(stall, doses, CHANCE)
        spec = stall.buyer.market.purchases.at(other).job
        with pytest.raises(Stale, match="another job was handed in"):
            jobs.hand_in(order, spec, algorithm(CHANCE).to_tar())
        stall.buyer.market.computing.cancel(order)
        with pytest.raises(NotAllowed, match="bought with another order"):
            jobs.book.add(order="0x" + "1" * 64, offer="", buyer="", job=jobs.book.at(other).job, title="", spec=spec)
    step(stall, other, JobState.DELIVERED)
    assert stall.buyer.market.computing.hand_in(other)["state"] == "delivered"  # said again, it changes nothing
    assert not (stall.seller.home.paths.market / "jobs" / other[2:] / "algorithm.tar").exists()


def test_a_result_is_written_whole_once_and_an_odd_one_is_refused(stall: Stall, doses: Path, tmp_path: Path) -> None:
    order = bought(stall, doses, COUNT)
    step(stall, order, JobState.DELIVERED)
    result = stall.buyer.market.computing.fetch(order, tmp_path / "result")
    assert result.write(tmp_path / "result") == tmp_path / "result"  # as after a kill before it was on record
    assert sorted(each.name for each in tmp_path.iterdir()) == ["doses.csv", "result"]
    (tmp_path / "taken").mkdir()
    with pytest.raises(InvalidInput):
        result.write(tmp_path / "taken")
    for name in ("..", "a/b", "a\nb", ".hidden"):
        with pytest.raises(MalformedEvidence):
            read_result(pack_result(result.signed.encode(), {name: b"x"}, result.gate))


def test_a_buyer_killed_before_it_handed_the_job_in_goes_on(stall: Stall, doses: Path, tmp_path: Path) -> None:
    class Killed(BaseException):
        """Ends a program as a kill does: nobody catches it."""

    def tell(line: str) -> None:
        if line.startswith("Handing"):
            raise Killed

    found, computing = algorithm(COUNT), stall.buyer.market.computing
    rules = {"gate": GATE, "algorithms": {"digests": [found.digest_hex]}}
    offer, _ = offered(stall, doses, name="killed", kind="job", delivery_s=3_600, window_s=60, compute=rules)
    planned = computing.planning(offer.offer, ToCompute(found), to=tmp_path / "result")
    with pytest.raises(Killed):
        planned.carry_out(tell)
    assert computing.status(planned.order)["state"] == "awaited"
    computing.resume()
    step(stall, planned.order, JobState.DELIVERED)
    settled(lambda: bool(computing.resume()) or (tmp_path / "result").exists())
    assert (tmp_path / "result" / "out" / "count.json").read_bytes() == b"101"
    kept = stall.buyer.home.paths.market / "handed-in"
    assert [each for each in kept.iterdir() if each.name.startswith(planned.order[2:])] == []


def test_without_a_ticket_every_door_is_shut_and_huge_bodies_are_not_read(stall: Stall, doses: Path) -> None:
    order = bought(stall, doses, COUNT)
    step(stall, order, JobState.DELIVERED)
    other = bought(stall, doses, CHANCE)
    tickets = {each: stall.buyer.market.buying.ticket(each) for each in (order, other)}
    asked = (("GET", "job"), ("GET", "result"), ("POST", "cancel"), ("POST", "job"))

    def ask(method: str, name: str, ticket: str, body: Any = None, **headers: str) -> int:
        url = f"{stall.url}/api/v1/market/orders/{order}/{name}"
        with_ticket = {"authorization": f"Bearer {ticket}"} | headers
        return httpx.request(method, url, content=body, headers=with_ticket, timeout=30).status_code

    for method, name in asked:
        assert ask(method, name, "cft_" + "A" * 43) == 401
        assert ask(method, name, tickets[other]) == 401
    form = {"content-type": "multipart/form-data; boundary=x"}
    with closing(http.client.HTTPConnection(stall.url.removeprefix("http://"), timeout=30)) as connection:
        head = form | {"authorization": f"Bearer {tickets[order]}", "content-length": str(100 * 2**20)}
        connection.request("POST", f"/api/v1/market/orders/{order}/job", b"--x", head)  # the rest never comes
        assert connection.getresponse().status == 413
    assert ask("POST", "job", tickets[order], b"nonsense", **form) == 422
    assert ask("GET", "job", tickets[order]) == 200
