"""Names of a package that are imported when they are first used.

To define a flax module takes milliseconds, and a run uses few of those that there are. A
package imports its names for type checkers and editors only, and defers them:

    if TYPE_CHECKING:
        from gan_jax.nn.adapter import from_linen

    __all__ = ["from_linen"]
    lazy.defer(__name__)
"""

from __future__ import annotations

import ast
import inspect
import sys
from collections.abc import Iterator, Mapping, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any


def defer(package: str) -> None:
    """Makes what a package's file imports under TYPE_CHECKING importable from the package.

    Args:
        package: the package's `__name__`.
    """
    module = sys.modules[package]
    vars(module)["_homes"] = _homes(inspect.getsource(module))
    module.__class__ = _Package


def _homes(source: str) -> dict[str, str]:
    """`{name: module}` of the imports in a file's conditional blocks."""
    blocks = [block for block in ast.parse(source).body if isinstance(block, ast.If)]
    return {
        alias.name: str(line.module)
        for block in blocks
        for line in block.body
        if isinstance(line, ast.ImportFrom)
        for alias in line.names
    }


class _Package(ModuleType):
    """A package that imports its names on first use.

    A class and not PEP 562's functions, because type checkers take a module that has
    `__getattr__` to have every name, and because of `__setattr__`.
    """

    _homes: dict[str, str]

    def __getattr__(self, name: str) -> Any:
        if name not in self._homes:
            raise AttributeError(
                f"module {self.__name__!r} has no attribute {name!r}", name=name, obj=self
            )
        value = getattr(import_module(self._homes[name]), name)
        vars(self)[name] = value
        return value

    def __setattr__(self, name: str, value: Any) -> None:
        # Python binds a submodule in its package when it is imported; the name of
        # methods/gan.py belongs to the builder `gan`.
        if not (name in self._homes and isinstance(value, ModuleType)):
            super().__setattr__(name, value)

    def __dir__(self) -> list[str]:
        return sorted({*vars(self), *self._homes})


class Table(Mapping[str, Any]):
    """Values of a package by name; to list the names imports nothing."""

    def __init__(self, package: str, names: Sequence[str]) -> None:
        self._package = package
        self._names = names

    def __getitem__(self, name: str) -> Any:
        if name not in self:
            raise KeyError(name)
        return getattr(sys.modules[self._package], name)

    def __contains__(self, name: object) -> bool:
        return name in self._names

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
