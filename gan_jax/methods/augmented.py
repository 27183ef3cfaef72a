"""Augmentations as hooks of the two-player game."""

from __future__ import annotations

from collections.abc import Callable

from jax.typing import ArrayLike

from gan_jax import augment, prng
from gan_jax.methods.recipe import Augmentation
from gan_jax.types import Array, Key, PyTree, Scalar


def both_sides(transform: augment.Augmentation) -> Augmentation:
    """The same kind of augmentation of real and generated examples, drawn independently:
    differentiable augmentation (2006.10738).

    Args:
        transform: `(keys, examples) -> examples`, such as `augment.diffaugment("color")`.
    """

    def apply(
        keys: Key, real: PyTree, fake: PyTree, memory: PyTree, images_seen: Scalar
    ) -> tuple[PyTree, PyTree]:
        del memory, images_seen
        real_keys, fake_keys = prng.stream(keys, "real"), prng.stream(keys, "fake")
        return transform(real_keys, real), transform(fake_keys, fake)

    return Augmentation(apply)


def noisy(sigma: Callable[[Array], ArrayLike]) -> Augmentation:
    """Instance noise on both sides (1610.04490).

    Args:
        sigma: standard deviation by images seen; see `augment.instance_noise`.
    """
    add_noise = augment.instance_noise(sigma)

    def apply(
        keys: Key, real: PyTree, fake: PyTree, memory: PyTree, images_seen: Scalar
    ) -> tuple[PyTree, PyTree]:
        del memory
        real_keys, fake_keys = prng.stream(keys, "real"), prng.stream(keys, "fake")
        return (
            add_noise(real_keys, real, images_seen),
            add_noise(fake_keys, fake, images_seen),
        )

    return Augmentation(apply)


def adaptive(
    transform: augment.AdaptiveAugmentation, control: augment.Controller
) -> Augmentation:
    """Adaptive discriminator augmentation, ADA (2006.06676).

    Args:
        transform: `(keys, images, p) -> images`, such as `augment.ada("bgc")`.
        control: of p, such as `augment.controller()`.
    """

    def apply(
        keys: Key, real: PyTree, fake: PyTree, memory: PyTree, images_seen: Scalar
    ) -> tuple[PyTree, PyTree]:
        del images_seen
        real_keys, fake_keys = prng.stream(keys, "real"), prng.stream(keys, "fake")
        return (
            transform(real_keys, real, memory.p),
            transform(fake_keys, fake, memory.p),
        )

    return Augmentation(apply, control.init(), control.update)


def pseudo(control: augment.Controller) -> Augmentation:
    """Adaptive pseudo augmentation, APA (2111.06849): some real examples are replaced by
    generated ones, those of the round, with a probability that the controller steers.

    Args:
        control: of the probability, such as `augment.controller()`.
    """

    def apply(
        keys: Key, real: PyTree, fake: PyTree, memory: PyTree, images_seen: Scalar
    ) -> tuple[PyTree, PyTree]:
        del images_seen
        return augment.apa(keys, real, fake, memory.p), fake

    return Augmentation(apply, control.init(), control.update)
