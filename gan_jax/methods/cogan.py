"""CoGAN (1606.07536): two domains, and what belongs together in them, without pairs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Batch, Game
from gan_jax.methods.cyclegan import domains_of
from gan_jax.methods.families import no_labels
from gan_jax.methods.recipe import Recipe, all_but, check_used
from gan_jax.methods.two_player import from_recipe
from gan_jax.networks.coupled import (
    CoupledDiscriminator,
    CoupledGenerator,
    Judge,
    Ladder,
    digit_discriminator,
    digit_generator,
    face_discriminator,
    face_generator,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.priors import uniform
from gan_jax.types import Array

_ADAM = optax.adam(2e-4, b1=0.5, b2=0.999)
_COGAN = Recipe(loss=losses.non_saturating, prior=uniform(100), g_tx=_ADAM, d_tx=_ADAM)
_USED = all_but("augment", "improve_latents", "weigh_fakes", "e_tx")


class _Form(NamedTuple):
    """Layers of the networks, by the shape of images and a width."""

    generator: Callable[[tuple[int, ...], int], Ladder]
    discriminator: Callable[[tuple[int, ...], int], Judge]


_FORMS: Mapping[str, _Form] = {
    "digits": _Form(digit_generator, digit_discriminator),
    "faces": _Form(face_generator, face_discriminator),
}


def cogan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    form: str = "digits",
    g_width: int = 128,
    d_width: int = 20,
    g_shared: int | None = None,
    d_shared: int | None = None,
    g_norm: NormFactory | None = BatchNorm,
    d_norm: NormFactory | None = None,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _COGAN,
) -> Game:
    """Coupled GANs (1606.07536, eq. 5).

    A generator and a discriminator for either domain, and the sum of the losses of both
    games. Generators make both images of one latent by the same first layers,
    discriminators judge by the same last ones, so that what is high-level is common. The
    batch has unpaired examples of the second domain in "second". A sample is a pair of one
    latent, side by side: (H, 2 W, C).

    Args:
        image_shape: (H, W, C) of both domains.
        num_classes: None.
        form: "digits", the paper's networks for 28 x 28 images (5 layers of a generator,
            4 of a discriminator), or "faces" for larger ones (7 and 8 at 128 x 128).
        g_width: channels of the generators before the image; 128, and 32 for faces.
        d_width: channels of the discriminators after their first layer; 20, and 32.
        g_shared: layers that the generators share, the first ones: 0 unties them, None
            leaves either its last.
        d_shared: layers that the discriminators share, the last ones: 0 unties them, None
            leaves either its first.
        g_norm: normalisation of the generators.
        d_norm: normalisation of the discriminators' convolutions; none for digits, batch
            norm for faces.
        dtype: compute type of the networks.
        recipe: the loss of either game, prior, optimizers and terms, which see images of
            both domains as one example; the paper's Adam(2e-4, 0.5), and 100 latents
            uniform on [-1, 1].

    Raises:
        ValueError: there is no such form, or it has no layers for such images.
    """
    no_labels("cogan", num_classes)
    check_used("cogan", recipe, *_USED)
    if form not in _FORMS:
        raise ValueError(f"form must be one of {', '.join(_FORMS)}, got {form!r}")
    ladder = _FORMS[form].generator(image_shape, g_width)
    judge = _FORMS[form].discriminator(image_shape, d_width)
    generator = CoupledGenerator(ladder, g_shared, g_norm, dtype=dtype)
    discriminator = CoupledDiscriminator(judge, d_shared, d_norm, dtype=dtype)
    example = jax.ShapeDtypeStruct((2, *image_shape), jnp.float32)
    return from_recipe(
        from_linen(generator, jax.eval_shape(recipe.prior, jax.random.key(0)).shape),
        from_linen(discriminator, (example, example)),
        recipe._replace(loss=losses.per_domain(recipe.loss)),
        # A logit of either domain.
        outputs=partial(jax.eval_shape, partial(jnp.zeros, (2, 2))),
        real=_both,
    )


def _both(batch: Batch) -> tuple[Array, Array]:
    """Examples of both domains, (batch, H, W, C) each."""
    first, second = domains_of(batch)
    return first, second
