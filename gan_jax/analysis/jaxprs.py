"""Programs evaluated by other rules: a network's traced equations, one after the other.

A network is seen as the list of its primitive operations, whatever it was written with, so
that what is changed in it needs no help from its modules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import jax
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

Rule = Callable[[JaxprEqn, list[Any]], Sequence[Any]]
"""`(equation, values of its inputs) -> values of its outputs`. Values may be anything that
the rule understands, arrays among them."""

_BODIES = ("jaxpr", "call_jaxpr")
_CALLS = ("jit", "closed_call", "core_call", "remat2", "checkpoint")
_CUSTOM = ("custom_jvp_call", "custom_vjp_call")


def evaluate(closed: ClosedJaxpr, values: Sequence[Any], rule: Rule) -> list[Any]:
    """Evaluates a traced program by a rule.

    Args:
        closed: the program, from `jax.make_jaxpr`.
        values: its inputs, in flat order.
        rule: how an equation is evaluated.

    Returns:
        Its outputs, in flat order.
    """
    known: dict[Any, Any] = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
    known |= dict(zip(closed.jaxpr.invars, values, strict=True))

    def read(atom: Any) -> Any:
        return atom.val if isinstance(atom, Literal) else known[atom]

    for equation in closed.jaxpr.eqns:
        made = rule(equation, [read(atom) for atom in equation.invars])
        known |= dict(zip(equation.outvars, made, strict=True))
    return [read(atom) for atom in closed.jaxpr.outvars]


def bind(equation: JaxprEqn, values: Sequence[Any]) -> list[Any]:
    """An equation evaluated as it stands; the rule that changes nothing."""
    primitive = equation.primitive
    made = primitive.bind(*values, **primitive.get_bind_params(equation.params))
    return list(made) if primitive.multiple_results else [made]


def body_of(equation: JaxprEqn) -> ClosedJaxpr | None:
    """The program that an equation calls once with its own inputs (`jit`, `remat`, and
    functions with derivatives of their own); None for all other operations.
    """
    if equation.primitive.name not in (*_CALLS, *_CUSTOM):
        return None
    for name in _BODIES:
        body = equation.params.get(name)
        if isinstance(body, ClosedJaxpr):
            return body
        if isinstance(body, Jaxpr):
            return ClosedJaxpr(body, ())
    return None


def has_own_derivative(equation: JaxprEqn) -> bool:
    """Whether an equation is a function with a derivative of its own."""
    return equation.primitive.name in _CUSTOM


def inner(equation: JaxprEqn) -> list[ClosedJaxpr]:
    """All programs within an equation, those of loops and branches included."""
    found = []
    for value in equation.params.values():
        for part in value if isinstance(value, tuple | list) else (value,):
            if isinstance(part, ClosedJaxpr):
                found.append(part)
            elif isinstance(part, Jaxpr):
                found.append(ClosedJaxpr(part, ()))
    return found


def contains(closed: ClosedJaxpr, matches: Callable[[JaxprEqn], bool]) -> bool:
    """Whether an equation that matches stands in a program, at any depth."""
    return any(
        matches(equation) or any(contains(body, matches) for body in inner(equation))
        for equation in closed.jaxpr.eqns
    )


def replacing(matches: Callable[[JaxprEqn], bool], replacement: Rule, refusal: str) -> Rule:
    """The rule that evaluates some equations in another way and looks for them in calls.

    Args:
        matches: which equations.
        replacement: their rule; what does not match stands as it is.
        refusal: what to say where one stands in a loop or a branch, with "{}" for its name.

    Returns:
        The rule. It raises ValueError there.
    """

    def rule(equation: JaxprEqn, values: list[Any]) -> Sequence[Any]:
        if matches(equation):
            return replacement(equation, values)
        if not any(contains(body, matches) for body in inner(equation)):
            return bind(equation, values)
        body = body_of(equation)
        if body is None:
            raise ValueError(refusal.format(repr(equation.primitive.name)))
        return evaluate(body, values, rule)

    return rule


def traced(fn: Callable[..., Any], *args: Any) -> tuple[ClosedJaxpr, list[Any], Any]:
    """A function's program, its flat inputs, and the structure of its outputs."""
    closed, shape = jax.make_jaxpr(fn, return_shape=True)(*args)
    return closed, jax.tree.leaves(args), jax.tree.structure(shape)
