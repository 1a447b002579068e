"""Algorithms that mean harm, run for real in the sandbox: as this user, and as one without rights where that can be.

Each tries something a machine without walls would allow; what it managed to do it writes into its log or output.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from making_sandbox import NOBODY, PLACES, SMALL, Here, attempts, jobs_at, python_without_rights, text

from counterfoil.market.compute.sandbox import Exit, Walls
from counterfoil.market.compute.sandbox.process_tree import processes_of
from counterfoil.market.compute.sandbox.second_kernel import kernel_of

SECRET = "owner-secret-7c1f"


@pytest.fixture(scope="module", params=PLACES, ids=str)
def jobs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    yield from jobs_at(request.param, tmp_path_factory)


def test_a_plain_job_gets_its_input_and_gives_its_output(jobs):
    data = jobs.folder / "rows.csv"
    data.write_text("a\n1\n2\n")
    code = (
        "print('working')\n"
        "open('/out/sum.txt', 'w').write(open('/in/data').read() + open('/in/parameters.json').read())\n"
    )
    outcome = jobs.run(code, inputs={"data": data})
    assert (outcome.exit, outcome.exit_code, outcome.detail, text(outcome)) == (Exit.FINISHED, 0, "", "working\n")
    assert [each.name for each in outcome.outputs] == ["sum.txt"]
    assert (outcome.folder / "sum.txt").read_text() == "a\n1\n2\n{}"


def test_numerical_libraries_work_inside(jobs):
    code = (
        "import numpy, pandas, sklearn.linear_model, onnxruntime, pyarrow, multiprocessing, threading\n"
        "x = numpy.arange(12.0).reshape(6, 2)\n"
        "fit = sklearn.linear_model.LinearRegression().fit(x, x.sum(axis=1))\n"
        "frame = pandas.DataFrame(x).describe()\n"
        "with multiprocessing.get_context('fork').Pool(2) as pool: squares = pool.map(abs, [-1, -2])\n"
        "print(round(fit.score(x, x.sum(axis=1)), 6), frame.shape, squares)\n"
    )
    outcome = jobs.run(code, replace(SMALL, memory_bytes=2**30))
    assert (outcome.exit, text(outcome)) == (Exit.FINISHED, "1.0 (8, 2) [1, 2]\n")


def test_a_fork_bomb_is_ended_and_leaves_nothing(jobs):
    started = time.monotonic()
    outcome = jobs.run("import os\nwhile True:\n    try: os.fork()\n    except OSError: pass\n")
    assert outcome.exit is Exit.PROCESSES, outcome
    assert time.monotonic() - started < 25


def test_threads_count_as_processes(jobs):
    code = "import threading, time\nfor _ in range(40): threading.Thread(target=time.sleep, args=(2,)).start()\n"
    assert jobs.run(code).exit in {Exit.PROCESSES, Exit.FAILED}


def test_one_process_cannot_take_more_memory_than_is_allowed(jobs):
    outcome = jobs.run("kept = [bytearray(2**20) for _ in range(4096)]")
    assert (outcome.exit, outcome.for_buyer) == (Exit.MEMORY, "failed")


@pytest.mark.parametrize(
    "take",
    [
        pytest.param("kept = bytearray(b'x') * (100 * 2**20)", id="private"),
        pytest.param(
            "import mmap; kept = mmap.mmap(-1, 100 * 2**20); kept.write(b'x' * (100 * 2**20))", id="shared-anonymous"
        ),
    ],
)
def test_all_processes_together_cannot_take_more_either(jobs, take):
    code = (
        "import os, time\n"
        f"for _ in range(5):\n    if os.fork() == 0:\n        {take}\n        time.sleep(20)\n"
        "time.sleep(20)\n"
    )
    outcome = jobs.run(code)
    assert outcome.exit is Exit.MEMORY, outcome
    assert outcome.usage.wall_ms < 18_000


@pytest.mark.parametrize(
    "take",
    [
        pytest.param(
            "import socket\n"
            "pairs = [socket.socketpair() for _ in range(120)]\n"
            "for pair in pairs:\n"
            "    for end in pair:\n"
            "        end.setblocking(False)\n"
            "        try:\n"
            "            while True: end.send(bytes(65536))\n"
            "        except OSError: pass\n",
            id="buffers-of-sockets",
        ),
        pytest.param(
            "import mmap\n"
            "space = mmap.mmap(-1, 30 * 2**30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, prot=mmap.PROT_READ)\n"
            "if hasattr(mmap, 'MADV_NOHUGEPAGE'): space.madvise(mmap.MADV_NOHUGEPAGE)\n"
            "for place in range(0, 30 * 2**30, 2**21): space[place]\n",
            id="tables-of-empty-space",
        ),
    ],
)
def test_memory_that_only_the_kernel_holds_counts_too(jobs, take):
    code = f"import os, time\nfor _ in range(4):\n    if os.fork() == 0: break\n{take}\ntime.sleep(20)\n"
    limits = replace(SMALL, memory_bytes=128 * 2**20)
    outcome = jobs.run(code, limits)
    assert (outcome.exit, outcome.detail.partition(" ")[2][:15]) == (Exit.MEMORY, "bytes of memory"), text(outcome)


def test_files_in_memory_count_as_memory(jobs):
    code = (
        "import time\nkept = bytearray(b'x') * (40 * 2**20)\n"
        "open('/tmp/fill', 'wb').write(b'x' * (40 * 2**20))\ntime.sleep(20)\n"
    )
    limits = replace(SMALL, memory_bytes=80 * 2**20, disk_bytes=60 * 2**20)
    assert jobs.run(code, limits).exit is Exit.MEMORY


@pytest.mark.parametrize("place", ["/out", "/tmp", "/dev/shm"])
def test_filling_the_disk_ends_the_job(jobs, place):
    code = (
        "import time\n"
        f"file = open('{place}/fill', 'wb', buffering=0)\n"
        "try:\n    while True: file.write(b'x' * 65536)\nexcept OSError: time.sleep(20)\n"
    )
    outcome = jobs.run(code)
    assert outcome.exit is Exit.DISK, outcome
    assert SMALL.disk_bytes < outcome.usage.written_bytes <= SMALL.disk_bytes + 2**21


def test_countless_empty_files_end_the_job(jobs):
    code = "import time\nfor number in range(100_000): open(f'/tmp/{number}', 'w').close()\n"
    assert jobs.run(code).exit is Exit.DISK


def test_a_pair_of_sockets_within_the_job_is_allowed_and_the_network_is_bare(jobs):
    code = (
        "import socket\na, b = socket.socketpair()\na.send(b'x')\n"
        "names = [line.split(':')[0].strip() for line in open('/proc/net/dev').readlines()[2:]]\n"
        "print(b.recv(1), [n for n in names if n != 'lo'], open('/proc/net/route').read().count(chr(10)))\n"
    )
    assert text(jobs.run(code)) == "b'x' [] 1\n"


def test_the_owners_files_are_not_there(jobs, tmp_path):
    (tmp_path / "private.txt").write_text(SECRET)
    outcome = jobs.run(
        "import os, sys\n"
        f"print([p for p in ({str(tmp_path)!r}, '/home', '/var', '/run', '/boot', '/mnt', '/media', '/srv', '/opt',"
        " '/etc/shadow', '/etc/hostname', '/etc/machine-id', '/etc/ssl', '/bin', '/sbin', '/usr/bin/sh', '/usr/sbin',"
        " '/root/.ssh', '/root/.bashrc') if os.path.lexists(p)])\n"
        "found, pythons = [], {sys.prefix, sys.base_prefix, *sys.path}\n"
        "for top, folders, files in os.walk('/'):\n"
        "    folders[:] = [f for f in folders if (top + '/' + f)[1:] not in ('/proc', '/usr/lib', '/sys', *pythons)]\n"
        "    found += [f for f in files if f == 'private.txt']\n"
        "print(found, sorted(os.listdir('/etc')), open('/etc/passwd').read())\n"
    )
    user = 0 if jobs.walls is Walls.GVISOR else 1000
    assert text(outcome) == f"[]\n[] ['group', 'ld.so.cache', 'passwd'] job:x:{user}:{user}::/tmp:/nonexistent\n\n"


def test_no_process_but_its_own_can_be_seen(jobs):
    marked = subprocess.Popen([sys.executable, "-c", "import sys; sys.stdin.read()", SECRET], stdin=subprocess.PIPE)
    try:
        outcome = jobs.run(
            "import os, pathlib\n"
            "pids = [p for p in os.listdir('/proc') if p.isdigit()]\n"
            "print(len(pids), any(b'owner-' in pathlib.Path(f'/proc/{p}/cmdline').read_bytes() for p in pids))\n"
            f"print(os.path.exists('/proc/{os.getpid()}/mem') and {os.getpid()} > 5)\n"
        )
    finally:
        marked.communicate()
    assert text(outcome) == f"{1 if jobs.walls is Walls.GVISOR else 2} False\nFalse\n"


def test_it_has_none_of_the_nodes_environment(jobs, monkeypatch):
    monkeypatch.setenv("COUNTERFOIL_TEST_SECRET", SECRET)
    code = (
        "import os, pathlib\n"
        "seen = b''\n"
        "for each in os.listdir('/proc'):\n"
        "    if each.isdigit():\n"
        "        seen += pathlib.Path(f'/proc/{each}/environ').read_bytes() + b'|'\n"
        "print(b'owner-secret' in seen, b'PYTEST' in seen, sorted(os.environ))\n"
    )
    assert text(jobs.run(code)).startswith("False False ['HOME', 'LANG', 'MKL_NUM_THREADS',")
    assert text(jobs.run("import os; print(len(os.environ), os.environ['PYTHONHASHSEED'])")).split()[1] == "0"


def test_inputs_the_root_and_devices_cannot_be_changed(jobs):
    data = jobs.folder / "unchanged"
    data.write_text("as it was")
    data.chmod(0o666)
    outcome = jobs.run(
        attempts(
            "open('/in/data', 'a')",
            "os.chmod('/in/data', 0o777)",
            "os.unlink('/in/data')",
            "os.rename('/in/data', '/in/other')",
            "os.utime('/in/data', (0, 0))",
            "open('/in/parameters.json', 'w')",
            "open('/algorithm/main.py', 'a')",
            "open('/new', 'w')",
            "os.mkdir('/usr/lib/new')",
            "open('/dev/new', 'w')",
            "os.mknod('/tmp/disk', 0o60600, os.makedev(8, 0))",
            "os.mknod('/out/zero', 0o20600, os.makedev(1, 5))",
            "open('/dev/mem')",
            "open('/dev/kmsg')",
            "open('/dev/tty')",
            "open('/proc/sys/kernel/core_pattern', 'w')",
            "open('/proc/sysrq-trigger', 'w')",
            "open('/proc/kcore', 'rb').read(1)",
        ),
        inputs={"data": data},
    )
    assert "done" not in text(outcome)
    assert data.read_text() == "as it was"


def test_a_long_sleep_and_a_busy_loop_end_by_their_limits(jobs):
    slept = jobs.run("import time; time.sleep(60)", replace(SMALL, wall_s=1))
    assert (slept.exit, slept.for_buyer) == (Exit.TIME, "failed")
    assert slept.usage.wall_ms < 20_000
    busy = jobs.run("import os\nos.fork()\nwhile True: pass\n", replace(SMALL, cpu_s=1))
    assert busy.exit is Exit.TIME
    assert 1_000 < busy.usage.cpu_ms < 10_000


def test_killing_whatever_it_can_reach_ends_only_itself(jobs):
    outcome = jobs.run(
        "import os, signal\n"
        "for pid in (os.getppid(), 1, -1):\n"
        "    try: os.kill(pid, signal.SIGKILL)\n"
        "    except OSError as error: print(error)\n"
        "open('/out/alive', 'w').close()\n"
    )
    assert outcome.exit in {Exit.FINISHED, Exit.FAILED}
    assert jobs.run("print('next')").exit is Exit.FINISHED


def test_a_process_left_behind_dies_with_the_job(jobs):
    outcome = jobs.run(
        "import os, time\n"
        "if os.fork() == 0:\n"
        "    os.setsid()\n"
        "    if os.fork(): os._exit(0)\n"
        "    for number in range(1000):\n"
        "        open('/out/late', 'a').write('x'); time.sleep(0.01)\n"
        "else:\n"
        "    time.sleep(0.1)\n"
    )
    assert outcome.usage.wall_ms < 9_000
    assert outcome.exit is Exit.FINISHED
    assert (outcome.folder / "late").stat().st_size == outcome.outputs[0].size_bytes < 500


def test_a_huge_log_is_cut_and_does_not_hold_the_job_up(jobs):
    outcome = jobs.run("import sys\nfor _ in range(200): sys.stdout.write('x' * 2**20)\n")
    assert (outcome.exit, outcome.is_log_cut, len(outcome.log)) == (Exit.FINISHED, True, SMALL.log_bytes)


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param("os.symlink('/in/parameters.json', '/out/x')", "symbolic link", id="symlink"),
        pytest.param("os.symlink('/in', '/out/folder')", "symbolic link", id="symlink-to-folder"),
        pytest.param("open('/out/y', 'w'); os.link('/out/y', '/out/x')", "hard links", id="hard-link"),
        pytest.param("open('/out/x', 'wb').truncate(2**22)", "sparse", id="sparse"),
        pytest.param("open(b'/out/\\xff', 'w')", "UTF-8", id="not-utf8"),
        pytest.param("open('/out/a\\nb', 'w')", "cannot be shown", id="newline"),
        pytest.param("open('/out/..\\\\x', 'w')", "other systems", id="backslash"),
        pytest.param("os.makedirs('/out/' + 'a/' * 40)", "deep", id="deep"),
        pytest.param("open('/out/x', 'w'); os.chmod('/out', 0)", "", id="closed-folder"),
        pytest.param("[open(f'/out/{n}', 'w').close() for n in range(450)]", "more than 300", id="many"),
    ],
)
def test_outputs_that_are_no_plain_files_are_refused_with_all_others(jobs, make, why):
    code = f"import os\nif os.path.isdir('/out'): open('/out/good', 'w').write('g')\nos.remove('/out/good')\n{make}\n"
    outcome = jobs.run(code, replace(SMALL, output_files=300))
    if why == "" and outcome.exit is Exit.FINISHED:
        return  # root reads a folder that is closed to its owner
    assert (outcome.exit, outcome.outputs) == (Exit.FAILED, ()), outcome
    assert outcome.refused
    assert why in outcome.refused[0]
    assert list(Path(outcome.folder).iterdir()) == []


def test_a_packed_bomb_leaves_as_the_few_bytes_it_is(jobs):
    outcome = jobs.run("import gzip\nopen('/out/bomb.gz', 'wb').write(gzip.compress(bytes(40 * 2**20)))\n")
    assert outcome.exit is Exit.FINISHED
    assert outcome.outputs[0].size_bytes < 2**17


def test_a_sparse_file_beyond_the_limit_cannot_even_be_made(jobs):
    assert "File too large" in text(jobs.run(attempts("open('/out/x', 'wb').truncate(2**40)")))


def test_a_core_is_not_dumped(jobs):
    outcome = jobs.run("import os, signal\nos.chdir('/out')\nos.kill(os.getpid(), signal.SIGSEGV)\n")
    assert (outcome.exit, outcome.exit_code, outcome.outputs) == (Exit.FAILED, 128 + signal.SIGSEGV, ())


@pytest.mark.parametrize("place", PLACES, ids=str)
def test_all_of_a_job_dies_when_the_node_is_killed(place):
    user, walls = place
    if walls is Walls.GVISOR and shutil.which("runsc") is None:
        pytest.skip("gVisor's runsc is not installed")
    job = "import os, time\nos.fork()\ntime.sleep(61.25)"
    code = (
        "import sys\nfrom pathlib import Path\nfrom making_sandbox import Walls, run_code\n"
        f"run_code({job!r}, Path(sys.argv[1]), walls=Walls({str(walls)!r}))\n"
    )
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder, _node(user, folder, code) as node:
        assert _until(lambda: len(_pythons(node.pid, walls)) == 2), "the job did not begin"
        started = _pythons(node.pid, walls)
        node.send_signal(signal.SIGKILL)
        node.wait()
        assert _until(lambda: not any(_is_alive(pid) for pid in started)), "the job outlived its node"


@contextmanager
def _node(user: str, folder: str, code: str) -> Iterator[subprocess.Popen[bytes]]:
    """Starts a node that runs one job, in a process of its own."""
    command = [sys.executable]
    variables = os.environ | {"PYTHONPATH": os.pathsep.join(each for each in sys.path if each), "TMPDIR": folder}
    options = {}
    if user != "here":
        found = python_without_rights() if os.geteuid() == 0 else None
        if found is None:
            pytest.skip("these tests do not run as root, or no Python here is open to all users")
        command, variables = found[0], found[1] | {"TMPDIR": folder}
        options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
        os.chown(folder, NOBODY, NOBODY)
    node = subprocess.Popen([*command, "-c", code, f"{folder}/node"], env=variables, cwd="/", **options)
    try:
        yield node
    finally:
        node.kill()
        node.wait()


def _pythons(node_pid: int, walls: Walls) -> list[int]:
    """Returns the sandboxed Pythons below one process."""
    if walls is Walls.GVISOR:
        kernel = kernel_of(node_pid)
        return [] if kernel is None else processes_of(kernel.pid)[2:]
    found = []
    for pid in processes_of(node_pid):
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            continue
        if b"/starter.py" in line and b"bwrap" not in line:
            found.append(pid)
    return found


def _is_alive(pid: int) -> bool:
    """A process that ended may stay listed until its new parent asks for it."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in {"Z", "X"}
    except OSError:
        return False


def _until(holds) -> bool:
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if holds():
            return True
        time.sleep(0.02)
    return False
