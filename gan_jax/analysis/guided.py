"""Guided backpropagation: what in an image a feature of a network responds to.

Springenberg, Dosovitskiy, Brox and Riedmiller, "Striving for Simplicity: The All
Convolutional Net" (1412.6806), section 3.4; of a GAN's discriminator in DCGAN (1511.06434,
section 6.3.1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from gan_jax.analysis import jaxprs
from gan_jax.types import Array

RECTIFIERS = ("relu", "leaky_relu", "relu6", "elu", "celu", "selu")
"""The functions of `jax.nn` whose backward passes are guided."""


def guided_gradient(fn: Callable[[Array], Array], images: Array) -> Array:
    """Gradients in the images by guided backpropagation.

    The backward pass of every rectifier drops what pulls downwards: with f = relu(x) and
    the gradient R above it is [x > 0] [R > 0] R below (1412.6806, figure 1). A rectifier
    with a slope below zero, such as the leaky one, gives its own derivative times
    [R > 0] R. All other operations are differentiated as ever. Rectifiers are recognised
    as calls of `jax.nn`, in whatever modules they stand.

    Args:
        fn: images (B, H, W, C) to one number of each, (B,): a logit, or a feature.
        images: float, where.

    Returns:
        Like `images`.

    Raises:
        ValueError: no rectifier is found, or one stands within a loop or a branch.
    """
    closed, _, _ = jaxprs.traced(fn, images)
    if not jaxprs.contains(closed, _is_rectifier):
        raise ValueError(
            "guided backpropagation needs a network with rectifiers of jax.nn: "
            + ", ".join(RECTIFIERS)
        )

    def total(x: Array) -> Array:
        return jnp.sum(jaxprs.evaluate(closed, [x], _RULE)[0])

    return jax.grad(total)(images)


def _is_rectifier(equation: JaxprEqn) -> bool:
    """Whether an equation calls a rectifier; relu's has a derivative around a `jit`."""
    if equation.params.get("name") in RECTIFIERS:
        return True
    body = jaxprs.body_of(equation)
    if body is None or not jaxprs.has_own_derivative(equation):
        return False
    return len(body.jaxpr.eqns) == 1 and _is_rectifier(body.jaxpr.eqns[0])


def _guided(fn: Callable[..., list[Any]]) -> Callable[..., list[Any]]:
    """A function with the positive part of what comes back as gradient."""
    guided = jax.custom_vjp(fn)

    def forward(*inputs: Any) -> tuple[list[Any], Any]:
        return jax.vjp(fn, *inputs)

    def backward(pull: Any, given: list[Any]) -> Any:
        return pull([jnp.maximum(part, jnp.zeros_like(part)) for part in given])

    guided.defvjp(forward, backward)
    return guided


_RULE = jaxprs.replacing(
    _is_rectifier,
    lambda equation, values: _guided(lambda *given: jaxprs.bind(equation, given))(*values),
    "guided backpropagation does not reach into {}, where a rectifier stands",
)
"""Rectifiers guided, calls looked into, the rest as it stands."""
