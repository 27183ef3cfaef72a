"""VAE/GAN (1512.09300): an autoencoder whose errors are measured by the discriminator."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, prng
from gan_jax.game import Aux, Batch, Game, Phase, Player, Views
from gan_jax.methods.families import latent_dim, no_labels
from gan_jax.methods.objectives import draw_latents
from gan_jax.methods.recipe import Recipe, check_used, mean_loss
from gan_jax.methods.sides import (
    DISCRIMINATOR,
    ENCODER,
    GENERATOR,
    drawn,
    images,
    unwoven,
    woven,
)
from gan_jax.methods.two_player import sampler
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.encoders import Encoder
from gan_jax.networks.heads import featured, flat, linear
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.numerics import mean32, sum_per_example
from gan_jax.priors import normal
from gan_jax.types import Array, Key, PyTree, Scalar

_USED = ("loss", "prior", "g_tx", "d_tx", "e_tx", "g_transform", "d_transform", "g_ema")
_RMSPROP = optax.rmsprop(3e-4, decay=0.9)
_VAEGAN = Recipe(loss=losses.minimax, prior=normal(128), g_tx=_RMSPROP, d_tx=_RMSPROP)


def vaegan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    width: int = 64,
    kernel_size: int = 5,
    d_norm: NormFactory | None = BatchNorm,
    gamma: float = 1e-5,
    adversarial: bool = True,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _VAEGAN,
) -> Game:
    """VAE/GAN (1512.09300, algorithm 1) on DCGAN's networks: three players, one forward
    pass, three losses.

    With x~ = Dec(z), z ~ q(z | x), x_p = Dec(z_p), z_p ~ p(z), and f the discriminator's
    last features: the encoder minimises KL(q(z | x) || p(z)) + L, L = 1/2 |f(x) - f(x~)|^2
    the negative log likelihood of features but for a constant; the decoder gamma L + its
    adversarial losses on x~ and on x_p; the discriminator its adversarial loss on x against
    both, which together weigh as much as x.

    Args:
        image_shape: (H, W, C), both sides even and at least 8.
        num_classes: None.
        width: channels of the finest layers.
        kernel_size: side of the convolutions' windows.
        d_norm: normalisation of the discriminator.
        gamma: weight of the reconstruction in the decoder's loss, which it weighs against
            fooling the discriminator; 1e-5 to 5e-5 in the authors' code.
        adversarial: False is a plain variational autoencoder of the same size (1312.6114),
            for comparison: errors are then of pixels, 1/2 |x - x~|^2, for encoder and
            decoder alike, and the discriminator learns beside them without being heard.
        dtype: compute type of the networks.
        recipe: the loss, a standard normal prior, optimizers and transforms of the players
            and the decoder's average; nothing else of it has a place here. RMSProp(3e-4)
            and the minimax loss, as in the paper.
    """
    no_labels("vaegan", num_classes)
    check_used("vaegan", recipe, *_USED)
    mean_loss("vaegan", recipe)
    height, breadth, channels = image_shape
    z_dim = latent_dim("vaegan", recipe.prior)
    decoder = DCGANGenerator(
        (height, breadth, channels), width, kernel_size, modulation=None, dtype=dtype
    )
    trunk = partial(DCGANDiscriminator, width, kernel_size, BatchNorm, dtype=dtype)
    encoder = Encoder(partial(trunk, head=flat), z_dim, stochastic=True)
    judge = DCGANDiscriminator(
        width, kernel_size, d_norm, head=featured(linear), dtype=dtype
    )
    nets = {
        GENERATOR: from_linen(decoder, (z_dim,)),
        ENCODER: from_linen(encoder, image_shape),
        DISCRIMINATOR: from_linen(judge, image_shape),
    }
    players = {
        ENCODER: Player((ENCODER,), recipe.e_tx or recipe.g_tx),
        GENERATOR: Player((GENERATOR,), recipe.g_tx, recipe.g_transform, recipe.g_ema),
        DISCRIMINATOR: Player((DISCRIMINATOR,), recipe.d_tx, recipe.d_transform),
    }
    return Game(
        nets=nets,
        players=players,
        phases=(_everyone(recipe, gamma, adversarial),),
        sample=sampler(recipe.prior, None),
    )


def _everyone(recipe: Recipe, gamma: float, adversarial: bool) -> Phase:
    """All three move, by losses of one forward pass; see `vaegan`."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real = images(batch)
        found, e_stats = views[ENCODER].with_stats(real)
        codes = drawn(found, prng.stream(keys, "posterior"))
        again, g_stats = views[GENERATOR].with_stats(codes)
        free, g_stats = views[GENERATOR].with_stats(
            draw_latents(recipe.prior, keys), stats=g_stats
        )
        # One batch, as in the authors' code: under one batch norm, features of an example
        # and of its reconstruction are of one function, and can be compared.
        judged, d_stats = views[DISCRIMINATOR].with_stats(woven(real, again, free))
        seen, seen_again, seen_free = unwoven(judged, 3)
        kl = losses.gaussian_kl(found.mean, found.log_variance)
        features = (seen.features, seen_again.features)
        error = _half_square(*(features if adversarial else (real, again)))
        made = (seen_again.logits, seen_free.logits)
        fooling = sum(
            (recipe.loss.generator(seen.logits, fake) for fake in made), jnp.float32(0.0)
        )
        return {
            ENCODER: kl + error,
            GENERATOR: gamma * error + fooling if adversarial else error,
            DISCRIMINATOR: recipe.loss.discriminator(seen.logits, jnp.concatenate(made)),
        }, Aux(
            {ENCODER: e_stats, GENERATOR: g_stats, DISCRIMINATOR: d_stats},
            metrics={
                "real_logits": mean32(seen.logits),
                "reconstruction_logits": mean32(seen_again.logits),
                "fake_logits": mean32(seen_free.logits),
            },
            terms={"kl": kl, "reconstruction": error, "adversarial": fooling},
        )

    return Phase("all", (ENCODER, GENERATOR, DISCRIMINATOR), objective)


def _half_square(x: Array, y: Array) -> Scalar:
    """E[1/2 |x - y|^2], summed over an example's elements, float32 ()."""
    return 0.5 * mean32(sum_per_example(jnp.square(x - y)))
