"""State dicts of PyTorch: what they mean is read from files that torch wrote, and nothing in them is ever run."""

from __future__ import annotations

import pickle
import shutil
import zipfile
from pathlib import Path

import pytest

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.fingerprints.model import model_digest
from counterfoil.provenance.fingerprints.state_dict import MAX_PROGRAM_BYTES, state_dict_digest
from counterfoil.provenance.fingerprints.state_dict_program import MOST_WAITING, followed

VECTORS = Path(__file__).parents[3] / "vectors" / "state_dict"


def altered(tmp_path: Path, name: str = "model.pt", *, drop: str = "", stored: bool = True, **members: bytes) -> Path:
    """Copies a file that torch wrote, with some members replaced or left out."""
    made = tmp_path / f"{len(list(tmp_path.iterdir()))}-{name}"
    kind = zipfile.ZIP_STORED if stored else zipfile.ZIP_DEFLATED
    with zipfile.ZipFile(VECTORS / name) as source, zipfile.ZipFile(made, "w", kind) as target:
        for each in source.namelist():
            short = each.partition("/")[2].replace("/", "_").replace(".", "_")
            if short != drop:
                target.writestr(each, members.get(short, source.read(each)))
    return made


def program_of(name: str = "model") -> bytes:
    with zipfile.ZipFile(VECTORS / f"{name}.pt") as file:
        return file.read(f"{name}/data.pkl")


@pytest.mark.parametrize("name", ["model", "types"])
def test_it_means_what_the_same_tensors_mean_as_safetensors(name, tmp_path):
    wanted = model_digest(VECTORS / f"{name}.safetensors")
    assert model_digest(VECTORS / f"{name}.pt") == wanted
    shutil.copy(VECTORS / f"{name}.pt", tmp_path / "other.pth")
    assert model_digest(tmp_path / "other.pth") == wanted


def test_a_changed_number_or_name_means_another_model(tmp_path):
    known = model_digest(VECTORS / "model.pt")
    with zipfile.ZipFile(VECTORS / "model.pt") as file:
        numbers = file.read("model/data/0")
    assert model_digest(altered(tmp_path, data_0=bytes([numbers[0] ^ 1]) + numbers[1:])) != known
    assert model_digest(altered(tmp_path, data_pkl=program_of().replace(b"0.weight", b"9.weight"))) != known
    assert model_digest(altered(tmp_path, version=b"9\n")) == known


def test_parameters_are_tensors():
    assert len(model_digest(VECTORS / "param.pt")) == 32


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("module", "a step that no state dict has: NEWOBJ"),
        ("checkpoint", "'model' is no tensor"),
        ("transposed", "does not lie row by row"),
    ],
)
def test_what_torch_writes_besides_is_refused(name, words):
    with pytest.raises(InvalidInput, match=words):
        model_digest(VECTORS / f"{name}.pt")


class Bomb:
    """Writes a file where it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self):
        return (Path.write_text, (self.path, "it was run"))


def test_nothing_is_run(tmp_path):
    proof = tmp_path / "proof"
    for protocol in range(6):
        for value in (Bomb(proof), {"a": Bomb(proof)}, {"a": (Bomb(proof),)}):
            path = altered(tmp_path, data_pkl=pickle.dumps(value, protocol))
            with pytest.raises(InvalidInput):
                state_dict_digest(path)
    for program in (
        b"cos\nsystem\n(S'touch proof'\ntR.",
        b"\x80\x02cos\nsystem\nX\x04\x00\x00\x00true\x85R.",
        b"\x80\x02cbuiltins\neval\nX\x01\x00\x00\x001\x85R.",
        b"\x80\x02ccollections\nOrderedDict\n}\x85R.",
        b"\x80\x02ctorch._utils\n_rebuild_tensor_v2\n)R.",
        b"\x80\x02ctorch._utils\n_rebuild_parameter\n)R.",
        b"\x80\x02X\x01\x00\x00\x00a)R.",
    ):
        with pytest.raises(InvalidInput):
            followed(program)
    assert not proof.exists()


@pytest.mark.parametrize(
    "program",
    [
        b".",
        b"\x80\x02.",
        b"\x80\x02}}.",
        b"\x80\x02(.",
        b"\x80\x02t.",
        b"\x80\x02\x85.",
        b"\x80\x02u.",
        b"\x80\x02h\x07.",
        b"\x80\x02q\x00.",
        b"\x80\x02(q\x00.",
        b"\x80\x02Q.",
        b"\x80\x02NQ.",
        b"\x80\x02R.",
        b"\x80\x02}K\x01K\x02s.",
        b"\x80\x02}(K\x01u.",
        b"\x80\x02)Nb.",
        b"\x80\x02N}b.",
        b"\x80\x02].",
        b"\x80\x02}(X\x01\x00\x00\x00aNX\x01\x00\x00\x00aNu.",
        b"\x80\x02" + b"}" * (MOST_WAITING + 1) + b".",
    ],
    ids=range(20),
)
def test_programs_that_no_state_dict_has_are_refused(program):
    with pytest.raises(InvalidInput):
        followed(program)


def test_damaged_and_hostile_files_are_refused(tmp_path):
    known = program_of()
    for path, words in (
        (altered(tmp_path, data_pkl=known[:-20]), "cut off, or damaged"),
        (altered(tmp_path, drop="data_pkl"), "no data.pkl"),
        (altered(tmp_path, drop="data_0"), "outside of its numbers"),
        (altered(tmp_path, data_0=b"\0" * 8), "outside of its numbers"),
        (altered(tmp_path, byteorder=b"big"), "byte order of large machines"),
        (altered(tmp_path, stored=False), "a compressed one"),
        (altered(tmp_path, data_pkl=b"\x80\x02N."), "no dict of tensors"),
        (altered(tmp_path, data_pkl=b"N" * (MAX_PROGRAM_BYTES + 1)), "is larger than"),
        (altered(tmp_path, data_pkl=known.replace(b"FloatStorage", b"QuantStorage")), "numbers of an unknown type"),
    ):
        with pytest.raises(InvalidInput, match=words):
            state_dict_digest(path)
    with pytest.raises(NotFound):
        state_dict_digest(tmp_path / "missing.pt")
    (tmp_path / "x.pt").write_bytes(b"PK nonsense")
    with pytest.raises(InvalidInput):
        state_dict_digest(tmp_path / "x.pt")


def test_numbers_are_not_read_over_and_over(tmp_path):
    one = program_of("transposed")
    for was, now in ((b"K\x03K\x02\x86", b"M\x60\xeaK\x01\x86"), (b"K\x01K\x03\x86", b"K\x01K\x01\x86")):
        assert one.count(was) == 1
        one = one.replace(was, now)
    head, _, rest = one.partition(b"X\x01\x00\x00\x00t")
    item = rest[: rest.rindex(b"s.")]
    # The same tensor under two thousand names: the second and all others take it from the memo.
    many = head + b"(X\x01\x00\x00\x00t" + item + b"r\xff\x00\x00\x00"
    many += b"".join(b"X\x05\x00\x00\x00" + b"%05d" % n + b"j\xff\x00\x00\x00" for n in range(2_000)) + b"u."
    with pytest.raises(InvalidInput, match="share the same numbers too often"):
        state_dict_digest(altered(tmp_path, "transposed.pt", data_pkl=many, data_0=bytes(480_000)))
    assert len(state_dict_digest(altered(tmp_path, "transposed.pt", data_pkl=one, data_0=bytes(480_000)))) == 32


def op_text(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


def tensor(shape: bytes, strides: bytes, *, key: str = "0", kind: str = "FloatStorage") -> bytes:
    """A tensor as a program makes it; shape and strides are the steps that put numbers on the stack."""
    storage = b"(" + op_text("storage") + f"ctorch\n{kind}\n".encode() + op_text(key) + op_text("cpu") + b"K\x02tQ"
    return b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + b"K\x00(" + shape + b"t(" + strides + b"t\x89}tR"


def state_dict(**tensors: bytes) -> bytes:
    return b"\x80\x02}(" + b"".join(op_text(name) + made for name, made in tensors.items()) + b"u."


def zip_file(path: Path, members: dict[str, bytes], prefix: bytes = b"") -> Path:
    path.write_bytes(prefix)
    with zipfile.ZipFile(path, "a" if prefix else "w") as file:
        for name, data in members.items():
            file.writestr(name, data)
    return path


LARGE = b"\x8a\x07" + b"\xff" * 6 + b"\x0f"
"""The step that puts 2**52 and more on the stack."""


@pytest.mark.parametrize(
    ("shape", "strides", "words"),
    [
        (LARGE * 65 + b"K\x00", b"K\x01" * 66, "66 axes"),
        (b"K\x02", b"K\x01K\x01", "1 axes and 2 strides"),
        (LARGE * 3, b"K\x01" * 3, "more numbers than any file holds"),
        (b"N", b"K\x01", "an axis that no tensor has"),
    ],
    ids=["axes", "strides", "numbers", "none"],
)
def test_shapes_that_no_tensor_has_are_refused_before_they_are_multiplied(shape, strides, words):
    with pytest.raises(InvalidInput, match=words):
        followed(state_dict(w=tensor(shape, strides)))


def test_a_file_that_means_two_models_is_refused(tmp_path):
    one = b"K\x02", b"K\x01"
    good = {"m/data.pkl": state_dict(w=tensor(*one)), "m/data/0": bytes(8)}
    assert len(state_dict_digest(zip_file(tmp_path / "good.pt", good))) == 32
    two = state_dict(w=tensor(*one), v=tensor(*one, kind="IntStorage"))
    for path, words in (
        (zip_file(tmp_path / "front.pt", good, pickle.dumps({"w": "another model"}, 2)), "stands in front"),
        (zip_file(tmp_path / "front2.pt", good, b"PK\x03\x04 and more"), "stands in front"),
        (zip_file(tmp_path / "types.pt", good | {"m/data.pkl": two}), "as two types"),
        (zip_file(tmp_path / "case.pt", good | {"m/DATA.PKL": b"N."}), "holds a member twice"),
        (zip_file(tmp_path / "beside.pt", good | {"other/data/0": bytes(8)}), "members outside of 'm'"),
    ):
        with pytest.raises(InvalidInput, match=words):
            model_digest(path)
