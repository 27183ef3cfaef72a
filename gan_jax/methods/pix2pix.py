"""pix2pix (1611.07004): translation learnt from pairs."""

from __future__ import annotations

from functools import partial

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, prng
from gan_jax.game import Batch, Direction, Game, Views
from gan_jax.methods.families import no_labels
from gan_jax.methods.recipe import Recipe, all_but, check_used
from gan_jax.methods.sides import GENERATOR, Make, Sides, images
from gan_jax.methods.terms import Round, Term, Weighted
from gan_jax.methods.two_player import from_recipe
from gan_jax.networks.translation import (
    PatchDiscriminator,
    PixelDiscriminator,
    UNetGenerator,
)
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import InstanceNorm, NormFactory
from gan_jax.types import Array, Key, Scalar

SECOND = "second"
"""Name of the only direction."""
_USED = all_but("prior", "improve_latents", "e_tx")
_ADAM = optax.adam(2e-4, b1=0.5, b2=0.999)


def _distance() -> Term:
    """E|y - G(x)|, per element."""

    def term(turn: Round) -> Scalar:
        return losses.l1(turn.real[0], turn.fake[0])

    return Term(term)


_PIX2PIX = Recipe(
    loss=losses.non_saturating,
    g_tx=_ADAM,
    d_tx=_ADAM,
    g_terms={"l1": Weighted(100.0, _distance())},
)


def pix2pix(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    given_channels: int | None = None,
    levels: int = 8,
    width: int = 64,
    dropout: float = 0.5,
    d_width: int = 64,
    d_layers: int = 3,
    norm: NormFactory | None = InstanceNorm,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _PIX2PIX,
) -> Game:
    """pix2pix (1611.07004, eq. 4) on its own networks.

    A pair (x, y) is one image of all channels, x before y (a source `pairs:`). The
    discriminator tells (y, x) from (G(x), x) patch by patch; the generator also minimises
    100 E|y - G(x)|. Its noise is dropout, in training and after it.

    Args:
        image_shape: (H, W, channels of x and of y), sides multiples of `2**levels`.
        num_classes: None.
        given_channels: channels of x; None for half of all.
        levels: halvings of the generator: 8 for 256 x 256 images.
        width: channels of the generator after the first halving.
        dropout: rate of the generator's dropout; 0 for a deterministic one.
        d_width: channels of the discriminator after the first layer.
        d_layers: its convolutions with stride 2; 3 see patches of 70 pixels, 0 single
            pixels (PixelGAN).
        norm: normalisation of both. The paper's batch norm of a single example, by its own
            statistics also after training, is this `InstanceNorm`.
        dtype: compute type of the networks.
        recipe: loss, optimizers, terms and hooks; Adam(2e-4, 0.5) and the term "l1".
            There are no latents here, and so no prior.
    """
    no_labels("pix2pix", num_classes)
    check_used("pix2pix", recipe, *_USED)
    *size, channels = image_shape
    before = channels // 2 if given_channels is None else given_channels
    if not 0 < before < channels or (given_channels is None and channels % 2):
        raise ValueError(
            f"images of {channels} channels are no pairs whose first has {before}: use a "
            "source pairs:..., whose images have the channels of both, and set the model "
            "option given_channels if they differ"
        )
    generator = UNetGenerator(
        levels, channels - before, width, norm, norm is None, dropout, dtype=dtype
    )
    judge: PatchDiscriminator | PixelDiscriminator = (
        PatchDiscriminator(d_layers, d_width, norm, norm is None, dtype=dtype)
        if d_layers
        else PixelDiscriminator(d_width, norm, norm is None, dtype=dtype)
    )
    game = from_recipe(
        from_linen(generator, (*size, before), stochastic=dropout > 0.0),
        from_linen(judge, image_shape),
        recipe,
        make=_pairs(before),
    )
    direction = Direction(
        GENERATOR,
        partial(_part, stop=before),
        truth=partial(_part, start=before),
        multiple=2**levels,
    )
    return game._replace(sample=None, directions={SECOND: direction})


def _part(batch: Batch, start: int | None = None, stop: int | None = None) -> Array:
    """Some channels of the images of a round."""
    return images(batch)[..., start:stop]


def _pairs(before: int) -> Make:
    """Pairs (y, x) against (G(x), x)."""

    def make(
        views: Views, real: Array, latents: Array, labels: tuple[Array, ...], keys: Key
    ) -> Sides:
        del latents, labels
        x, y = real[..., :before], real[..., before:]
        noise = prng.stream(keys, GENERATOR)
        fake, stats = views[GENERATOR].with_stats(x, keys=noise)
        return Sides(y, fake, (x, x), {GENERATOR: stats})

    return make
