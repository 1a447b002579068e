"""Two real workers on loopback over TLS: jobs come back as they would have here."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from making_algorithms import TOTAL, numbers, total, work_on
from making_fleet import tls_files, two_workers

from counterfoil.errors import DoesNotMatch, InvalidInput, NodeUnreachable, NotAllowed, NotFound
from counterfoil.market.compute.approvals import Approvals
from counterfoil.market.compute.execution import Execution, Input, execute
from counterfoil.market.compute.sandbox import Exit, Sandbox, Walls
from counterfoil.market.compute.spreading import Fleet, Parcel, TlsFiles, run_parcel

APPROVALS = Approvals(digests=frozenset({total().digest_hex}))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    folder = tmp_path_factory.mktemp("fleet")
    tls = tls_files(folder)
    with two_workers(folder, tls) as address, Fleet(address, tls) as found:
        until = time.monotonic() + 60
        while len(found.workers) < 2:
            assert time.monotonic() < until, "the workers did not come"
            time.sleep(0.05)
        yield found


def test_what_workers_return_is_what_comes_out_here(fleet, tmp_path):
    works = [work_on(numbers(tmp_path), times=times) for times in range(1, 5)]
    spread = fleet.run(works, APPROVALS, [tmp_path / f"spread{n}" for n in range(4)])
    for number, (work, there) in enumerate(zip(works, spread, strict=True)):
        here = execute(Sandbox.open(), work, APPROVALS, tmp_path / f"here{number}")
        assert isinstance(there, Execution), there
        assert there.outcome.exit is Exit.FINISHED
        assert there.outcome.outputs == here.outcome.outputs
        assert there.environment == here.environment
        assert (there.outcome.folder / "total.txt").read_text() == str(5050 * (number + 1))
    assert len(fleet.workers) == 2
    assert all(each.startswith("tls://") for each in fleet.workers)


def test_a_worker_with_other_data_says_so_and_the_rest_comes_back(fleet, tmp_path):
    good = work_on(numbers(tmp_path))
    other = replace(good, inputs={"data": Input(good.inputs["data"].place, "00" * 32)})
    missing = replace(good, inputs={"data": Input(Path("/nowhere/data"), "00" * 32)})
    done = fleet.run([other, good, missing], APPROVALS, [tmp_path / "1", tmp_path / "2", tmp_path / "3"])
    assert [type(each) for each in done] == [DoesNotMatch, Execution, NotFound]


def test_an_algorithm_that_fails_there_fails_here(fleet, tmp_path):
    failing = total(b"raise SystemExit(3)")
    done = fleet.run(
        [work_on(numbers(tmp_path), failing)], Approvals(digests=frozenset({failing.digest_hex})), [tmp_path / "o"]
    )
    assert isinstance(done[0], Execution)
    assert (done[0].outcome.exit, done[0].outcome.exit_code) == (Exit.FAILED, 3)


def test_nothing_is_sent_that_is_not_approved(fleet, tmp_path):
    works = [work_on(numbers(tmp_path)), work_on(numbers(tmp_path), total(TOTAL + b"#"))]
    with pytest.raises(NotAllowed, match="is not approved"):
        fleet.run(works, APPROVALS, [tmp_path / "1", tmp_path / "2"])
    with pytest.raises(InvalidInput, match="one folder"):
        fleet.run(works, APPROVALS, [])


def test_a_stranger_without_the_fleets_certificate_is_not_let_in(fleet, tmp_path):
    stranger = tls_files(tmp_path)
    with pytest.raises(NodeUnreachable):
        Fleet(fleet.address, stranger, connect_s=2)


def test_bytes_changed_on_the_way_do_not_run(tmp_path):
    parcel = Parcel.of(work_on(numbers(tmp_path)), Walls.BUBBLEWRAP)
    with pytest.raises(DoesNotMatch, match="has the digest"):
        run_parcel(replace(parcel, algorithm=total(TOTAL + b"#").to_tar()))
    returned = run_parcel(parcel)
    lying = replace(returned, outputs=dict(returned.outputs) | {"total.txt": b"9999"})
    with pytest.raises(DoesNotMatch, match="arrived as something else"):
        lying.execution(parcel.digest_hex, tmp_path / "out")
    outputs = [each | {"name": "../../escaped"} for each in returned.outcome["outputs"]]
    escaping = replace(returned, outcome=dict(returned.outcome) | {"outputs": outputs})
    with pytest.raises(DoesNotMatch, match="outside of its folder"):
        escaping.execution(parcel.digest_hex, tmp_path / "a" / "b" / "out")


@pytest.mark.skipif(shutil.which("runsc") is None, reason="gVisor's runsc is not installed")
def test_a_worker_puts_up_the_walls_that_the_owner_wants(tmp_path):
    returned = run_parcel(Parcel.of(work_on(numbers(tmp_path)), Walls.GVISOR))
    assert "runsc" in returned.environment["walls"]
    assert returned.outputs["total.txt"] == b"5050"


@pytest.mark.parametrize(
    ("address", "error"),
    [
        pytest.param("tcp://10.0.0.5:8786", NotAllowed, id="plain-over-a-network"),
        pytest.param("tcp://scheduler.example:8786", NotAllowed, id="plain-by-name"),
        pytest.param("tls://10.0.0.5:8786", InvalidInput, id="tls-without-certificates"),
        pytest.param("ws://127.0.0.1:8786", InvalidInput, id="another-protocol"),
        pytest.param("tls://10.0.0.5", InvalidInput, id="no-port"),
        pytest.param("10.0.0.5:8786", InvalidInput, id="no-scheme"),
    ],
)
def test_what_is_not_safe_is_refused_before_anything_is_sent(address, error):
    with pytest.raises(error):
        Fleet(address)


def test_certificates_must_be_there(tmp_path):
    with pytest.raises(InvalidInput, match="no file of a certificate"):
        Fleet("tls://10.0.0.5:8786", TlsFiles(tmp_path / "a", tmp_path / "b", tmp_path / "c"))
