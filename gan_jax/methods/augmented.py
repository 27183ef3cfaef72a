"""Augmentations as hooks of the two-player game."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from jax.typing import ArrayLike

from gan_jax import augment, prng
from gan_jax.methods.recipe import Augmentation
from gan_jax.types import Array, Key, PyTree, Scalar


def _each_side(
    transform: Callable[[Key, PyTree, PyTree, Scalar], PyTree],
    control: augment.Controller | None = None,
) -> Augmentation:
    """`(keys, examples, memory, images_seen) -> examples` on real and on generated examples
    with draws of their own, steered by a controller if there is one.
    """

    def apply(
        keys: Key, real: PyTree, fake: PyTree, memory: PyTree, images_seen: Scalar
    ) -> tuple[PyTree, PyTree]:
        return (
            transform(prng.stream(keys, "real"), real, memory, images_seen),
            transform(prng.stream(keys, "fake"), fake, memory, images_seen),
        )

    if control is None:
        return Augmentation(apply)
    return Augmentation(apply, control.init(), control.update, _probability)


def _probability(memory: augment.ControllerState) -> Mapping[str, Scalar]:
    """What a controller has come to, for the log."""
    return {"augment_p": memory.p}


def both_sides(transform: augment.Augmentation) -> Augmentation:
    """The same kind of augmentation of real and generated examples, drawn independently:
    differentiable augmentation (2006.10738).

    Args:
        transform: `(keys, examples) -> examples`, such as `augment.diffaugment("color")`.
    """
    return _each_side(lambda keys, x, memory, images_seen: transform(keys, x))


def noisy(sigma: Callable[[Array], ArrayLike]) -> Augmentation:
    """Instance noise on both sides (1610.04490).

    Args:
        sigma: standard deviation by images seen; see `augment.instance_noise`.
    """
    add_noise = augment.instance_noise(sigma)
    return _each_side(lambda keys, x, memory, images_seen: add_noise(keys, x, images_seen))


def adaptive(
    transform: augment.AdaptiveAugmentation, control: augment.Controller
) -> Augmentation:
    """Adaptive discriminator augmentation, ADA (2006.06676).

    Args:
        transform: `(keys, images, p) -> images`, such as `augment.ada("bgc")`.
        control: of p, such as `augment.controller()`.
    """
    return _each_side(
        lambda keys, x, memory, images_seen: transform(keys, x, memory.p), control
    )


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

    return Augmentation(apply, control.init(), control.update, _probability)
