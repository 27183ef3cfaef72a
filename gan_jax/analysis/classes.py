"""Between classes: the same latents for labels that a network has never seen.

Labels are whole numbers, and networks use them in many ways: an embedding beside the
latent, one shared by all norms, gains and biases of every norm by class, one-hot vectors.
What a network makes of labels alone, before any latent enters, is a vector in each case,
and vectors have a between. BigGAN (1809.11096, figure 8) interpolates its shared embedding;
for that network this is the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax.extend.core import JaxprEqn

from gan_jax.analysis import jaxprs
from gan_jax.types import Array, PyTree

Labelled = Callable[[Array, Array], PyTree]
"""`(latents (B, Z), labels int32 (B,)) -> images`."""

MixedLabels = Callable[[Array, Array, Array, Array], PyTree]
"""`(latents, labels a, labels b, weights of b ()) -> images`."""


class _Pair(NamedTuple):
    """What depends on labels and on no latent: for the one labels and for the other."""

    first: Any
    second: Any


class _OfLatents(NamedTuple):
    """What depends on latents."""

    value: Any


def mixed_labels(generate: Labelled) -> MixedLabels:
    """A conditional generator with labels between two classes.

    Every quantity that the network computes from labels alone is computed for both labels,
    and mixed where it meets the latents, (1 - t) a + t b. Works for any function that JAX
    can trace; networks need not know of it.

    Args:
        generate: in evaluation mode, so that examples are independent.

    Returns:
        Function of latents (B, Z), labels a and b, int32 (B,), and the weight t of b, a
        number; images (B, ...), at t = 0 those of a and at t = 1 those of b. Raises
        ValueError if labels meet latents as something that cannot be mixed.
    """

    def mixed(latents: Array, first: Array, second: Array, weight: Array) -> PyTree:
        closed, _, structure = jaxprs.traced(generate, latents, first)

        def plain(value: Any) -> Any:
            return _mix(value, weight) if isinstance(value, _Pair) else _unwrapped(value)

        def rule(equation: JaxprEqn, values: list[Any]) -> list[Any]:
            if any(isinstance(value, _OfLatents) for value in values):
                if (body := jaxprs.body_of(equation)) is not None and _mixes(values):
                    return jaxprs.evaluate(body, values, rule)
                made = jaxprs.bind(equation, [plain(value) for value in values])
                return [_OfLatents(value) for value in made]
            if not _mixes(values):
                return jaxprs.bind(equation, values)
            both = ([_side(v, index) for v in values] for index in (0, 1))
            one, other = (jaxprs.bind(equation, side) for side in both)
            return [_Pair(a, b) for a, b in zip(one, other, strict=True)]

        inputs = [_OfLatents(latents), _Pair(first, second)]
        made = jaxprs.evaluate(closed, inputs, rule)
        return jax.tree.unflatten(structure, [plain(value) for value in made])

    return mixed


def _mixes(values: list[Any]) -> bool:
    return any(isinstance(value, _Pair) for value in values)


def _unwrapped(value: Any) -> Any:
    return value.value if isinstance(value, _OfLatents) else value


def _side(value: Any, index: int) -> Any:
    return value[index] if isinstance(value, _Pair) else value


def _mix(pair: _Pair, weight: Array) -> Array:
    first, second = jnp.asarray(pair.first), jnp.asarray(pair.second)
    if not jnp.issubdtype(first.dtype, jnp.floating):
        raise ValueError(
            "this network's labels meet its latents as whole numbers, which have nothing "
            f"between them: {first.dtype} {first.shape}"
        )
    share = jnp.asarray(weight, first.dtype)
    return (1 - share) * first + share * second


def class_grid(generate: Labelled, latents: Array, num_classes: int) -> Array:
    """The same latents in every class.

    Args:
        generate: latents (B, Z) and labels (B,) to images (B, H, W, C).
        latents: float (n, Z).
        num_classes: number of classes.

    Returns:
        (n, num_classes, H, W, C): a row per latent, a column per class.
    """
    n = len(latents)
    rows = jnp.repeat(latents, num_classes, axis=0)
    labels = jnp.tile(jnp.arange(num_classes, dtype=jnp.int32), n)
    images = generate(rows, labels)
    return images.reshape(n, num_classes, *images.shape[1:])


def class_walk(
    generate: Labelled, latents: Array, first: int, second: int, steps: int
) -> Array:
    """The same latents from one class to another.

    Args:
        generate: latents (B, Z) and labels (B,) to images (B, H, W, C).
        latents: float (n, Z).
        first: label at the beginning.
        second: label at the end.
        steps: images of each latent, at least 2.

    Returns:
        (n, steps, H, W, C).

    Raises:
        ValueError: too few steps, or labels that cannot be mixed.
    """
    if steps < 2:
        raise ValueError(f"a way between classes needs at least 2 steps, got {steps}")
    mixed = jax.jit(mixed_labels(generate))
    ends = (jnp.full(len(latents), label, jnp.int32) for label in (first, second))
    a, b = ends
    weights = jnp.linspace(0.0, 1.0, steps)
    return jnp.stack([mixed(latents, a, b, weight) for weight in weights], axis=1)
