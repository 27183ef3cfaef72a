"""Consistency regularisation: what shall not change a critic's opinion.

An augmentation is `(keys, inputs) -> inputs`, one typed key per example; inputs are any
pytree with a leading batch axis, and it returns the same shapes. Distances are squared L2
norms over an example's logits (one, or several for patches), averaged over the batch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, trees
from gan_jax.numerics import mean32, sum_per_example
from gan_jax.types import Array, Critic, Key, Penalty, PyTree, Scalar

Augmentation = Callable[[Key, PyTree], PyTree]
"""`(keys, inputs) -> inputs`, random and per example."""


def consistency(augment: Augmentation) -> Penalty:
    """Consistency regularisation (CR), Zhang et al. 2019 (arXiv 1910.12027).

    E[||D(x) - D(T(x))||^2] on real examples. Both sides are differentiated.

    Args:
        augment: T, which keeps the meaning of an example (flips, small shifts).

    Returns:
        A penalty to be weighted by lambda (10 in the paper).
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        del fake
        keys = prng.per_example(key, trees.batch_size(real))
        return _change(critic, augment, keys, real)

    return penalty


def balanced_consistency(
    augment: Augmentation, *, real_weight: float = 1.0, fake_weight: float = 1.0
) -> Penalty:
    """Balanced consistency (bCR), Zhao et al. 2020 (arXiv 2002.04724, algorithm 1).

    a E[||D(x) - D(T(x))||^2] + b E[||D(G(z)) - D(T(G(z)))||^2]: with real examples alone,
    the generator learns the augmentations. Draws for the two sides are independent.

    Args:
        augment: T.
        real_weight: a.
        fake_weight: b.

    Returns:
        A penalty for the discriminator, to be weighted by lambda (10 in the paper, with
        a = b = 1).
    """

    def penalty(critic: Critic, real: PyTree, fake: PyTree, key: Key) -> Scalar:
        keys = prng.per_example(key, trees.batch_size((real, fake)))
        on_real = _change(critic, augment, prng.stream(keys, "real"), real)
        on_fake = _change(critic, augment, prng.stream(keys, "fake"), fake)
        return real_weight * on_real + fake_weight * on_fake

    return penalty


class LatentConsistency(NamedTuple):
    """The two sides of latent consistency (zCR).

    Attributes:
        discriminator: `(critic, generate, latents, key) -> scalar`, for D's loss.
        generator: `(generate, latents, key) -> scalar`, negative, for G's loss.
    """

    discriminator: Callable[[Critic, Callable[[PyTree], PyTree], PyTree, Key], Scalar]
    generator: Callable[[Callable[[PyTree], PyTree], PyTree, Key], Scalar]


def latent_consistency(*, noise_scale: float = 0.05) -> LatentConsistency:
    """Latent consistency (zCR), Zhao et al. 2020 (arXiv 2002.04724, algorithm 2).

    With T(z) = z + d, d ~ N(0, s^2 I) per example:

        discriminator:  E[||D(G(z)) - D(G(T(z)))||^2]
        generator:     -E[|G(z) - G(T(z))|^2], the mean over an image's elements

    so that near latents give different images, of which the discriminator thinks the same.
    The paper writes a norm for images; this is the mean of squares, so that weights do not
    depend on the resolution (usual ones are 0.5 for the generator and 5 to 20 for the
    discriminator). bCR and zCR together are the paper's ICR.

    Args:
        noise_scale: s, in units of the latent.

    Returns:
        Both sides. `generate` is `(latents) -> examples`, latents and examples any pytree
        with a leading batch axis; `key` is one typed key, or one per example. `G(z)`, which
        a step has computed before, is written out again and merged by the compiler.
    """

    def discriminator(
        critic: Critic, generate: Callable[[PyTree], PyTree], latents: PyTree, key: Key
    ) -> Scalar:
        near = _perturb(noise_scale, latents, key)
        return _distance(critic(generate(latents)), critic(generate(near)))

    def generator(
        generate: Callable[[PyTree], PyTree], latents: PyTree, key: Key
    ) -> Scalar:
        images = generate(latents), generate(_perturb(noise_scale, latents, key))
        gaps = jax.tree.leaves(jax.tree.map(_gap, *images))
        return -mean32(jnp.concatenate([_per_example(gap) for gap in gaps], axis=1))

    return LatentConsistency(discriminator, generator)


def _change(critic: Critic, augment: Augmentation, keys: Key, inputs: PyTree) -> Scalar:
    return _distance(critic(inputs), critic(augment(keys, inputs)))


def _distance(before: Array, after: Array) -> Scalar:
    """Mean over the batch of the squared distance between logits."""
    return mean32(sum_per_example(_gap(before, after)))


def _gap(a: Array, b: Array) -> Array:
    """Squared difference of elements, float32."""
    return jnp.square(a.astype(jnp.float32) - b.astype(jnp.float32))


def _per_example(x: Array) -> Array:
    """(batch, everything else)."""
    return x.reshape(x.shape[0], -1)


def _perturb(scale: float, latents: PyTree, key: Key) -> PyTree:
    keys = prng.per_example(key, trees.batch_size(latents))

    def one(path: str, z: Array) -> Array:
        noise = prng.draw(
            prng.stream(keys, path),
            lambda k: jax.random.normal(k, z.shape[1:], jnp.float32),
        )
        return (z.astype(jnp.float32) + scale * noise).astype(z.dtype)

    return trees.map_with_path(one, latents)
