"""What a `data.pkl` of PyTorch says, followed step by step without running it.

A pickle is a program, and loading it runs whatever it names. Here `pickletools` takes it apart, which runs nothing,
and a machine follows it that knows the few steps of a plain state dict: dicts, tuples, texts, numbers, and the few
names by which torch makes a tensor out of numbers in its file. Everything else is refused, not skipped.
Source of the format: PyTorch, torch/serialization.py and docs/source/notes/serialization.rst.
"""

from __future__ import annotations

import pickletools
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, Final, NoReturn

from counterfoil.errors import InvalidInput

__all__ = ["Storage", "Tensor", "followed", "refused"]

MOST_WAITING: Final = 10_000
"""Values that a program may have put aside at once; torch's own have some thousand."""

MOST_AXES: Final = 64
"""Axes of a tensor; torch itself has no more."""

_MOST_NUMBERS: Final = 2**53
"""Numbers in a tensor, and places among them, are fewer; no file has so many."""

_MARK: Final = object()
_DICT: Final = ("collections", "OrderedDict")
_TENSOR: Final = ("torch._utils", "_rebuild_tensor_v2")
_PARAMETER: Final = ("torch._utils", "_rebuild_parameter")
_STORAGES: Final = {
    "BFloat16Storage": "BF16",
    "BoolStorage": "BOOL",
    "ByteStorage": "U8",
    "CharStorage": "I8",
    "ComplexDoubleStorage": "C128",
    "ComplexFloatStorage": "C64",
    "DoubleStorage": "F64",
    "FloatStorage": "F32",
    "HalfStorage": "F16",
    "IntStorage": "I32",
    "LongStorage": "I64",
    "ShortStorage": "I16",
}
"""What a safetensors file calls the types of torch's storages."""

_PLAIN: Final = frozenset({"BINUNICODE", "SHORT_BINUNICODE", "BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"})


_MADE: Final[Mapping[str, Callable[[], Any]]] = {
    "EMPTY_DICT": dict,
    "EMPTY_TUPLE": tuple,
    "MARK": lambda: _MARK,
    "NEWFALSE": lambda: False,
    "NEWTRUE": lambda: True,
    "NONE": lambda: None,
}
"""Steps that make a value of nothing."""


@dataclass(frozen=True, slots=True)
class _Name:
    """Something that the program names: module and name."""

    module: str
    name: str


@dataclass(frozen=True, slots=True)
class Storage:
    """Numbers in the file: their type, the member that holds them, and how many there are."""

    kind: str
    key: str
    count: int


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor: numbers, from where, its shape, how far apart neighbours lie along each axis, how many there are."""

    storage: Storage
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]
    count: int


def refused(why: str, *, hint: str = "save it as safetensors") -> InvalidInput:
    """Returns the error for a file that is something else."""
    return InvalidInput(f"this is no plain state dict of PyTorch: {why}", hint=hint)


def followed(program: bytes) -> Any:
    """Returns what a program makes, without running it: dicts, tuples, texts, numbers and `Tensor`.

    Raises:
        InvalidInput: It has a step that no state dict has.
        ValueError: It is cut off.
    """
    machine = _Machine()
    for code, argument, _ in pickletools.genops(program):
        if code.name == "STOP":
            break
        machine.take(code.name, argument)
    return machine.result()


class _Machine:
    """Follows a program: a stack of values, and a memo of those that are used again."""

    def __init__(self) -> None:
        self._stack: list[Any] = []
        self._memo: dict[Any, Any] = {}
        self._steps: Mapping[str, Callable[[], None]] = {
            "BINPERSID": self._refer,
            "BUILD": self._forget,
            "PROTO": lambda: None,
            "REDUCE": self._call,
            "SETITEM": lambda: self._set(self._pop(2)),
            "SETITEMS": lambda: self._set(self._pop_to_mark()),
            "TUPLE": lambda: self._push(tuple(self._pop_to_mark())),
            "TUPLE1": lambda: self._push(tuple(self._pop(1))),
            "TUPLE2": lambda: self._push(tuple(self._pop(2))),
            "TUPLE3": lambda: self._push(tuple(self._pop(3))),
        }

    def take(self, step: str, argument: Any) -> None:
        """Takes one step; InvalidInput for one that no state dict has."""
        if step in _PLAIN:
            self._push(argument)
        elif step in _MADE:
            self._push(_MADE[step]())
        elif step == "GLOBAL":
            self._push(_Name(*str(argument).split(" ", 1)))
        elif step in ("BINPUT", "LONG_BINPUT"):
            self._memo[argument] = self._top()
        elif step in ("BINGET", "LONG_BINGET") and argument in self._memo:
            self._push(self._memo[argument])
        elif step in self._steps:
            self._steps[step]()
        else:
            _fail(step)

    def result(self) -> Any:
        """Returns the one value that is left at the end."""
        (found,) = self._pop(1)
        return found if not self._stack else _fail("more than one result")

    def _push(self, value: Any) -> None:
        if len(self._stack) == MOST_WAITING:
            _fail("too many values at once")
        self._stack.append(value)

    def _top(self) -> Any:
        if not self._stack or self._stack[-1] is _MARK:
            _fail("a value that is not there")
        return self._stack[-1]

    def _pop(self, count: int) -> list[Any]:
        found = [self._take_top() for _ in range(count)]
        return found[::-1]

    def _take_top(self) -> Any:
        self._top()
        return self._stack.pop()

    def _pop_to_mark(self) -> list[Any]:
        found: list[Any] = []
        while self._stack and self._stack[-1] is not _MARK:
            found.append(self._stack.pop())
        if not self._stack:
            _fail("a mark that is not there")
        self._stack.pop()
        return found[::-1]

    def _refer(self) -> None:
        self._push(_storage(*self._pop(1)))

    def _call(self) -> None:
        self._push(_called(*self._pop(2)))

    def _forget(self) -> None:
        """Drops what is set on a dict: the versions of a state dict's modules say nothing of its numbers."""
        self._pop(1)
        if not isinstance(self._top(), dict):
            _fail("BUILD")

    def _set(self, pairs: list[Any]) -> None:
        made = self._top()
        if not isinstance(made, dict) or len(pairs) % 2:
            _fail("SETITEMS")
        for key, value in zip(pairs[::2], pairs[1::2], strict=True):
            if not isinstance(key, str) or key in made:
                _fail("SETITEMS")
            made[key] = value


def _called(name: Any, given: Any) -> Any:
    """Returns what one of the few names makes of its arguments."""
    called = (name.module, name.name) if isinstance(name, _Name) else None
    if called == _DICT and given == ():
        return {}
    if called == _PARAMETER and isinstance(given, tuple) and given and isinstance(given[0], Tensor):
        return given[0]
    if called == _TENSOR and isinstance(given, tuple) and len(given) == 6:
        return _tensor(*given[:4])
    told = ".".join(called) if called else "what is no name"
    raise refused(f"it would call {told[:80]}", hint="save model.state_dict() alone, or as safetensors")


def _tensor(storage: Any, offset: Any, shape: Any, strides: Any) -> Tensor:
    """Returns a tensor. Its axes are counted before they are multiplied: of thousands, that alone would take hours."""
    if not isinstance(storage, Storage) or not isinstance(shape, tuple) or not isinstance(strides, tuple):
        raise refused("a tensor is made of what no tensor is made of")
    if len(shape) > MOST_AXES or len(strides) != len(shape):
        raise refused(f"a tensor has {len(shape)} axes and {len(strides)} strides; {MOST_AXES} of each is the limit")
    if not all(type(each) is int and 0 <= each < _MOST_NUMBERS for each in (offset, *shape, *strides)):
        raise refused("a tensor has an axis that no tensor has")
    count = prod(shape)
    if count >= _MOST_NUMBERS:
        raise refused("a tensor has more numbers than any file holds")
    return Tensor(storage, offset, shape, strides, count)


def _storage(given: Any) -> Storage:
    if isinstance(given, tuple) and len(given) == 5 and given[0] == "storage" and isinstance(given[1], _Name):
        kind = _STORAGES.get(given[1].name) if given[1].module == "torch" else None
        if kind and isinstance(given[2], str) and type(given[4]) is int:
            return Storage(kind, given[2], given[4])
    raise refused("it refers to numbers of an unknown type")


def _fail(step: str) -> NoReturn:
    raise refused(f"its program has a step that no state dict has: {step}", hint="save model.state_dict() alone")
