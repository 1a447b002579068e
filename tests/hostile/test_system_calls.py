"""What stands between a job and the machine's own kernel: bubblewrap's rights, and the list of allowed calls."""

from __future__ import annotations

import os
import platform
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from making_sandbox import SMALL, USERS, Here, attempts, jobs_at, text

from counterfoil.market.compute.sandbox import Exit, Sandbox, Walls

x86 = pytest.mark.skipif(platform.machine() != "x86_64", reason="calls by the numbers of x86-64")


@pytest.fixture(scope="module", params=USERS)
def jobs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    yield from jobs_at((request.param, Walls.BUBBLEWRAP), tmp_path_factory)


def test_no_socket_of_any_kind_can_be_opened(jobs):
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        port = listening.getsockname()[1]
        outcome = jobs.run(
            attempts(
                f"socket.create_connection(('127.0.0.1', {port}), timeout=2)",
                "socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
                "socket.socket(socket.AF_INET6)",
                "socket.socket(socket.AF_UNIX).bind(chr(0) + 'abstract')",
                "socket.socket(socket.AF_UNIX).connect('/run/dbus/system_bus_socket')",
                "socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
                "socket.socket(socket.AF_PACKET, socket.SOCK_RAW)",
                "socket.socket(38)",
                "socket.socketpair(socket.AF_INET)",
                "socket.getaddrinfo('example.org', 80)",
            )
        )
    assert "done" not in text(outcome)
    assert text(outcome).count("no:") == 10


def test_the_first_process_of_its_namespace_gives_nothing_away(jobs):
    """It is bwrap's, of the same user: what can be read and opened of it must not be the node's.

    The one socket led to the node until the job began, and a socket cannot be opened there.
    """
    outcome = jobs.run(
        "import os, pathlib\n"
        "said = pathlib.Path('/proc/1/cmdline').read_bytes()\n"
        "print(b'counterfoil-job' in said, os.listdir('/proc/1/root') == os.listdir('/'))\n"
        "leads = []\n"
        "for fd in os.listdir('/proc/1/fd'):\n"
        "    try: leads.append(os.readlink(f'/proc/1/fd/{fd}').partition(':')[0])\n"
        "    except OSError: pass\n"
        "print(sorted(set(leads) - {'pipe', '/dev/null', 'anon_inode', 'user', 'socket'}))\n"
    )
    assert text(outcome) == "False True\n[]\n"


@x86
def test_calls_that_look_into_processes_or_change_namespaces_are_refused(jobs):
    outcome = jobs.run(
        attempts(
            "call(101, 16, os.getppid(), 0, 0)",  # ptrace
            "call(310, 1, 0, 0, 0, 0, 0)",  # process_vm_readv
            "call(312, 1, 1, 0, 0, 0)",  # kcmp
            "call(438, 3, 0, 0)",  # pidfd_getfd
            "call(272, 0x10000000)",  # unshare a user namespace
            "call(272, 0x00020000)",  # unshare a mount namespace
            "call(56, 0x10000000 | 17, 0, 0, 0, 0)",  # clone with CLONE_NEWUSER
            "call(435, 0, 0)",  # clone3
            "call(308, 0, 0)",  # setns
            "call(165, b'none', b'/tmp', b'tmpfs', 0, 0)",  # mount
            "call(166, b'/in', 2)",  # umount2
            "call(155, b'/tmp', b'/tmp')",  # pivot_root
            "call(161, b'/tmp')",  # chroot
            "call(428, -100, b'/', 1)",  # open_tree
            "call(250, 0, 0, 0)",  # keyctl
            "call(321, 0, 0, 0)",  # bpf
            "call(298, 0, 0, -1, -1, 0)",  # perf_event_open
            "call(425, 8, 0)",  # io_uring_setup
            "call(323, 0)",  # userfaultfd
            "call(246, 0, 0, 0, 0)",  # kexec_load
            "call(304, 0, 0, 0)",  # open_by_handle_at
            "call(175, 0, 0, b'')",  # init_module
            "call(319, b'x', 0)",  # memfd_create
            "call(29, 0, 4096, 0o1600)",  # shmget
            "call(135, 0x0040000)",  # personality: no address randomisation
            "call(105, 0)",  # setuid
            "call(117, 0, 0, 0)",  # setresuid
            "call(169, 0, 0, 0, 0)",  # reboot
        )
    )
    assert "done" not in text(outcome)
    refused = text(outcome)
    assert refused.count("[Errno 1] ") + refused.count("[Errno 38] ") == 28, refused


@x86
def test_who_takes_over_the_first_process_cannot_write_to_the_node(jobs):
    """It is of the job's user and waits for its children: what it finds in its memory when one ends, it runs."""
    told = bytes.fromhex(
        "b801000000 31ff 488d3536000000 ba05000000 0f05"  # write(0, "sent\n", 5), to the socket
        "488d3528000000 488d1d26000000 4885c0 480f48f3"  # which text it is: whether that worked
        "b801000000 bf01000000 ba05000000 0f05"  # write(1, it, 5), to the log
        "b8e7000000 31ff 0f05"  # exit_group(0)
    )
    outcome = jobs.run(
        "import os, time\n"
        "at = int(open('/proc/1/syscall').read().split()[-1], 16)\n"
        "with open('/proc/1/mem', 'r+b', 0) as memory:\n"
        f"    memory.seek(at)\n    memory.write({told!r} + b'sent\\nshut\\n')\n"
        "if os.fork() == 0:\n    if os.fork() == 0: time.sleep(0.1)\n    os._exit(0)\n"
        "time.sleep(5)\n"
    )
    assert text(outcome) == "shut\n"


def test_it_is_nobody_and_cannot_become_anybody(jobs):
    code = (
        "import os\n"
        "status = dict(l.split(':', 1) for l in open('/proc/self/status'))\n"
        "print([status[k].strip() for k in ('CapEff', 'CapPrm', 'CapBnd', 'CapAmb', 'NoNewPrivs', 'Seccomp')])\n"
        "setuid = [t + '/' + f for t, _, fs in os.walk('/usr') for f in fs"
        " if os.path.isfile(t + '/' + f) and os.stat(t + '/' + f).st_mode & 0o6000]\n"
        "print(len(setuid), os.getuid(), os.geteuid(), os.getgid())\n"
        "print(all('nosuid' in l.split()[3] for l in open('/proc/mounts')))\n"
    )
    lines = text(jobs.run(code)).splitlines()
    assert lines[0] == "['0000000000000000', '0000000000000000', '0000000000000000', '0000000000000000', '1', '2']"
    assert lines[1].split()[1:] == ["1000", "1000", "1000"]
    assert lines[2] == "True"


def test_a_job_of_root_is_not_root_outside(tmp_path):
    if os.geteuid() != 0:
        pytest.skip("only a node that runs as root has this to fear")
    found: list[int] = []

    def look() -> bool:
        for each in Path("/proc").iterdir():
            if each.name.isdigit():
                try:
                    if b"sandboxed-marker" in (each / "cmdline").read_bytes():
                        found.append(int((each / "status").read_text().split("Uid:")[1].split()[0]))
                except OSError:
                    continue
        return bool(found)

    from counterfoil.market.compute.sandbox import Task

    algorithm = tmp_path / "algorithm"
    algorithm.mkdir()
    (algorithm / "sandboxed-marker.py").write_text("import time; time.sleep(20)")
    outcome = Sandbox.open().run(Task(algorithm, "sandboxed-marker.py", {}), tmp_path / "o", SMALL, is_stopped=look)
    assert outcome.exit is Exit.OWNER
    assert max(found) >= 1_879_048_192


@x86
def test_a_program_of_another_architecture_ends(jobs):
    """32-bit calls have other numbers: a filter that looked at numbers alone would let them through."""
    code = (
        "import ctypes, mmap\n"
        "page = mmap.mmap(-1, 4096, prot=7)\n"
        "page.write(bytes.fromhex('b801000000cd80c3'))\n"  # mov eax, 1; int 0x80; ret
        "ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()\n"
    )
    assert jobs.run(code).exit_code == 128 + signal.SIGSYS


def test_a_folder_for_outputs_that_was_moved_is_refused(jobs):
    outcome = jobs.run("import os\nos.rmdir('/scratch/out')\nos.symlink('/in', '/scratch/out')\n")
    assert (outcome.exit, outcome.outputs) == (Exit.FAILED, ())
    assert "no folder" in outcome.refused[0]


def test_no_named_pipe_can_be_made_and_nothing_of_the_machines_devices_is_told(jobs):
    outcome = jobs.run(attempts("os.mkfifo('/out/pipe')", "os.listdir('/sys/class')", "os.listdir('/sys/fs')"))
    assert "done" not in text(outcome)
