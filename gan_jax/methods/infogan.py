"""InfoGAN (1606.03657): codes that stay readable in what is generated from them."""

from __future__ import annotations

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Game
from gan_jax.methods.families import no_labels, play
from gan_jax.methods.information import (
    categorical_information,
    code_prior,
    continuous_information,
)
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.terms import Terms, Weighted
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.heads import codes
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.priors import uniform

_CATEGORICAL = Weighted(1.0, categorical_information())
_CONTINUOUS = Weighted(0.1, continuous_information())
_INFORMATION = {"categorical": _CATEGORICAL, "continuous": _CONTINUOUS}
_INFOGAN = Recipe(
    loss=losses.non_saturating,
    prior=uniform(62),
    g_tx=optax.adam(1e-3, b1=0.5, b2=0.999),
    d_tx=optax.adam(2e-4, b1=0.5, b2=0.999),
    d_terms=_INFORMATION,
    g_terms=_INFORMATION,
)


def infogan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    categories: tuple[int, ...] = (10,),
    continuous: int = 2,
    width: int = 64,
    kernel_size: int = 4,
    dense: int | None = 1024,
    d_norm: NormFactory | None = BatchNorm,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _INFOGAN,
) -> Game:
    """InfoGAN (1606.03657, eq. 6) on DCGAN's networks.

    Q is a head of the discriminator and moves with it, as in the authors' code; the
    generator minimises the same bound beside its adversarial loss. Codes stand at the end
    of the latents, see `code_prior`.

    Args:
        image_shape: (H, W, C), both sides even and at least 8.
        num_classes: None; what classes there are, the codes are to find.
        categories: values of each categorical code; () for none.
        continuous: number of continuous codes.
        width: channels of the finest layer.
        kernel_size: side of the convolutions' windows.
        dense: units of a dense layer at the generator's begin and at the end of what the
            discriminator shares with Q; None for none.
        d_norm: normalisation of the discriminator.
        dtype: compute type of the networks.
        recipe: loss, noise (as `prior`), optimizers and terms; the paper's Adam with 1e-3
            for the generator and 2e-4 for the discriminator, and the weights 1 of
            categorical and 0.1 of continuous codes. Terms of codes that there are not are
            dropped.
    """
    no_labels("infogan", num_classes)
    height, breadth, channels = image_shape
    prior = code_prior(recipe.prior, tuple(categories), continuous)
    missing = {
        *(() if categories else ("categorical",)),
        *(() if continuous else ("continuous",)),
    }

    def there(terms: Terms) -> Terms:
        return {name: term for name, term in terms.items() if name not in missing}

    layers = () if dense is None else (dense,)
    generator = DCGANGenerator(
        (height, breadth, channels),
        width,
        kernel_size,
        dense=layers,
        modulation=None,
        dtype=dtype,
    )
    discriminator = DCGANDiscriminator(
        width,
        kernel_size,
        d_norm,
        dense=layers,
        head=codes(tuple(categories), continuous),
        dtype=dtype,
    )
    changed = recipe._replace(
        prior=prior, d_terms=there(recipe.d_terms), g_terms=there(recipe.g_terms)
    )
    return play(generator, discriminator, image_shape, changed, None)
