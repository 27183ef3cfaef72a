"""Latent projection: the latent whose image is nearest to a given one.

Gradient descent on the latent, as StyleGAN2 does it (1912.04958, appendix D): Adam, a rate
that rises at the start and falls by a cosine at the end, and noise on the latent that
fades, so that the search does not settle at once. Several searches run side by side.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax.analysis.layers import record
from gan_jax.types import Array, Key, PyTree

Distance = Callable[[Array, Array], Array]
"""`(images (B, H, W, C), target (H, W, C)) -> distances (B,)`, differentiable."""

_RAMP_UP, _RAMP_DOWN, _NOISY = 0.05, 0.25, 0.75


class Projection(NamedTuple):
    """What the searches found, the best first.

    Attributes:
        latents: float32 (n, Z).
        losses: float32 (n,), of these latents without noise.
        order: int32 (n,), the searches' numbers, which tell their starts.
        history: float32 (steps, n), losses on the way, with noise, in the same order.
    """

    latents: Array
    losses: Array
    order: Array
    history: Array


def project(
    generate: Callable[[Array], Array],
    target: Array,
    starts: Array,
    distance: Distance,
    key: Key,
    *,
    steps: int = 300,
    learning_rate: float = 0.1,
    noise: float = 0.05,
) -> Projection:
    """Searches latents from several starts at once; deterministic in its arguments.

    Args:
        generate: latents (n, Z) to images (n, H, W, C), each by itself: row i may have a
            label of its own, so that classes compete.
        target: float (H, W, C) in [-1, 1].
        starts: latents (n, Z) to begin from, such as draws of the prior.
        distance: what is made small, `pixel_distance` or a sum with others.
        key: of the noise.
        steps: of Adam, each of all searches.
        learning_rate: at its highest.
        noise: standard deviation at the start, in standard deviations of `starts`.

    Returns:
        The searches, ordered by their last losses. A search's latent is the best that it
        has met, not the last.

    Raises:
        ValueError: numbers out of range, or images unlike the target.
    """
    if steps < 1 or learning_rate <= 0.0 or noise < 0.0:
        raise ValueError(
            "need steps >= 1, learning_rate > 0 and noise >= 0, got "
            f"{steps}, {learning_rate} and {noise}"
        )
    made = jax.eval_shape(generate, starts)
    if made.shape[1:] != target.shape:
        raise ValueError(f"the target is {target.shape}, images are {made.shape[1:]}")
    adam = optax.adam(_rate(learning_rate, steps))
    scale = noise * jnp.std(starts)

    def losses(latents: Array) -> Array:
        return distance(generate(latents), target).astype(jnp.float32)

    def total(latents: Array) -> tuple[Array, Array]:
        each = losses(latents)
        return jnp.sum(each), each

    def advance(carry: PyTree, step: Array) -> tuple[PyTree, Array]:
        latents, opt, best, least = carry
        fade = jnp.maximum(1.0 - step.astype(jnp.float32) / (_NOISY * steps), 0.0)
        draws = jax.random.normal(jax.random.fold_in(key, step), latents.shape)
        noisy = latents + scale * jnp.square(fade) * draws
        gradients, each = jax.grad(total, has_aux=True)(noisy)
        better = each < least
        best = jnp.where(better[:, None], noisy, best)
        # optax mixes integer counters with floats; our own code promotes nothing.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt = adam.update(gradients, opt)
        moved = optax.apply_updates(latents, updates)
        return (moved, opt, best, jnp.minimum(each, least)), each

    @jax.jit
    def search(starts: Array) -> Projection:
        first = jnp.full(len(starts), jnp.inf, jnp.float32)
        carry = (starts, adam.init(starts), starts, first)
        (last, _, best, least), history = jax.lax.scan(advance, carry, jnp.arange(steps))
        final = losses(last)
        latents = jnp.where((final < least)[:, None], last, best)
        least = jnp.minimum(final, least)
        order = jnp.argsort(least, stable=True)
        return Projection(latents[order], least[order], order, history[:, order])

    return search(starts)


def _rate(highest: float, steps: int) -> optax.Schedule:
    """Rising over the first twentieth, falling by a cosine over the last fourth."""

    def rate(step: Array) -> Array:
        share = (step + 1) / steps
        up = jnp.minimum(share / _RAMP_UP, 1.0)
        down = jnp.minimum((1.0 - share) / _RAMP_DOWN, 1.0)
        return highest * up * (0.5 - 0.5 * jnp.cos(math.pi * down))

    return rate


def pixel_distance(images: Array, target: Array) -> Array:
    """Mean squared differences of pixels, (B,)."""
    return jnp.mean(jnp.square(images - target[None]), axis=(1, 2, 3))


def layer_distance(network: Callable[[Array], PyTree]) -> Distance:
    """A perceptual distance in the feature maps of a network of flax modules, such as a
    run's own discriminator, which needs no other data: as LPIPS (1801.03924, eq. 1) with
    equal weights, vectors of channels are scaled to length 1, and their mean squared
    distances over places are averaged over layers.

    Args:
        network: images (B, H, W, C) to anything, in evaluation mode.

    Returns:
        The distance; ValueError when called if the network has no feature maps.
    """

    def distance(images: Array, target: Array) -> Array:
        both = jnp.concatenate([images, target[None]])
        seen = record(network, both)[1].values()
        maps = [x for x in seen if isinstance(x, jax.Array) and x.ndim == 4]
        if not maps:
            raise ValueError("a perceptual distance needs a network with feature maps")
        each = [_unlike(x.astype(jnp.float32)) for x in maps]
        return jnp.mean(jnp.stack(each), axis=0)

    return distance


def _unlike(features: Array) -> Array:
    """Distances (B,) of the first rows of (B + 1, h, w, C) to the last."""
    squares = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
    unit = features * jax.lax.rsqrt(squares + 1e-10)
    apart = jnp.sum(jnp.square(unit[:-1] - unit[-1:]), axis=-1)
    return jnp.mean(apart, axis=(1, 2))
