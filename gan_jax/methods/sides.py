"""What a discriminator judges: examples, or pairs of examples and codes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng
from gan_jax.game import Batch, Views
from gan_jax.numerics import to_unit
from gan_jax.types import Array, Key, Posterior, PyTree, Stats

GENERATOR = "generator"
DISCRIMINATOR = "discriminator"
ENCODER = "encoder"


class Sides(NamedTuple):
    """Both sides of a round before the discriminator.

    Attributes:
        real: real examples, a pytree of (batch, ...).
        fake: generated ones, of the same structure.
        codes: what stands beside the real and the generated examples, if the discriminator
            judges pairs.
        stats: new statistics of the generator's nets, by net.
    """

    real: PyTree
    fake: PyTree
    codes: tuple[PyTree, PyTree] | None
    stats: dict[str, Stats]

    def beside(self, real: PyTree, fake: PyTree) -> tuple[PyTree, PyTree]:
        """Examples, perhaps augmented, as the discriminator takes them."""
        if self.codes is None:
            return real, fake
        return (real, self.codes[0]), (fake, self.codes[1])


Real = Callable[[Batch], PyTree]
"""`(batch) -> real examples` of a round of data, a pytree of (batch, ...)."""

Make = Callable[[Views, PyTree, Array, tuple[Array, ...], Key], Sides]
"""`(views, real, latents, labels, keys) -> sides`, labels being none or one array."""


def images(batch: Batch) -> Array:
    """The images of a round, in [-1, 1]."""
    return to_unit(batch["image"])


def side_by_side(made: Array | tuple[Array, ...]) -> Array:
    """What a generator made, as one picture of each example: images of several domains from
    left to right.

    Args:
        made: (B, H, W, C) or of any other shape, or a tuple of (B, H, W, C).

    Returns:
        An array as it is; else (B, H, sum of W, C).
    """
    return jnp.concatenate(made, axis=2) if isinstance(made, tuple) else made


def examples(
    views: Views, real: PyTree, latents: Array, labels: tuple[Array, ...], keys: Key
) -> Sides:
    """Real examples against G(z) (1406.2661)."""
    noise = prng.stream(keys, GENERATOR)
    fake, stats = views[GENERATOR].with_stats(latents, *labels, keys=noise)
    return Sides(real, fake, None, {GENERATOR: stats})


def pairs(shown: Callable[[Array], Array] = lambda real: real) -> Make:
    """Pairs (x, E(x)) against (G(z), z) (BiGAN, 1605.09782, eq. 2; ALI, 1606.00704, eq. 1).

    Args:
        shown: real examples as the encoder sees them, to their form beside generated ones.
    """

    def make(
        views: Views, real: Array, latents: Array, labels: tuple[Array, ...], keys: Key
    ) -> Sides:
        generated = examples(views, real, latents, labels, keys)
        noise = prng.stream(keys, ENCODER)
        found, stats = views[ENCODER].with_stats(real, *labels, keys=noise)
        codes = drawn(found, prng.stream(keys, "posterior"))
        return Sides(
            shown(real),
            generated.fake,
            (codes, latents),
            {**generated.stats, ENCODER: stats},
        )

    return make


def drawn(found: Array | Posterior, keys: Key) -> Array:
    """Latents of an encoder: as they are, or drawn from what it knows, by
    reparameterisation (1312.6114, section 2.4), float32 (batch, Z).

    Args:
        found: what the encoder returned.
        keys: one per example.
    """
    if not isinstance(found, Posterior):
        return found
    noise = prng.draw(keys, lambda key: jax.random.normal(key, found.mean.shape[1:]))
    return found.mean + jnp.exp(0.5 * found.log_variance) * noise


def mean_of(found: Array | Posterior) -> Array:
    """Latents of an encoder without draws, (batch, Z): the means of a stochastic one."""
    return found.mean if isinstance(found, Posterior) else found


def woven(*parts: PyTree) -> PyTree:
    """Batches of one structure as one, their rows in turns, so that each row of a sharded
    batch stays on its device.
    """

    def weave(*leaves: Array) -> Array:
        return jnp.stack(leaves, axis=1).reshape(-1, *leaves[0].shape[1:])

    return jax.tree.map(weave, *parts)


def unwoven(whole: PyTree, count: int) -> list[PyTree]:
    """What `woven` made one, apart again."""
    split = jax.tree.map(lambda x: x.reshape(-1, count, *x.shape[1:]), whole)
    return [jax.tree.map(lambda x, row=row: x[:, row], split) for row in range(count)]
