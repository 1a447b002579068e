from __future__ import annotations

import io
import os
import tarfile

import pytest
from making_algorithms import DESCRIPTION, TOTAL, total

from counterfoil.errors import InvalidInput, NotFound, TooLarge
from counterfoil.market.compute.algorithms import MAX_ALGORITHM_BYTES, Algorithm
from counterfoil.provenance.fingerprints import fingerprint_of

SINGLE = b'# /// counterfoil\n# name = "mean"\n# version = "2"\n# packages = ["numpy"]\n# ///\nprint(1)\n'


def written(folder, files):
    for name, content in files.items():
        place = folder / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(content)
    return folder


def test_a_folder_is_read_as_its_description_says(tmp_path):
    folder = written(tmp_path / "a", {"algorithm.toml": DESCRIPTION, "total.py": TOTAL, "part/x.py": b"X = 1\n"})
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "total.pyc").write_bytes(b"stale")
    found = Algorithm.read(folder)
    assert (found.name, found.version, found.entry, found.python) == ("total", "1", "total.py", "3.11")
    assert [name for name, _ in found.files] == ["algorithm.toml", "part/x.py", "total.py"]
    assert found.packages == ("numpy>=2",)


def test_its_digest_is_the_fingerprint_of_the_same_folder(tmp_path):
    files = {"algorithm.toml": DESCRIPTION, "total.py": TOTAL, "part/x.py": b"X = 1\n"}
    folder = written(tmp_path / "a", files)
    assert Algorithm.read(folder).digest_hex == fingerprint_of(folder).root.hex() == Algorithm.of(files).digest_hex
    place = written(tmp_path, {"mean.py": SINGLE}) / "mean.py"
    assert Algorithm.read(place).digest_hex == fingerprint_of(place).root.hex()


def test_a_single_file_describes_itself(tmp_path):
    found = Algorithm.read(written(tmp_path, {"mean.py": SINGLE}) / "mean.py")
    assert (found.name, found.version, found.entry, found.packages) == ("mean", "2", "mean.py", ("numpy",))


def test_what_is_laid_out_is_what_was_read_though_the_place_was_changed(tmp_path):
    folder = written(tmp_path / "a", {"algorithm.toml": DESCRIPTION, "total.py": TOTAL})
    found = Algorithm.read(folder)
    (folder / "total.py").write_bytes(b"print('swapped')\n")
    laid = found.lay_out(tmp_path / "private")
    assert (laid / "total.py").read_bytes() == TOTAL
    assert fingerprint_of(laid).root.hex() == found.digest_hex != fingerprint_of(folder).root.hex()


def test_any_change_is_another_algorithm():
    assert len({total().digest_hex, total(TOTAL + b"#").digest_hex}) == 2


def test_it_travels_as_a_tar_file_that_is_the_same_each_time():
    assert Algorithm.from_tar(total().to_tar()) == total()
    assert total().to_tar() == total().to_tar()


@pytest.mark.parametrize(
    ("files", "says"),
    [
        pytest.param({}, "without files", id="nothing"),
        pytest.param({"a.py": b"", "b.py": b""}, "no algorithm.toml", id="no-description"),
        pytest.param({"a.py": b"print(1)"}, "comment at its top", id="no-block"),
        pytest.param({"algorithm.toml": b"name ="}, "cannot be read", id="broken"),
        pytest.param({"algorithm.toml": b'name="a"\nversion="1"\nrun="x"'}, "unknown member 'run'", id="unknown"),
        pytest.param({"algorithm.toml": b'version="1"', "main.py": b""}, "name is a text", id="no-name"),
        pytest.param({"algorithm.toml": b'name="a"\nversion="1"'}, "names 'main.py'", id="no-entry"),
        pytest.param(
            {"algorithm.toml": b'name="a"\nversion="1"\nentry="../x"', "main.py": b""},
            "none of its files",
            id="outside",
        ),
        pytest.param({"algorithm.toml": DESCRIPTION, "../total.py": b""}, "cannot be the path", id="up"),
        pytest.param({"algorithm.toml": DESCRIPTION, "/total.py": b""}, "cannot be the path", id="absolute"),
        pytest.param(
            {"algorithm.toml": b'name="a"\nversion="1"\npackages=[1]', "main.py": b""}, "list of texts", id="packages"
        ),
    ],
)
def test_what_is_no_algorithm_is_refused(files, says):
    with pytest.raises(InvalidInput, match=says) as found:
        Algorithm.of(files)
    assert found.value.message


def test_links_and_special_files_are_refused(tmp_path):
    folder = written(tmp_path / "a", {"algorithm.toml": DESCRIPTION})
    (tmp_path / "secret").write_text("x")
    (folder / "total.py").symlink_to(tmp_path / "secret")
    with pytest.raises(InvalidInput, match="cannot be read as a file"):
        Algorithm.read(folder)
    (folder / "total.py").unlink()
    os.mkfifo(folder / "total.py")
    with pytest.raises(InvalidInput, match="no plain file"):
        Algorithm.read(folder)
    (folder / "total.py").unlink()
    (folder / "part").symlink_to(tmp_path)
    with pytest.raises(InvalidInput, match="is a link"):
        Algorithm.read(folder)
    with pytest.raises(NotFound):
        Algorithm.read(tmp_path / "nowhere")


def test_too_much_is_refused_before_it_is_read(tmp_path):
    folder = written(tmp_path / "a", {"algorithm.toml": DESCRIPTION, "total.py": TOTAL})
    with (folder / "big").open("wb") as file:
        file.truncate(MAX_ALGORITHM_BYTES + 1)
    with pytest.raises(TooLarge):
        Algorithm.read(folder)


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_a_tar_file_with_anything_but_files_is_refused(kind):
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        member = tarfile.TarInfo("total.py")
        member.type, member.linkname = kind, "/etc/passwd"
        archive.addfile(member)
    with pytest.raises(InvalidInput, match="no plain file"):
        Algorithm.from_tar(made.getvalue())
    with pytest.raises(InvalidInput):
        Algorithm.from_tar(b"no tar file at all")


def test_a_tar_file_whose_sizes_cannot_be_is_refused():
    packed = bytearray(total().to_tar())
    packed[124:136] = b"\xff" + bytes(11)  # base 256, below nothing
    packed[148:156] = b" " * 8
    packed[148:156] = b"%06o\0 " % sum(packed[:512])
    with pytest.raises(InvalidInput, match="tar file"):
        Algorithm.from_tar(bytes(packed))
