"""A model's bytes in one form, and the scorer made of them.

Three forms can be replayed: canonical integer models, ONNX, and skops with an explicit
list of trusted types. A pickle or joblib file is code and is never opened.
"""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, Protocol

from counterfoil.core.canonical import JsonValue
from counterfoil.errors import InvalidInput, NotAllowed
from counterfoil.provenance.models import integer
from counterfoil.provenance.models.features import Feature, Label

__all__ = ["MAX_ARTEFACT_BYTES", "Artefact", "Scorer", "form_of", "load", "read_artefact", "runtime"]

Form = Literal["integer", "onnx", "skops"]

MAX_ARTEFACT_BYTES = 512 * 2**20

_PICKLE_HINT = "save the model with skops or ONNX, or export it as an integer model"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"]\x00\x00", b"\x04\x22\x4d\x18", b"x\x01", b"x^", b"x\x9c", b"x\xda")
_LIBRARIES = ("numpy", "onnx", "onnxruntime", "pandas", "scikit-learn", "scipy", "skops")
_CPU_FLAGS = ("sse4_2", "avx", "avx2", "fma", "avx512f", "asimd", "sve")


@dataclass(frozen=True, slots=True)
class Artefact:
    """A model in one form.

    Args:
        form: Which reader it needs.
        data: The bytes of the file.
        file_sha256: Of the bytes, 64 hex digits.
        semantic_sha256: Of what the bytes mean; for integer models the same.
        trusted: Types beyond skops' own list that may be loaded.
        features: Names of the columns, where the file does not hold them.
        positive: The outcome the score is about; None for the last one of the file.
    """

    form: Form
    data: bytes
    file_sha256: str
    semantic_sha256: str
    trusted: tuple[str, ...] = ()
    features: tuple[str, ...] = ()
    positive: Label | None = None


class Scorer(Protocol):
    """A loaded model: one row in, one score out."""

    @property
    def features(self) -> tuple[Feature, ...]:
        """The features a row must have, no more and no less."""

    def score(self, row: Mapping[str, JsonValue]) -> float:
        """Returns the score of the positive outcome.

        Raises:
            InvalidInput: For a missing, extra or unusable value, naming the feature.
        """

    def score_micro(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the score in micro-units, 0 to 1,000,000."""


def read_artefact(
    data: bytes,
    *,
    trusted: Sequence[str] = (),
    features: Sequence[str] = (),
    positive: Label | None = None,
) -> Artefact:
    """Returns the artefact a file holds, with its form found from its bytes.

    Raises:
        InvalidInput: If it is none of the known forms, or damaged.
        NotAllowed: If it is a pickle or joblib file.
        NotSetUp: If the library to read it is not installed.
    """
    form = form_of(data)
    file_sha256 = hashlib.sha256(data).hexdigest()
    if form == "integer":
        semantic_sha256 = integer.from_bytes(data).digest()
    else:
        from counterfoil.provenance.models import semantic

        semantic_sha256 = semantic.onnx_digest(data) if form == "onnx" else semantic.skops_digest(data)
    return Artefact(form, bytes(data), file_sha256, semantic_sha256, tuple(trusted), tuple(features), positive)


def form_of(data: bytes) -> Form:
    """Returns the form of a model file, from its first bytes.

    Raises:
        InvalidInput: If it is empty or too large.
        NotAllowed: If it looks like a pickle or joblib file.
    """
    if not data or len(data) > MAX_ARTEFACT_BYTES:
        raise InvalidInput(f"a model file has 1 to {MAX_ARTEFACT_BYTES} bytes, found {len(data)}")
    if data.startswith(b"{"):
        return "integer"
    if data.startswith(b"PK\x03\x04"):
        return "skops"
    if _looks_like_pickle(data):
        raise NotAllowed("this looks like a pickle or joblib file, which can run code when read", hint=_PICKLE_HINT)
    return "onnx"


def load(artefact: Artefact) -> Scorer:
    """Returns a scorer, after checking that the bytes are those the artefact names.

    Raises:
        InvalidInput: If the bytes do not fit their digest or form.
        NotAllowed: For types beyond the trust list, naming them, or a pickle.
        NotSetUp: If the library to run it is not installed.
    """
    if hashlib.sha256(artefact.data).hexdigest() != artefact.file_sha256:
        raise InvalidInput("the model file is not the one that was registered (its SHA-256 differs)")
    if form_of(artefact.data) != artefact.form:
        raise InvalidInput(f"the model file is not of the form {artefact.form!r}")
    if artefact.form == "integer":
        return integer.from_bytes(artefact.data)
    if artefact.form == "onnx":
        from counterfoil.provenance.models.onnx_scorer import OnnxScorer

        return OnnxScorer(artefact.data, artefact.features, artefact.positive)
    from counterfoil.provenance.models.skops_scorer import load_skops

    return load_skops(artefact.data, artefact.trusted, artefact.features, artefact.positive)


def runtime() -> dict[str, JsonValue]:
    """Returns what an answer could depend on: versions, processor, settings of replay."""
    libraries: dict[str, JsonValue] = {}
    for name in _LIBRARIES:
        try:
            libraries[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return {
        "batch": 1,
        "cpuFlags": _cpu_flags(),
        "libraries": libraries,
        "machine": platform.machine(),
        "onnxOptimisation": "disabled",
        "python": platform.python_version(),
        "system": platform.system(),
        "threads": 1,
    }


def _cpu_flags() -> list[str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return []
    for line in text.splitlines():
        if line.lower().startswith(("flags", "features")):
            present = set(line.partition(":")[2].split())
            return [flag for flag in _CPU_FLAGS if flag in present]
    return []


def _looks_like_pickle(data: bytes) -> bool:
    """Binary protocols 2-5 start with their number; protocol 0 is text that ends in "."; joblib compresses."""
    if data[:1] == b"\x80" and data[1:2] in (b"\x02", b"\x03", b"\x04", b"\x05"):
        return True
    if data.startswith(_COMPRESSED):
        return True
    return data[:1] in (b"(", b"c", b"]", b"}", b"I", b"S", b"V", b"F", b"N", b"X", b"U", b"G") and data.rstrip(
        b"\n"
    ).endswith(b".")
