"""The fingerprint of what a model means, beside that of its file: the same model saved twice gives the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final
from zipfile import is_zipfile

from counterfoil.errors import InvalidInput, NotFound
from counterfoil.provenance.candidate import Candidate
from counterfoil.provenance.fingerprints.state_dict import state_dict_digest
from counterfoil.provenance.fingerprints.tensors import safetensors_digest
from counterfoil.provenance.models.artefact import MAX_ARTEFACT_BYTES, read_artefact

__all__ = ["model_digest"]

_TORCH: Final = (".pt", ".pth")


def model_digest(model: Any) -> bytes:
    """Returns 32 bytes for what a model does, whatever its file is like.

    Args:
        model: The path of a safetensors, ONNX, skops or integer-model file, or of a plain state dict of PyTorch
            (`.pt`, `.pth`), whose pickle is read and never run; or a fitted scikit-learn classifier, in
            memory, which counts as what it is exported to. Never a pickle: it would have to be run to be read.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is none of these.
        NotAllowed: It is a pickle or joblib file.
        NotSetUp: The package to read it is missing.
    """
    if not isinstance(model, str | Path):
        return bytes.fromhex(Candidate.of(model, trusted=(), features=(), positive=None).artefact.semantic_sha256)
    path = Path(model)
    if not path.is_file():
        raise NotFound(f"there is no file {path}")
    if path.suffix == ".safetensors":
        return safetensors_digest(path)
    if path.suffix in _TORCH and is_zipfile(path):
        return state_dict_digest(path)
    if path.stat().st_size > MAX_ARTEFACT_BYTES:
        raise InvalidInput(f"{path.name} is larger than {MAX_ARTEFACT_BYTES:,} bytes", hint="save it as safetensors")
    return bytes.fromhex(read_artefact(path.read_bytes()).semantic_sha256)
