"""DiscoGAN (1703.05192): relations between two domains, found without pairs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses
from gan_jax.game import Aux, Batch, Game, Objective, Phase, Views
from gan_jax.methods.cyclegan import (
    USED,
    Domains,
    domains_of,
    judge_of,
    translated,
    two_ways,
)
from gan_jax.methods.families import no_labels
from gan_jax.methods.recipe import Recipe, check_used, mean_loss
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.networks.dcgan import DCGANDiscriminator
from gan_jax.networks.discogan import EncoderDecoder
from gan_jax.networks.heads import linear
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm, NormFactory
from gan_jax.numerics import mean32
from gan_jax.types import Array, Key, MeanLoss, Outputs, PyTree, Scalar


def _adam() -> optax.GradientTransformation:
    return optax.chain(optax.add_decayed_weights(1e-5), optax.adam(2e-4, b1=0.5, b2=0.999))


_DISCOGAN = Recipe(loss=losses.non_saturating, g_tx=_adam(), d_tx=_adam())


class _Weights(NamedTuple):
    """See `discogan`."""

    reconstruction: float
    early_reconstruction: float
    curriculum: int
    matching: float

    def rate(self, images_seen: Scalar) -> Array:
        """Weight of reconstruction after so many images."""
        early = jnp.float32(self.early_reconstruction)
        return jnp.where(images_seen < self.curriculum, early, self.reconstruction)


def discogan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    levels: int = 4,
    width: int = 64,
    bottleneck: int | None = None,
    norm: NormFactory | None = BatchNorm,
    g_steps: int = 2,
    reconstruction: float = 0.5,
    early_reconstruction: float = 0.01,
    curriculum: int = 213_000,
    matching: float = 0.9,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _DISCOGAN,
) -> Game:
    """DiscoGAN (1703.05192, eq. 8 and 9, with the weights of the authors' code).

    With r the weight of reconstruction, each generator minimises
    r |x - F(G(x))|^2 + (1 - r) (0.9 matching of D's features + 0.1 adversarial loss), the
    square a mean over elements of images in [0, 1], features those after each of D's
    convolutions but the first. Discriminators move once for `g_steps` of the generators.

    Args:
        image_shape: (H, W, C) of both domains, sides multiples of `2**levels`.
        num_classes: None.
        levels: halvings of the generators, 4 for 64 x 64 images.
        width: channels of all networks after the first layer.
        bottleneck: features between encoder and decoder: None, or 100 in the authors'
            larger networks.
        norm: normalisation of all.
        g_steps: generator updates per step, each with a round of data of its own.
        reconstruction: r.
        early_reconstruction: r at first.
        curriculum: images that are seen until then: of the authors' 10,000 iterations at
            a batch of 64, every third one moves the discriminators.
        matching: share of feature matching; 0 does without.
        dtype: compute type of the networks.
        recipe: the loss, optimizers, transforms and the generators' average; Adam(2e-4,
            0.5) with weights decaying by 1e-5 in the gradient.
    """
    no_labels("discogan", num_classes)
    check_used("discogan", recipe, *USED)
    loss = mean_loss("discogan", recipe)
    same: dict[str, Any] = {"norm": norm, "dtype": dtype}
    generator = EncoderDecoder(levels, image_shape[-1], width, bottleneck, **same)
    judge = DCGANDiscriminator(width, 4, head=linear, all_features=True, **same)
    weights = _Weights(reconstruction, early_reconstruction, curriculum, matching)
    phases = (
        Phase("disc", (DISCRIMINATOR,), _judging(loss)),
        Phase("gen", (GENERATOR,), _making(loss, weights), repeat=g_steps),
    )
    return two_ways(
        from_linen(generator, image_shape),
        from_linen(judge, image_shape),
        recipe,
        phases,
        {},
        multiple=2**levels,
    )


def _judging(loss: MeanLoss) -> Objective:
    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real = domains_of(batch)
        found = translated(views, real, keys)
        total, stats, metrics = jnp.float32(0.0), {}, {}
        for side in Domains._fields:
            judge = views[judge_of(side)]
            seen, new = judge.with_stats(getattr(real, side))
            seen_fake, stats[judge_of(side)] = judge.with_stats(
                getattr(found.fake, side), stats=new
            )
            total = total + loss.discriminator(seen.logits, seen_fake.logits)
            metrics[f"real_logits_{side}"] = mean32(seen.logits)
            metrics[f"fake_logits_{side}"] = mean32(seen_fake.logits)
        return {DISCRIMINATOR: total}, Aux(stats, metrics=metrics)

    return objective


def _making(loss: MeanLoss, weights: _Weights) -> Objective:
    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real = domains_of(batch)
        found = translated(views, real, keys)
        fooling, matching = jnp.float32(0.0), jnp.float32(0.0)
        for side in Domains._fields:
            judge = views[judge_of(side)]
            seen, seen_fake = judge(getattr(real, side)), judge(getattr(found.fake, side))
            fooling = fooling + loss.generator(seen.logits, seen_fake.logits)
            matching = matching + _matching(seen, seen_fake)
        # Images of the authors are in [0, 1], where squares are a quarter as large.
        again = 0.25 * losses.cycle_consistency(
            real.first, found.again.first, real.second, found.again.second, losses.l2
        )
        rate, share = weights.rate(views.images_seen), weights.matching
        adversarial = (1.0 - share) * fooling + share * matching
        total = (1.0 - rate) * adversarial + rate * again
        terms = {"adversarial": fooling, "matching": matching, "reconstruction": again}
        return {GENERATOR: total}, Aux(found.stats, terms=terms)

    return objective


def _matching(real: Outputs, fake: Outputs) -> Scalar:
    """Squared differences of the batches' mean features: means over a layer's elements,
    summed over layers.
    """

    def one(x: Array, y: Array) -> Scalar:
        return losses.feature_matching(x, y) / math.prod(x.shape[1:])

    pairs = jax.tree.map(one, real.features, fake.features)
    return sum(jax.tree.leaves(pairs), jnp.float32(0.0))
