"""Latent projection: the latent whose image is nearest to a given one.

Gradient descent on the latent, as StyleGAN2 does it (1912.04958, appendix D): Adam, a rate
that rises at the start and falls by a cosine at the end, and noise on the latent that
fades, so that the search does not settle at once. Several searches run side by side. A
latent may be of any space: z, w, or the styles of all layers, which is called w+
(1904.03189); planes of noise that a generator with styles keeps are searched beside it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from gan_jax.analysis.layers import record
from gan_jax.types import Array, Key, PyTree, Scalar

Distance = Callable[[Array, Array], Array]
"""`(images (B, H, W, C), target (H, W, C)) -> distances (B,)`, differentiable."""

_RAMP_UP, _RAMP_DOWN, _NOISY = 0.05, 0.25, 0.75
_SMALLEST = 8
_NOISE_WEIGHT = 1e5


class Projection(NamedTuple):
    """What the searches found, the best first.

    Attributes:
        latents: float32 (n, ...), of the shape of the starts.
        losses: float32 (n,), distances of the images of these latents.
        order: int32 (n,), the searches' numbers, which tell their starts.
        history: float32 (steps, n), distances on the way, with noise on the latents, in the
            same order.
        planes: of noise, (n, side, side), that belong to the latents; None if none were
            given.
    """

    latents: Array
    losses: Array
    order: Array
    history: Array
    planes: PyTree


def project(
    generate: Callable[..., Array],
    target: Array,
    starts: Array,
    distance: Distance,
    key: Key,
    *,
    steps: int = 300,
    learning_rate: float = 0.1,
    noise: float = 0.05,
    spread: float | None = None,
    planes: PyTree = None,
) -> Projection:
    """Searches latents from several starts at once; deterministic in its arguments.

    Args:
        generate: latents (n, ...) to images (n, H, W, C), each by itself: row i may have a
            label of its own, so that classes compete. With `planes` it takes these as well,
            `(latents, planes) -> images`.
        target: float (H, W, C) in [-1, 1].
        starts: latents (n, ...) to begin from, such as draws of the prior, or means of w.
        distance: what is made small, `pixel_distance` or a sum with others.
        key: of the noise on the latents.
        steps: of Adam, each of all searches.
        learning_rate: at its highest.
        noise: standard deviation at the start, in those of the latents.
        spread: standard deviation of the latents; None for that of `starts`. For w it is
            the root of the mean squared distance to the mean, see `style_centres`.
        planes: noise of the layers to begin from, leaves (n, side, side), that is searched
            too. `noise_autocorrelation` is added to what is made small, and after each
            step a plane has mean 0 and variance 1 again.

    Returns:
        The searches, ordered by their least distances. A search's latent is the best that
        it has met, not the last.

    Raises:
        ValueError: numbers out of range, or images unlike the target.
    """
    if steps < 1 or learning_rate <= 0.0 or noise < 0.0:
        raise ValueError(
            "need steps >= 1, learning_rate > 0 and noise >= 0, got "
            f"{steps}, {learning_rate} and {noise}"
        )

    def images(point: PyTree) -> Array:
        return generate(point[0]) if planes is None else generate(*point)

    made = jax.eval_shape(images, (starts, planes))
    if made.shape[1:] != target.shape:
        raise ValueError(f"the target is {target.shape}, images are {made.shape[1:]}")
    adam = optax.adam(_rate(learning_rate, steps))
    scale = noise * (jnp.std(starts) if spread is None else spread)

    def losses(point: PyTree) -> Array:
        return distance(images(point), target).astype(jnp.float32)

    def total(point: PyTree) -> tuple[Array, Array]:
        each = losses(point)
        return jnp.sum(each) + _NOISE_WEIGHT * _autocorrelations(point[1]), each

    def advance(carry: PyTree, step: Array) -> tuple[PyTree, Array]:
        (latents, noises), opt, best, least = carry
        fade = jnp.maximum(1.0 - step.astype(jnp.float32) / (_NOISY * steps), 0.0)
        draws = jax.random.normal(jax.random.fold_in(key, step), latents.shape)
        noisy = (latents + scale * jnp.square(fade) * draws, noises)
        gradients, each = jax.grad(total, has_aux=True)(noisy)
        best = _rows(each < least, noisy, best)
        # optax mixes integer counters with floats; our own code promotes nothing.
        with jax.numpy_dtype_promotion("standard"):
            updates, opt = adam.update(gradients, opt)
        moved, noises = optax.apply_updates((latents, noises), updates)
        point = moved, jax.tree.map(_standardised, noises)
        return (point, opt, best, jnp.minimum(each, least)), each

    @jax.jit
    def search(start: PyTree) -> Projection:
        first = jnp.full(len(starts), jnp.inf, jnp.float32)
        carry = (start, adam.init(start), start, first)
        (last, _, best, least), history = jax.lax.scan(advance, carry, jnp.arange(steps))
        final = losses(last)
        best = _rows(final < least, last, best)
        least = jnp.minimum(final, least)
        order = jnp.argsort(least, stable=True)
        latents, noises = jax.tree.map(lambda x: x[order], best)
        return Projection(latents, least[order], order, history[:, order], noises)

    return search((starts, planes))


def _rows(where: Array, these: PyTree, others: PyTree) -> PyTree:
    """Rows of one tree where (n,) is true, else of another."""

    def chosen(a: Array, b: Array) -> Array:
        return jnp.where(where.reshape((-1,) + (1,) * (a.ndim - 1)), a, b)

    return jax.tree.map(chosen, these, others)


def _standardised(plane: Array) -> Array:
    """Planes (n, side, side) of mean 0 and variance 1."""
    centred = plane - plane.mean(axis=(1, 2), keepdims=True)
    return centred * jax.lax.rsqrt(jnp.square(centred).mean(axis=(1, 2), keepdims=True))


def _autocorrelations(planes: PyTree) -> Scalar:
    each = [noise_autocorrelation(plane).sum() for plane in jax.tree.leaves(planes)]
    return sum(each, start=jnp.zeros((), jnp.float32))


def noise_autocorrelation(plane: Array) -> Array:
    """How far noise is from being white: squares of its correlations with itself, one pixel
    to the right and one below, at its own resolution and all halves of it down to 8
    (1912.04958, appendix D). Pictures cannot hide in noise that has none.

    Args:
        plane: (n, side, side), side a power of 2; the edges are joined. Means of 2 x 2
            pixels are doubled, so that white noise keeps its variance.

    Returns:
        (n,).
    """
    total = jnp.zeros(len(plane), plane.dtype)
    while True:
        for axis in (1, 2):
            total += jnp.square((plane * jnp.roll(plane, 1, axis)).mean(axis=(1, 2)))
        half = plane.shape[1] // 2
        if half < _SMALLEST:
            return total
        plane = 2.0 * plane.reshape(-1, half, 2, half, 2).mean(axis=(2, 4))


def style_centres(ws: np.ndarray, groups: np.ndarray) -> tuple[np.ndarray, float]:
    """Where to begin a search in w: the mean, of every class, and how far w is from it.

    Args:
        ws: float (n, W), mapped latents; the paper takes 10,000.
        groups: integers (n,), each from 0 to the largest at least once: the classes, or all
            0.

    Returns:
        float32 (k, W), and the root of the mean squared distance to one's own.
    """
    found = np.stack([ws[groups == k].mean(axis=0) for k in range(int(groups.max()) + 1)])
    apart = np.square(ws - found[groups]).sum(axis=1)
    return found.astype(np.float32), float(np.sqrt(apart.mean()))


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
        network: images (1, H, W, C) to anything, in evaluation mode; it sees one image at a
            time, since some networks compare those of a batch.

    Returns:
        The distance; ValueError when called if the network has no feature maps.
    """

    def maps(image: Array) -> list[Array]:
        seen = record(network, image[None])[1].values()
        return [x[0] for x in seen if isinstance(x, jax.Array) and x.ndim == 4]

    def distance(images: Array, target: Array) -> Array:
        found = jax.vmap(maps)(jnp.concatenate([images, target[None]]))
        if not found:
            raise ValueError("a perceptual distance needs a network with feature maps")
        each = [_unlike(x.astype(jnp.float32)) for x in found]
        return jnp.mean(jnp.stack(each), axis=0)

    return distance


def _unlike(features: Array) -> Array:
    """Distances (B,) of the first rows of (B + 1, h, w, C) to the last."""
    squares = jnp.sum(jnp.square(features), axis=-1, keepdims=True)
    unit = features * jax.lax.rsqrt(squares + 1e-10)
    apart = jnp.sum(jnp.square(unit[:-1] - unit[-1:]), axis=-1)
    return jnp.mean(apart, axis=(1, 2))
