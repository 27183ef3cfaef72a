"""Everything about a two-player method that is not its networks, as one value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import optax

from gan_jax import losses
from gan_jax.game import Ema
from gan_jax.methods.terms import NO_TERMS, Terms
from gan_jax.priors import Prior, normal
from gan_jax.transforms import identity
from gan_jax.types import (
    AdversarialLoss,
    Array,
    Key,
    MeanLoss,
    ParamTransform,
    PyTree,
    Scalar,
)


class Augmentation(NamedTuple):
    """What happens to examples before the discriminator sees them.

    Attributes:
        apply: `(keys, real, fake, memory, images_seen) -> (real, fake)`, one key per
            example, differentiable in `fake`.
        init: initial memory, a pytree of arrays.
        update: `(memory, real_logits, images) -> memory` after each discriminator step on
            so many real images (float32, global), or None.
        report: `(memory) -> {name: value}`, metrics of an updated memory.
    """

    apply: Callable[[Key, PyTree, PyTree, PyTree, Scalar], tuple[PyTree, PyTree]]
    init: PyTree = ()
    update: Callable[[PyTree, Array, Scalar], PyTree] | None = None
    report: Callable[[PyTree], Mapping[str, Scalar]] = lambda memory: {}


Improve = Callable[[Callable[[Array], Array], Array], Array]
"""`(latents -> logits, latents) -> better latents`, differentiable."""


class Recipe(NamedTuple):
    """Everything about a two-player method that is not its networks.

    Attributes:
        loss: the adversarial loss.
        prior: latent distribution, `(key) -> z` for one example.
        g_tx: optimizer of the generator.
        d_tx: optimizer of the discriminator.
        g_transform: reparameterisation of the generator's parameters.
        d_transform: reparameterisation of the discriminator's parameters.
        g_ema: average of the generator from which samples are drawn, if any.
        d_terms: terms added to the discriminator's loss, by the name they are logged under.
        g_terms: terms added to the generator's loss.
        d_steps: discriminator updates per generator update.
        joint_forward: whether the discriminator sees real and fake in one batch. The same
            numbers for a discriminator without batch statistics, and one pass less; with
            batch norm it normalises over the mixture.
        fakes_per_real: generated examples per real one in the generator's phase (2 in the
            SNGAN authors' code).
        augment: applied to real and generated examples before the discriminator, in both
            phases.
        improve_latents: applied to latents in both phases (1912.00953).
        weigh_fakes: `(fake_logits, images_seen) -> weights` (batch,) of the gradients that
            reach the generator through each logit (top-k training, 2002.06224).
        unroll: discriminator updates that the generator looks through (1611.02163), on the
            adversarial loss and by `d_tx` from its present state; an Adam there needs
            `eps_root` above zero.
        e_tx: optimizer of the encoder, of games with one; None for the generator's.
    """

    loss: AdversarialLoss = losses.non_saturating
    prior: Prior = normal(128)
    g_tx: optax.GradientTransformation = optax.adam(2e-4, b1=0.5, b2=0.999)
    d_tx: optax.GradientTransformation = optax.adam(2e-4, b1=0.5, b2=0.999)
    g_transform: ParamTransform = identity()
    d_transform: ParamTransform = identity()
    g_ema: Ema | None = None
    d_terms: Terms = NO_TERMS
    g_terms: Terms = NO_TERMS
    d_steps: int = 1
    joint_forward: bool = False
    fakes_per_real: int = 1
    augment: Augmentation | None = None
    improve_latents: Improve | None = None
    weigh_fakes: Callable[[Array, Scalar], Array] | None = None
    unroll: int = 0
    e_tx: optax.GradientTransformation | None = None


def check_used(method: str, recipe: Recipe, *used: str) -> None:
    """Refuses what a recipe sets but a method has no place for.

    Args:
        method: its name, for the error.
        recipe: of the method.
        *used: the fields that the method uses.

    Raises:
        ValueError: another field differs from the default of `Recipe`.
    """
    default = Recipe()
    for name in Recipe._fields:
        given, usual = getattr(recipe, name), getattr(default, name)
        same = given is usual or (not callable(given) and given == usual)
        if name not in used and not same:
            raise ValueError(f"{method} has no use for {name} in its recipe: leave it out")


def all_but(*unused: str) -> tuple[str, ...]:
    """The fields of a recipe without some, for `check_used`."""
    return tuple(name for name in Recipe._fields if name not in unused)


def mean_loss(method: str, recipe: Recipe) -> MeanLoss:
    """The loss of a recipe, where a method has a place only for means over logits.

    Args:
        method: its name, for the error.
        recipe: of the method.

    Raises:
        ValueError: the loss couples logits.
    """
    if not isinstance(recipe.loss, MeanLoss):
        raise ValueError(
            f"{method} needs a loss of each logit by itself, not a relativistic one"
        )
    return recipe.loss
