"""What a job meets under gVisor: a kernel of its own, and behind it nothing that the other walls would show."""

from __future__ import annotations

import platform
import shutil
import socket
from collections.abc import Iterator
from dataclasses import replace

import pytest
from making_sandbox import SMALL, USERS, Here, attempts, jobs_at, text

from counterfoil.errors import NotSetUp
from counterfoil.market.compute.environment import environment_of
from counterfoil.market.compute.sandbox import Exit, Sandbox, Walls
from counterfoil.market.compute.sandbox.filter import NEW_NAMESPACES

pytestmark = pytest.mark.skipif(shutil.which("runsc") is None, reason="gVisor's runsc is not installed")


@pytest.fixture(scope="module", params=USERS)
def jobs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    yield from jobs_at((request.param, Walls.GVISOR), tmp_path_factory)


def test_the_kernel_is_the_jobs_own_and_its_user_has_no_rights(jobs):
    code = (
        "import os\n"
        "status = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "print(os.uname().release, {status[k].strip() for k in ('CapEff', 'CapPrm', 'CapBnd', 'CapInh')})\n"
        "print(os.getuid(), os.getgid(), os.listdir('/proc').count('1'))\n"
    )
    lines = text(jobs.run(code)).splitlines()
    release, _, rights = lines[0].partition(" ")
    assert release != platform.release()
    assert rights == "{'0000000000000000'}"
    assert lines[1] == "0 0 1"


def test_sockets_lead_nowhere(jobs):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        outcome = jobs.run(
            attempts(
                f"socket.create_connection(('127.0.0.1', {port}), timeout=2)",
                "socket.create_connection(('192.0.2.1', 80), timeout=2)",
                "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ('192.0.2.1', 53))",
                "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
                "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
                "socket.socket(socket.AF_INET, socket.SOCK_RAW)",
                "socket.getaddrinfo('example.org', 80)",
            )
        )
    assert "done" not in text(outcome)
    assert text(outcome).count("no:") == 7


def test_it_cannot_become_anybody_or_change_what_is_mounted(jobs):
    outcome = jobs.run(
        attempts(
            "os.setuid(1)",
            "os.chown('/out', 1, 1)",
            "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",  # mount
            "call(166, b'/in', 2)",  # umount2
            "call(155, b'/tmp', b'/tmp')",  # pivot_root
            "os.mknod('/out/disk', 0o60600, os.makedev(8, 0))",
            "os.mknod('/dev/zero2', 0o20600, os.makedev(1, 5))",
            "open('/proc/sys/kernel/hostname', 'w').write('x')",
            "call(169, 0, 0, 0, 0)",  # reboot
            "call(175, 0, 0, b'')",  # init_module
            "call(321, 0, 0, 0)",  # bpf
            "call(425, 8, ctypes.create_string_buffer(200))",  # io_uring_setup
        )
    )
    assert "done" not in text(outcome)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param("os.mkfifo('/out/x')", id="named-pipe"),
        pytest.param("socket.socket(socket.AF_UNIX).bind('/out/x')", id="socket"),
    ],
)
def test_what_is_no_file_stays_in_its_kernel(jobs, make):
    outcome = jobs.run(f"import os, socket\nopen('/out/good', 'w').close()\n{make}\nprint(os.listdir('/out'))")
    assert [each.name for each in outcome.outputs] == ["good"]
    assert "'x'" in text(outcome)


def test_threads_beyond_the_limit_cannot_be_started(jobs):
    code = (
        "import threading, time\nbegun = 0\n"
        "try:\n    for _ in range(200):\n"
        "        threading.Thread(target=time.sleep, args=(1,)).start()\n        begun += 1\n"
        "except RuntimeError: print(begun)\n"
    )
    assert SMALL.processes // 2 < int(text(jobs.run(code))) <= SMALL.processes + 8


def test_no_namespace_in_which_it_would_have_rights_can_be_made(jobs):
    """As its own administrator it could begin any number of threads, and open raw sockets."""
    makes = [f"call(272, {1 << bit})" for bit in range(32) if NEW_NAMESPACES >> bit & 1]  # unshare
    makes += [f"call(56, {1 << bit} | 17, 0, 0, 0, 0)" for bit in range(32) if NEW_NAMESPACES >> bit & 1]  # clone
    outcome = jobs.run(attempts(*makes, "call(101, 0, 0, 0, 0)", "call(435, 0, 0)", "call(308, 0, 0)"))
    assert "done" not in text(outcome)
    assert text(outcome).count("no: PermissionError") == 16  # and ptrace, setns
    assert text(outcome).count("no: OSError [Errno 38]") == 1  # clone3: libraries then take clone


@pytest.mark.parametrize(
    "let_go",
    [
        pytest.param("m.close()", id="files-without-a-name"),
        pytest.param("libc.mprotect(ctypes.c_void_p(at), 2**23, 0); kept.append(m)", id="pages-nobody-may-read"),
    ],
)
def test_memory_that_no_process_maps_any_more_counts(jobs, let_go):
    code = (
        "import ctypes, mmap, os, time\n"
        "libc, kept = ctypes.CDLL(None), []\n"
        "for number in range(48):\n"
        "    kept.append(os.memfd_create('x'))\n"
        "    os.ftruncate(kept[-1], 2**23)\n"
        "    m = mmap.mmap(kept[-1], 2**23)\n"
        "    first = ctypes.c_char.from_buffer(m)\n"
        "    at = ctypes.addressof(first)\n"
        "    for place in range(0, 2**23, 4096): m[place] = 1\n"
        f"    del first\n    {let_go}\n"
        "time.sleep(20)\n"
    )
    outcome = jobs.run(code)
    assert outcome.exit is Exit.MEMORY, text(outcome)


def test_equal_work_gives_equal_bytes_between_both_walls(jobs, tmp_path):
    code = (
        "import numpy, json\n"
        "found = numpy.linalg.svd(numpy.random.default_rng(7).normal(size=(40, 20)))[1]\n"
        "open('/out/values.json', 'w').write(json.dumps(found.tolist()))\n"
    )
    limits = replace(SMALL, memory_bytes=2**30)
    outputs = [each.run(code, limits).outputs for each in (jobs, Here(tmp_path))]
    assert outputs[0] == outputs[1] != ()


def test_what_locked_a_job_in_is_told_in_its_environment():
    both = [environment_of(Sandbox.open(walls=walls)) for walls in Walls]
    assert "runsc" not in both[0].walls
    assert both[1].walls.startswith(f"{both[0].walls}, runsc ")
    [difference] = both[0].differences(both[1])
    assert difference.startswith("walls: ")


def test_a_missing_runsc_is_said_and_nothing_else_stands_in_for_it(monkeypatch, tmp_path):
    (tmp_path / "bwrap").symlink_to(Sandbox.open().bwrap)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NotSetUp, match="runsc is missing") as found:
        Sandbox.open(walls=Walls.GVISOR)
    assert "job_sandbox" in found.value.hint
