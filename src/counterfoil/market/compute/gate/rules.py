"""What may leave a job: the rules of an offer, as its sheet holds them under `compute.gate`.

    {"maxBytes": 200000,
     "files": [{"name": "result.json", "type": "json", "maxBytes": 20000, "schema": {…}, "digits": 6},
               {"name": "groups.csv", "type": "table", "maxBytes": 50000, "maxRows": 200, "leastGroup": 10,
                "below": "suppress", "columns": [{"name": "region", "type": "text", "values": ["north", "south"]},
                                                 {"name": "people", "type": "count"}]},
               {"name": "model.safetensors", "type": "model", "form": "safetensors", "maxBytes": 100000,
                "maxParameters": 10000},
               {"name": "notes.txt", "type": "text", "maxBytes": 2000}],
     "logBytes": 0}

A file that is not named does not leave. Text leaves only by the owner's hand, and so does whatever has
`"release": "owner"`. A log is withheld where `logBytes` is 0, which it is where nothing is said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Final, Literal, TypeAlias

from counterfoil.core import canonical
from counterfoil.core.strict_table import StrictTable
from counterfoil.errors import InvalidInput
from counterfoil.market.terms.parameters import check_schema

__all__ = ["LOG", "Column", "FileRule", "GateRules", "JsonRule", "ModelRule", "TableRule", "TextRule"]

Release = Literal["automatic", "owner"]

LOG: Final = "log"
"""What decisions call the log of a job."""

MOST_FILES: Final = 50
MOST_JSON_BYTES: Final = 8 * 2**20
MOST_TABLE_BYTES: Final = 64 * 2**20
MOST_MODEL_BYTES: Final = 512 * 2**20
MOST_TEXT_BYTES: Final = 2**20
OUTPUT_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_COLUMN: Final = re.compile(r"[^\x00-\x1f\x7f=+@\t-][^\x00-\x1f\x7f]{0,99}")
_TYPES: Final = ("json", "table", "model", "text")


@dataclass(frozen=True, slots=True)
class JsonRule:
    """A JSON file that fits a schema.

    Attributes:
        schema: See `market.terms.parameters.check_schema`.
        digits: Significant digits to which numbers with a fraction are rounded before they leave; None: as they are.
    """

    name: str
    max_bytes: int
    release: Release
    schema: Mapping[str, Any]
    digits: int | None
    type: Literal["json"] = "json"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table that may leave.

    Attributes:
        type: `integer`, `number`, `text` (one of `values`), or `count`: how many persons or rows a row stands for.
        values: What a text may be.
        digits: As of `JsonRule`.
    """

    name: str
    type: Literal["integer", "number", "text", "count"]
    values: tuple[str, ...] = ()
    digits: int | None = None


@dataclass(frozen=True, slots=True)
class TableRule:
    """A CSV file with exactly these columns.

    Attributes:
        max_rows: Most rows under the header.
        columns: In order.
        least_group: Smallest count in a `count` column; 0 where there is none.
        below: What becomes of a row with a smaller count: the row is left out, or the file refused.
    """

    name: str
    max_bytes: int
    release: Release
    max_rows: int
    columns: tuple[Column, ...]
    least_group: int
    below: Literal["suppress", "refuse"]
    type: Literal["table"] = "table"


@dataclass(frozen=True, slots=True)
class ModelRule:
    """A model in a form that is data and no program.

    Attributes:
        form: `safetensors`, `onnx`, or `integer` (docs/reference/models.md).
        families: `linear`, `trees`: what an ONNX or integer model may be.
        max_parameters: Most numbers in it.
        least_leaf: Fewest rows of the data in a leaf of an integer tree model, where any are; 0: not asked.
    """

    name: str
    max_bytes: int
    release: Release
    form: Literal["safetensors", "onnx", "integer"]
    families: tuple[str, ...]
    max_parameters: int
    least_leaf: int
    type: Literal["model"] = "model"


@dataclass(frozen=True, slots=True)
class TextRule:
    """A text; it leaves by the owner's hand only."""

    name: str
    max_bytes: int
    release: Release = "owner"
    type: Literal["text"] = "text"


FileRule: TypeAlias = JsonRule | TableRule | ModelRule | TextRule


@dataclass(frozen=True, slots=True)
class GateRules:
    """The rules of one offer.

    Attributes:
        max_bytes: Of all files together.
        files: By name.
        log_bytes: Most bytes of a job's log that the owner may release; 0: it is withheld.
        document: The rules as JSON, as the sheet holds them.
    """

    max_bytes: int
    files: Mapping[str, FileRule]
    log_bytes: int
    document: Mapping[str, Any]

    @property
    def digest_hex(self) -> str:
        """SHA-256 of the rules' canonical bytes, by which decisions name them."""
        return sha256(canonical.dumps(self.document)).hexdigest()

    @classmethod
    def from_json(cls, value: Mapping[str, Any], place: str = "the output gate") -> GateRules:
        """Reads rules strictly.

        Raises:
            InvalidInput: A part is missing, unknown, or not as it should be.
        """
        if not isinstance(value, Mapping):
            raise InvalidInput(f"{place} is no table", hint="docs/reference/output-gate.md has the format")
        table = StrictTable(value, place)
        max_bytes = table.whole("maxBytes", 1, MOST_MODEL_BYTES)
        log_bytes = table.whole("logBytes", 0, MOST_TEXT_BYTES, default=0)
        files = [_read_file(each) for each in table.tables("files", "file", default=[])]
        table.require_empty()
        names = [each.name for each in files]
        if LOG in names:
            raise InvalidInput(
                f"{place} names a file {LOG!r}", hint="that is what the job's log is called: see logBytes"
            )
        if len(files) > MOST_FILES or len(set(names)) != len(names):
            raise InvalidInput(f"{place} names {len(files)} files", hint=f"{MOST_FILES} at most, each once")
        return cls(max_bytes, dict(zip(names, files, strict=True)), log_bytes, dict(value))


def _read_file(table: StrictTable) -> FileRule:
    name = table.text("name", pattern=OUTPUT_NAME, like="result.json")
    kind = table.choice("type", _TYPES)
    release: Release = table.choice(
        "release", ("automatic", "owner"), default="owner" if kind == "text" else "automatic"
    )
    made: FileRule = _READERS[kind](table, name, release)
    table.require_empty()
    return made


def _read_json(table: StrictTable, name: str, release: Release) -> JsonRule:
    max_bytes = table.whole("maxBytes", 2, MOST_JSON_BYTES)
    schema = table.mapping("schema")
    check_schema(schema, f"the schema of {name}")
    return JsonRule(name, max_bytes, release, schema, table.whole("digits", 1, 17, default=None))


def _read_table(table: StrictTable, name: str, release: Release) -> TableRule:
    columns = tuple(_read_column(each) for each in table.tables("columns", f"column of {name}"))
    counts = [each.name for each in columns if each.type == "count"]
    least = table.whole("leastGroup", 0, 1_000_000, default=0)
    below = table.choice("below", ("suppress", "refuse"), default="refuse")
    if not columns or len({each.name for each in columns}) != len(columns):
        raise InvalidInput(f"the columns of {name} are none, or two have one name")
    if (least > 0) != bool(counts):
        raise InvalidInput(
            f"{name} has {len(counts)} columns of counts and leastGroup {least}",
            hint='a smallest group needs a column of the type "count", and the other way round',
        )
    max_bytes = table.whole("maxBytes", 1, MOST_TABLE_BYTES)
    return TableRule(name, max_bytes, release, table.whole("maxRows", 1, 1_000_000), columns, least, below)


def _read_column(table: StrictTable) -> Column:
    name = table.text("name", pattern=_COLUMN, like="age_group")
    kind = table.choice("type", ("integer", "number", "text", "count"))
    values = tuple(table.texts("values", pattern=_COLUMN, like="north")) if kind == "text" else ()
    digits = table.whole("digits", 1, 17, default=None) if kind == "number" else None
    table.require_empty()
    return Column(name, kind, values, digits)


def _read_model(table: StrictTable, name: str, release: Release) -> ModelRule:
    form = table.choice("form", ("safetensors", "onnx", "integer"))
    families = tuple(table.texts("families")) if form != "safetensors" else ()
    odd = next((each for each in families if each not in ("linear", "trees")), None)
    if odd is not None:
        raise InvalidInput(f"{odd[:40]!r} is no family of models", hint="linear, trees, or both")
    least_leaf = table.whole("leastLeafRows", 0, 1_000_000, default=0) if form == "integer" else 0
    max_bytes = table.whole("maxBytes", 1, MOST_MODEL_BYTES)
    return ModelRule(name, max_bytes, release, form, families, table.whole("maxParameters", 1, 10**9), least_leaf)


def _read_text(table: StrictTable, name: str, release: Release) -> TextRule:
    if release != "owner":
        raise InvalidInput(f"{name} is text, and text leaves by the owner's hand only", hint='leave "release" out')
    return TextRule(name, table.whole("maxBytes", 1, MOST_TEXT_BYTES))


_READERS: Final[Mapping[str, Any]] = {
    "json": _read_json,
    "table": _read_table,
    "model": _read_model,
    "text": _read_text,
}
