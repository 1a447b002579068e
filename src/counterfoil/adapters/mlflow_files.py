"""Model files of MLflow runs: found by their names, fetched, and never loaded by MLflow."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, Final

import mlflow
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from counterfoil.errors import NodeUnreachable, NotAllowed, NotFound, NotSetUp

__all__ = ["MODEL_SUFFIXES", "ModelFile", "downloaded", "model_files", "naming_faults", "other_files"]

MODEL_SUFFIXES: Final = (".onnx", ".skops")
"""Files that can be registered as they are."""

_MARK: Final = "MLmodel"
"""The file by which MLflow knows a folder as a model's."""

_FOLDERS: Final = "MLFLOW_ALLOW_FILE_STORE"
"""The variable that MLflow names where it refuses a folder."""

_MOST_FILES: Final = 1_000
_MISSING: Final = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE", "NOT_FOUND")

List = Callable[[str], Any]
"""Lists what lies in a folder."""


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that a run has left.

    Attributes:
        name: Where it lies.
        model: What it is called; empty where the run alone names it.
        fetch: Copies its file into a folder; raises NotAllowed for a model without such a file.
    """

    name: str
    model: str
    fetch: Callable[[Path], Path]


def model_files(client: MlflowClient, run: Any) -> Iterator[ModelFile]:
    """Yields the models of a run: among its artifacts, and those that it logged as models of their own."""
    run_id = run.info.run_id
    for path, is_file in _models_in(lambda folder: client.list_artifacts(run_id, folder or None)):
        name = PurePosixPath(path)
        model = name.parent.name if is_file and str(name.parent) != "." else name.name
        yield ModelFile(path, model, _fetching(f"runs:/{run_id}/{path}", client.tracking_uri, is_file))
    for output in run.outputs.model_outputs if run.outputs else ():
        logged = client.get_logged_model(output.model_id)
        for path, is_file in _models_in(partial(_listed, client, logged)):
            uri = f"{logged.artifact_location}/{path}"
            yield ModelFile(f"{logged.name}/{path}", logged.name, _fetching(uri, client.tracking_uri, is_file))


def other_files(client: MlflowClient, run: Any) -> Iterator[str]:
    """Yields the paths of a run's artifacts that are no model and no part of one."""
    models: list[PurePosixPath] = []
    for folder, files in _folders(lambda folder: client.list_artifacts(run.info.run_id, folder or None)):
        if _is_model(files):
            models.append(PurePosixPath(folder))
        if not any(PurePosixPath(folder).is_relative_to(model) for model in models):
            yield from (path for path in files if not path.endswith(MODEL_SUFFIXES))


def downloaded(uri: str, folder: Path, tracking_uri: str | None) -> Path:
    """Copies a file or folder of MLflow's into a folder of ours, and returns where it lies.

    Raises:
        NotFound: There is no such thing.
        NodeUnreachable: MLflow does not answer.
    """
    with naming_faults("the model's files"):
        found = mlflow.artifacts.download_artifacts(artifact_uri=uri, dst_path=str(folder), tracking_uri=tracking_uri)
    path = Path(found).resolve()
    if not path.is_relative_to(folder.resolve()):
        raise NotAllowed("MLflow names a model file that lies elsewhere", hint="register the file itself")
    return path


@contextmanager
def naming_faults(what: str) -> Iterator[None]:
    """Says what MLflow could not give, without quoting its address, which may hold a password."""
    try:
        yield
    except MlflowException as error:
        if _FOLDERS in str(error):
            raise NotSetUp(
                "MLflow refuses to read runs from a folder", hint=f"set {_FOLDERS}=true, or move them to a database"
            ) from error
        if error.error_code in _MISSING:
            raise NotFound(f"MLflow does not have {what}", hint="is the tracking address right?") from error
        raise NodeUnreachable(f"MLflow did not give {what}", hint="is it running, and is the address right?") from error
    except Exception as error:  # spoilt files and broken answers come out of it as errors of all kinds
        raise NodeUnreachable(f"MLflow did not give {what}: {type(error).__name__}") from error


def _listed(client: MlflowClient, logged: Any, folder: str) -> Any:
    return client.list_logged_model_artifacts(logged.model_id, folder or None)


def _models_in(listed: List) -> Iterator[tuple[str, bool]]:
    """Yields each model: the path of its file, or of its folder where that holds no file that can be registered."""
    for folder, files in _folders(listed):
        fit = [path for path in files if path.endswith(MODEL_SUFFIXES)]
        yield from ((path, True) for path in fit)
        if not fit and _is_model(files):
            yield folder or "model", False


def _folders(listed: List) -> Iterator[tuple[str, list[str]]]:
    """Yields each folder and the paths of the files in it, as long as there are not too many."""
    folders, seen = [""], 0
    while folders:
        folder = folders.pop(0)
        found = list(listed(folder))
        seen += len(found)
        if seen > _MOST_FILES:
            return
        yield folder, [each.path for each in found if not each.is_dir]
        folders.extend(each.path for each in found if each.is_dir)


def _is_model(files: Sequence[str]) -> bool:
    return any(PurePosixPath(path).name == _MARK for path in files)


def _fetching(uri: str, tracking_uri: str, is_file: bool) -> Callable[[Path], Path]:
    def fetch(folder: Path) -> Path:
        if not is_file:
            raise NotAllowed("neither ONNX nor skops", hint="log it with mlflow.onnx; a pickle is never opened")
        return downloaded(uri, folder, tracking_uri)

    return fetch
