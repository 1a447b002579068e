"""The parts of the sandbox one by one; what it keeps in is in tests/hostile/test_sandbox.py."""

from __future__ import annotations

import json
import os
import platform
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from making_sandbox import SMALL, run_code

from counterfoil.errors import InvalidInput, NotFound, NotSetUp
from counterfoil.market.compute.sandbox import Exit, Interpreter, Limits, Sandbox, Task, Usage, Walls
from counterfoil.market.compute.sandbox.confinement import bubblewrap, environment, hard_limits
from counterfoil.market.compute.sandbox.filter import ALLOWED_CALLS, filter_program
from counterfoil.market.compute.sandbox.launch import launched
from counterfoil.market.compute.sandbox.log import Log
from counterfoil.market.compute.sandbox.placing import placed


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every user can enter; pytest's own are closed."""
    with tempfile.TemporaryDirectory() as name:
        Path(name).chmod(0o755)
        yield Path(name)


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"cpu_s": 0}, id="nothing"),
        pytest.param({"wall_s": -1}, id="below"),
        pytest.param({"wall_s": 1.5}, id="fraction"),
        pytest.param({"processes": True}, id="truth"),
        pytest.param({"memory_bytes": 2**20}, id="too-little-memory"),
        pytest.param({"disk_bytes": 2**40}, id="more-disk-than-memory"),
    ],
)
def test_limits_that_cannot_be_are_refused(wrong):
    with pytest.raises(InvalidInput):
        Limits(**wrong)


def test_times_are_rounded_up_to_steps():
    padded = Usage(cpu_ms=1, wall_ms=1001, peak_bytes=2**20, written_bytes=0).padded(1000)
    assert padded == Usage(1000, 2000, 2**20, 0)
    with pytest.raises(InvalidInput):
        padded.padded(0)


def test_the_log_tells_whole_lines_and_keeps_no_more_than_its_limit():
    told: list[str] = []
    log = Log(20, told.append)
    for piece in (b"one\ntw", b"o\n\n", b"thr", b"ee\xff and far too much"):
        log.take(piece)
    kept = log.close()
    assert told == ["one", "two", "", "three\ufffd and "]
    assert (len(kept), log.is_cut) == (20, True)
    steered: list[str] = []
    log = Log(100, steered.append)
    log.take(b"\x1b[2Jhidden\ta\r\n")
    assert steered == ["\ufffd[2Jhidden\ta\ufffd"]
    endless: list[str] = []
    log = Log(100_000, endless.append)
    log.take(b"x" * 20_000 + b"\ny")
    log.close()
    assert [len(each) for each in endless] == [8192, 8192, 3616, 1]


def test_the_filter_is_a_program_and_lists_no_call_that_opens_a_wall():
    program = filter_program()
    assert len(program) % 8 == 0 < len(program)
    never = {"ptrace", "mount", "unshare", "clone3", "setns", "bpf", "keyctl", "socket", "io_uring_setup"}
    assert not never & ALLOWED_CALLS
    assert "read" in ALLOWED_CALLS


def test_missing_bubblewrap_is_said_with_what_to_install(monkeypatch):
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(NotSetUp, match="bubblewrap is missing") as found:
        Sandbox.open()
    assert "apt install bubblewrap" in found.value.hint


def test_walls_that_do_not_stand_are_said_with_what_bwrap_said(monkeypatch, open_folder):
    """A bwrap that may make no user namespaces: what happens where they are turned off."""
    fake = open_folder / "bwrap"
    fake.write_text("#!/bin/sh\necho 'bwrap: No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{open_folder}:{os.environ['PATH']}")
    with pytest.raises(NotSetUp, match="No permissions to create new namespace"):
        Sandbox.open()


def test_walls_that_fall_at_once_are_said(monkeypatch, open_folder):
    """A bwrap that names a first process which is gone by then."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no Python here that every user can start")
    fake = open_folder / "bwrap"
    fake.write_text(
        f"#!{python}\n"
        "import os, sys\n"
        "gone = os.fork() or os._exit(0)\n"
        "os.waitpid(gone, 0)\n"
        "os.write(2, b'bwrap: Can\\'t mount proc\\n')\n"
        "os.write(int(sys.argv[sys.argv.index('--info-fd') + 1]), b'{\"child-pid\": %d}' % gone)\n"
    )
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{open_folder}:{os.environ['PATH']}")
    with pytest.raises(NotSetUp, match="does not stand .bwrap: Can't mount proc"):
        Sandbox.open()


def test_a_job_that_died_before_it_could_begin_is_seen_to_its_end(tmp_path):
    (tmp_path / "main.py").write_text("")
    sandbox = Sandbox.open()
    with placed(Task(tmp_path, "main.py", {})) as mounts:
        plan = bubblewrap(sandbox.interpreter, mounts, SMALL, "main.py", threads=1)
        with launched(sandbox.bwrap, plan) as job:
            job.end()
            job.bwrap.wait()
            job.begin()
            assert job.bwrap.returncode == 128 + signal.SIGKILL


def test_a_gap_in_the_walls_is_found_by_the_probe(monkeypatch, open_folder):
    """A bwrap that forgets the filter and the empty network: it starts, and is refused all the same."""
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None:
        pytest.skip("no Python here that every user can start")
    wrapper = open_folder / "bwrap"
    wrapper.write_text(
        f"#!{python}\n"
        "import os, sys\n"
        "given = sys.argv[1:]\n"
        "listed = given.index('--args') + 1\n"
        "args = os.read(int(given[listed]), 1 << 20).split(b'\\0')\n"
        "made = os.memfd_create('x', 0)\n"
        "os.write(made, b'\\0'.join(a for a in args if a != b'--unshare-net'))\n"
        "os.lseek(made, 0, 0)\n"
        "given[listed] = str(made)\n"
        "at = given.index('--seccomp')\n"
        "del given[at:at + 2]\n"
        f"os.execv({str(Sandbox.open().bwrap)!r}, ['bwrap', *given])\n"
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{open_folder}:{os.environ['PATH']}")
    with pytest.raises(NotSetUp, match="system calls are not filtered.*sockets can be opened"):
        Sandbox.open()


def test_a_runsc_without_its_filter_is_found_by_the_probe(monkeypatch, open_folder):
    python = shutil.which("python3", path="/usr/bin:/usr/local/bin")
    if python is None or shutil.which("runsc") is None:
        pytest.skip("no Python here that every user can start, or no runsc")
    wrapper = open_folder / "bwrap"
    wrapper.write_text(
        f"#!{python}\n"
        "import os, sys\n"
        "given = [each for each in sys.argv[1:] if each != '--oci-seccomp']\n"
        f"os.execv({str(Sandbox.open().bwrap)!r}, ['bwrap', *given])\n"
    )
    wrapper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{open_folder}:{os.environ['PATH']}")
    with pytest.raises(NotSetUp, match="system calls are not filtered"):
        Sandbox.open(walls=Walls.GVISOR)


def test_anything_of_a_home_beside_an_interpreter_is_a_gap():
    home, here = Path.home(), Interpreter.current()
    if not any(home.is_relative_to(top) for top in ("/home", "/root")) or not home.is_dir():
        pytest.skip("this user's home is elsewhere")
    beside = [each for each in home.iterdir() if not any(place.is_relative_to(each) for place in here.shown)]
    if not beside:
        pytest.skip("nothing is in this user's home")
    with pytest.raises(NotSetUp, match="more of homes can be seen than Python"):
        Sandbox.open(replace(here, shown=(*here.shown, beside[0])))


def test_what_is_shown_of_this_machine_is_little(tmp_path):
    shown = Interpreter.current().shown
    assert not {Path("/"), Path("/usr"), Path("/etc"), Path("/home"), Path("/root")} & set(shown)
    assert all(not one.is_relative_to(other) for one in shown for other in shown if one != other)


def test_equal_jobs_have_equal_environments():
    python = Interpreter(Path("/usr/bin/python3"), (), (Path("/opt/site-packages"),))
    named = environment(python, 1)
    assert named["PYTHONHASHSEED"] == "0"
    assert (named["OMP_NUM_THREADS"], named["PYTHONPATH"]) == ("1", "/opt/site-packages")
    assert "OMP_NUM_THREADS" not in environment(python, 0)
    assert hard_limits(Limits())["RLIMIT_CORE"] == 0


@pytest.mark.parametrize("name", ["", "../data", "a/b", ".hidden", "parameters.json", "a b", "x" * 65])
def test_inputs_have_plain_names(name, tmp_path):
    with pytest.raises(InvalidInput, match="cannot name an input"):
        run_code("", tmp_path / "job", inputs={name: tmp_path})


def test_what_is_not_there_or_not_empty_is_refused(tmp_path):
    with pytest.raises(NotFound):
        run_code("", tmp_path / "job", inputs={"data": tmp_path / "nowhere"})
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "main.py").touch()
    with pytest.raises(InvalidInput, match="holds files already"):
        Sandbox.open().run(Task(tmp_path / "a", "main.py", {}), tmp_path / "full", SMALL)
    for entry in ("../a/main.py", "/etc/passwd", "other.py"):
        with pytest.raises(InvalidInput, match="no file of the algorithm"):
            Sandbox.open().run(Task(tmp_path / "a", entry, {}), tmp_path / "out", SMALL)


def test_an_algorithm_imports_its_own_modules_and_its_exit_code_is_told(tmp_path):
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "helper.py").write_text("VALUE = 7\n")
    (folder / "main.py").write_text("import helper, sys\nprint(sys.argv, __name__)\nsys.exit(helper.VALUE)\n")
    outcome = Sandbox.open().run(Task(folder, "main.py", {}), tmp_path / "out", SMALL)
    assert outcome.log == b"['/algorithm/main.py'] __main__\n"
    assert (outcome.exit, outcome.exit_code, outcome.detail) == (Exit.FAILED, 7, "it ended with the exit code 7")


def test_data_only_root_may_read_reaches_a_job_of_root(tmp_path):
    data = tmp_path / "private.csv"
    data.write_text("1\n")
    data.chmod(0o600)
    folder = tmp_path / "closed"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "x").write_text("2\n")
    (tmp_path / "elsewhere").write_text("not an input")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    folder.chmod(0o700)
    outcome = run_code(
        "import os\n"
        "print(open('/in/data').read(), open('/in/folder/inner/x').read(), os.path.exists('/in/folder/link'))",
        tmp_path / "job",
        inputs={"data": data, "folder": folder},
    )
    assert outcome.log == b"1\n 2\n False\n"
    assert stat.S_IMODE(data.stat().st_mode) == 0o600


def test_outputs_are_private_and_named_below_their_folders(tmp_path):
    outcome = run_code("import os\nos.makedirs('/out/a/b')\nopen('/out/a/b/c.txt', 'w').write('x')", tmp_path / "job")
    assert [each.to_json() for each in outcome.outputs] == [
        {"name": "a/b/c.txt", "sha256": "2d711642b726b04401627ca9fbac32f5c8530fb1903cc4db02258717921a4881", "size": 1}
    ]
    place = outcome.folder / "a/b/c.txt"
    assert stat.S_IMODE(place.stat().st_mode) == 0o600


def test_more_outputs_than_allowed_are_refused(tmp_path):
    code = "for n in range(4): open(f'/out/{n}', 'w').close()"
    outcome = run_code(code, tmp_path / "job", replace(SMALL, output_files=3))
    assert (outcome.exit, outcome.outputs) == (Exit.FAILED, ())
    assert "more than 3 files" in outcome.detail


def test_jobs_side_by_side_do_not_meet(tmp_path):
    from concurrent.futures import ThreadPoolExecutor

    code = "import glob, os, time\nopen('/tmp/of-{}', 'w')\ntime.sleep(0.3)\nprint(glob.glob('/tmp/of-*'), os.getpid())"
    with ThreadPoolExecutor(4) as pool:
        done = list(pool.map(lambda n: run_code(code.format(n), tmp_path / str(n)), range(4)))
    assert [each.log.decode() for each in done] == [f"['/tmp/of-{n}'] 2\n" for n in range(4)]


def test_an_error_of_whoever_listens_ends_the_job(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "main.py").write_text("import time\nprint('here', flush=True)\ntime.sleep(25)")
    heard: list[str] = []

    def listen(line: str) -> None:
        heard.append(line)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        Sandbox.open().run(Task(tmp_path / "a", "main.py", {}), tmp_path / "out", SMALL, on_line=listen)
    assert heard == ["here"]
    children = Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()
    assert not any(b"starter.py" in Path(f"/proc/{pid}/cmdline").read_bytes() for pid in children)


def test_a_job_leaves_no_descriptor_open(tmp_path):
    run_code("", tmp_path / "first")
    before = sorted(each.name for each in Path("/proc/self/fd").iterdir())
    run_code("", tmp_path / "second")
    assert sorted(each.name for each in Path("/proc/self/fd").iterdir()) == before


def test_starting_the_inspection_outside_finds_gaps(tmp_path):
    """The probe is only worth something if it fails where there are no walls."""
    from counterfoil.market.compute.sandbox import inspection

    code = f"import runpy, json; print(json.dumps(runpy.run_path({inspection.__file__!r})['gaps']()))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert "new privileges can be gained" in found
    assert "sockets can be opened" in found
    assert "the machine's own kernel answers" in inspection.gaps(platform.release())


def test_python_may_lie_where_a_job_has_its_own_temporary_files(tmp_path):
    with tempfile.TemporaryDirectory(dir="/tmp") as name:  # as a clone of a repository may
        Path(name).chmod(0o755)
        packages = Path(name) / "site-packages"
        packages.mkdir()
        (packages / "known_here.py").write_text("WORD = 'found'\n")
        here = Interpreter.current()
        shown = tuple(sorted({*here.shown, packages}))
        sandbox = Sandbox.open(replace(here, shown=shown, packages=(*here.packages, packages)))
        algorithm = tmp_path / "algorithm"
        algorithm.mkdir()
        code = "import known_here\nopen('/tmp/own', 'w').write('x')\nopen('/out/a', 'w').write(known_here.WORD)\n"
        (algorithm / "main.py").write_text(code)
        outcome = sandbox.run(Task(algorithm, "main.py", {}), tmp_path / "out", SMALL)
    assert (outcome.exit, (tmp_path / "out" / "a").read_text()) == (Exit.FINISHED, "found")
