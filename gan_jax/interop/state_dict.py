"""From published state_dicts to our parameters: names, layouts, and what is wrong.

A family of weights is a list of rules that name, for every parameter of ours, the key it is
published under and its layout. Whatever a file has too much, too little or in another shape
is one error that lists all of it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np
from flax import linen

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.types import Params, PyTree

StateDict = Mapping[str, np.ndarray]
Layout = Callable[[np.ndarray], np.ndarray]
_SHOWN = 8


class Imported(NamedTuple):
    """A published network.

    Attributes:
        module: the network; `module.apply(variables, ...)` evaluates it.
        variables: its variables for evaluation, with spectral norms applied as the original
            applies them.
        params: its parameters before any transform of them, such as a spectral norm, for
            going on with training; the very tree of `variables` without one.
        transform_state: the state of the spectral norm that goes with them,
            `{path: {"u": ..., "v": ...}}`; empty without one.
    """

    module: linen.Module
    variables: dict[str, PyTree]
    params: Params
    transform_state: PyTree


class Rule(NamedTuple):
    """Where some of our variables come from.

    Attributes:
        path: a regular expression for the whole path, collection first, such as
            "params/block_([0-9]+)/conv_0/bias".
        key: the published key, as a template of the expression's groups or a function of
            them: "blocks.{0}.0.conv1.bias".
        layout: from the published array to ours.
    """

    path: str
    key: str | Callable[..., str]
    layout: Layout


def as_is(x: np.ndarray) -> np.ndarray:
    return x


def conv(x: np.ndarray) -> np.ndarray:
    """(O, I, H, W) to (H, W, I, O)."""
    return x.transpose(2, 3, 1, 0)


def linear(x: np.ndarray) -> np.ndarray:
    """(O, I) to (I, O)."""
    return x.T


def scalar(x: np.ndarray) -> np.ndarray:
    return x.reshape(())


def channels_last(channels: int) -> Layout:
    """Rows (C * H * W, ...) of what is reshaped to (C, H, W), to rows (H * W * C, ...)."""

    def layout(x: np.ndarray) -> np.ndarray:
        split = x.reshape(channels, -1, *x.shape[1:])
        return np.swapaxes(split, 0, 1).reshape(x.shape)

    return layout


def then(first: Layout, second: Layout) -> Layout:
    """One layout after another."""
    return lambda x: second(first(x))


def read(
    what: str,
    expected: PyTree,
    rules: Sequence[Rule],
    state_dict: StateDict,
    ignored: Iterable[str] = (),
) -> dict[str, Any]:
    """The variables of a network out of a state_dict.

    Args:
        what: what the network is called in errors.
        expected: its variables' structure and shapes, `{collection: tree}`.
        rules: where each comes from; the first that matches counts.
        state_dict: published arrays by key.
        ignored: regular expressions of keys that are rightly not used.

    Returns:
        The variables, float32 numpy arrays.

    Raises:
        UserError: keys are missing, left over or of another shape; lists them.
    """
    used: set[str] = set()
    missing: list[str] = []
    misshaped: list[str] = []

    def one(path: str, leaf: Any) -> np.ndarray:
        key, layout = _origin(path, rules)
        if key not in state_dict:
            if key not in missing:
                missing.append(key)
            return np.zeros(leaf.shape, np.float32)
        used.add(key)
        value = np.asarray(state_dict[key])
        ours = _laid_out(layout, value)
        if ours is None or ours.shape != leaf.shape:
            misshaped.append(f"{key} {value.shape} cannot be {path} {leaf.shape}")
            return np.zeros(leaf.shape, np.float32)
        return np.array(ours, np.float32, order="C")

    variables = trees.map_with_path(one, expected)
    patterns = [re.compile(pattern) for pattern in ignored]
    left = [
        key
        for key in state_dict
        if key not in used and not any(pattern.fullmatch(key) for pattern in patterns)
    ]
    problems = [
        f"{problem}: {_listed(keys)}"
        for problem, keys in (
            ("missing", missing), ("not used", left), ("of another shape", misshaped)
        )
        if keys
    ]  # fmt: skip
    if problems:
        raise UserError(
            f"these are not the weights of {what} with this architecture; "
            + "; ".join(problems)
        )
    return variables


def structure(module: linen.Module, *inputs: jax.ShapeDtypeStruct) -> dict[str, Any]:
    """Variables of a module as shapes, without computing anything.

    Raises:
        UserError: no such network can be built.
    """
    try:
        return dict(jax.eval_shape(module.init, jax.random.key(0), *inputs))
    except (ArithmeticError, IndexError, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"no network has this architecture: {reason}") from error


def key_of(path: str, rules: Sequence[Rule]) -> str:
    """The published key of one of our variables."""
    return _origin(path, rules)[0]


def _origin(path: str, rules: Sequence[Rule]) -> tuple[str, Layout]:
    for rule in rules:
        if match := re.fullmatch(rule.path, path):
            groups = match.groups()
            key = (
                rule.key.format(*groups) if isinstance(rule.key, str) else rule.key(*groups)
            )
            return key, rule.layout
    raise AssertionError(f"no rule names {path}")


def _laid_out(layout: Layout, value: np.ndarray) -> np.ndarray | None:
    """The array in our layout, or None where it does not have the axes for it."""
    try:
        return layout(value)
    except ValueError:
        return None


def _listed(keys: Sequence[str]) -> str:
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return ", ".join(keys[:_SHOWN]) + more
