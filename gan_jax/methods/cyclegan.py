"""Translation between two domains without pairs: there and back again is where one was."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, prng
from gan_jax.game import Aux, Batch, Direction, Game, Phase, Player, View, Views
from gan_jax.methods.families import no_labels
from gan_jax.methods.pool import Pool, empty_pool, exchange
from gan_jax.methods.recipe import Recipe, check_used, mean_loss
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR, images
from gan_jax.networks.translation import PatchDiscriminator, ResNetTranslator
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import InstanceNorm, NormFactory
from gan_jax.numerics import mean32
from gan_jax.types import Array, Key, MeanLoss, Net, PyTree, Scalar

SECOND, FIRST = "second", "first"
"""Names of the directions, by the domain that images come into."""
USED = ("loss", "g_tx", "d_tx", "g_transform", "d_transform", "g_ema")
_PLAIN = partial(InstanceNorm, affine=False)
_ADAM = optax.adam(2e-4, b1=0.5, b2=0.999)
_CYCLEGAN = Recipe(loss=losses.least_squares, g_tx=_ADAM, d_tx=_ADAM)


class Domains(NamedTuple):
    """Something of the first domain and of the second, or into them."""

    first: Array
    second: Array


def generator_into(domain: str) -> str:
    """Name of the net that makes images of a domain, "first" or "second"."""
    return f"{GENERATOR}_{domain}"


def judge_of(domain: str) -> str:
    """Name of the net that judges images of a domain."""
    return f"{DISCRIMINATOR}_{domain}"


def domains_of(batch: Batch) -> Domains:
    """Images of both domains, in [-1, 1].

    Raises:
        ValueError: the batch has no second domain.
    """
    if "second" not in batch:
        raise ValueError(
            "the game is of two domains, but the batch has no 'second': set data.second"
        )
    return Domains(images(batch), images(batch["second"]))


def _second(batch: Batch) -> Array:
    return images(batch["second"])


def two_ways(
    generator: Net,
    discriminator: Net,
    recipe: Recipe,
    phases: tuple[Phase, ...],
    memory: Mapping[str, PyTree],
    multiple: int,
) -> Game:
    """A game with a generator into each of two domains and a discriminator of each.

    Args:
        generator: what both generators are.
        discriminator: what both discriminators are.
        recipe: optimizers, transforms and average.
        phases: of the game, whose movers are "generator" and "discriminator".
        memory: of the game.
        multiple: which the sides of images must be multiples of.
    """
    sides = ("first", "second")
    makers = tuple(generator_into(side) for side in sides)
    judges = tuple(judge_of(side) for side in sides)
    return Game(
        nets=dict.fromkeys(makers, generator) | dict.fromkeys(judges, discriminator),
        players={
            GENERATOR: Player(makers, recipe.g_tx, recipe.g_transform, recipe.g_ema),
            DISCRIMINATOR: Player(judges, recipe.d_tx, recipe.d_transform),
        },
        phases=phases,
        sample=None,
        memory=memory,
        directions={
            SECOND: Direction(generator_into("second"), images, multiple=multiple),
            FIRST: Direction(generator_into("first"), _second, multiple=multiple),
        },
    )


def cyclegan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    width: int = 64,
    blocks: int = 9,
    d_width: int = 64,
    d_layers: int = 3,
    norm: NormFactory | None = _PLAIN,
    dropout: float = 0.0,
    adversarial: float = 2.0,
    cycle: float = 10.0,
    identity: float = 5.0,
    pool: int = 50,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _CYCLEGAN,
) -> Game:
    """CycleGAN (1703.10593, eq. 3 and section 5.2) on its own networks.

    With x of the first domain (`data.source`), y of the second (`data.second`), generators
    G into the second and F into the first: G and F minimise their adversarial losses, plus
    cycle (|F(G(x)) - x| + |G(F(y)) - y|) + identity (|F(x) - x| + |G(y) - y|), means per
    element. Discriminators see generated images through a pool. All move at once, by losses
    of one forward pass, as in the authors' code.

    Args:
        image_shape: (H, W, C) of both domains, sides multiples of 4.
        num_classes: None.
        width: channels of the generators at full resolution.
        blocks: residual blocks of the generators: 6 for 128 x 128 images, 9 from 256 x 256.
        d_width: channels of the discriminators after the first layer.
        d_layers: their convolutions with stride 2; 3 see patches of 70 pixels.
        norm: normalisation of all.
        dropout: rate of dropout in the generators' blocks.
        adversarial: weight of the adversarial losses; with the half squares of
            `losses.least_squares`, 2 is the paper's.
        cycle: weight of the cycle losses.
        identity: weight of the identity losses, half that of the cycles in the paper; 0
            does without, and then domains may be of any colours.
        pool: generated images that are kept of each domain, 0 for none.
        dtype: compute type of the networks.
        recipe: the loss, optimizers, transforms and the generators' average; Adam(2e-4,
            0.5), whose rate falls to 0 in the second half by the config.
    """
    no_labels("cyclegan", num_classes)
    check_used("cyclegan", recipe, *USED)
    loss = mean_loss("cyclegan", recipe)
    channels = image_shape[-1]
    generator = ResNetTranslator(
        channels, width, blocks, norm, dropout=dropout, dtype=dtype
    )
    judge = PatchDiscriminator(d_layers, d_width, norm, dtype=dtype)
    memory = {side: empty_pool(pool, image_shape) for side in _POOLS} if pool else {}
    weights = _Weights(adversarial, cycle, identity)
    return two_ways(
        from_linen(generator, image_shape, stochastic=dropout > 0.0),
        from_linen(judge, image_shape),
        recipe,
        (_everyone(loss, weights),),
        memory,
        multiple=4,
    )


_POOLS = ("pool_first", "pool_second")


class _Weights(NamedTuple):
    adversarial: float
    cycle: float
    identity: float


class Translated(NamedTuple):
    """A round of translations.

    Attributes:
        fake: images of each domain, made of the other one's.
        again: examples of each domain, there and back again.
        stats: new statistics of both generators.
    """

    fake: Domains
    again: Domains
    stats: dict[str, PyTree]


def translated(views: Views, real: Domains, keys: Key) -> Translated:
    """Both domains there and back again."""
    into_first, into_second = (views[generator_into(side)] for side in Domains._fields)

    def made(net: View, images: Array, stats: PyTree, name: str) -> tuple[Array, PyTree]:
        found, new = net.with_stats(images, stats=stats, keys=prng.stream(keys, name))
        return found, new

    fake_second, second = made(into_second, real.first, None, "second")
    fake_first, first = made(into_first, real.second, None, "first")
    again_first, first = made(into_first, fake_second, first, "first_again")
    again_second, second = made(into_second, fake_first, second, "second_again")
    return Translated(
        Domains(fake_first, fake_second),
        Domains(again_first, again_second),
        {generator_into("first"): first, generator_into("second"): second},
    )


def _everyone(loss: MeanLoss, weights: _Weights) -> Phase:
    """Generators and discriminators move by losses of one forward pass; see `cyclegan`."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, Pool]
    ) -> tuple[dict[str, Scalar], Aux]:
        real = domains_of(batch)
        found = translated(views, real, keys)
        stats, kept, metrics = dict(found.stats), {}, {}
        fooling, judging = jnp.float32(0.0), jnp.float32(0.0)
        for side, name in zip(Domains._fields, _POOLS, strict=True):
            x, fake = getattr(real, side), getattr(found.fake, side)
            shown = fake
            if name in memory:
                shown, kept[name] = exchange(memory[name], fake, prng.stream(keys, name))
            judge = views[judge_of(side)]
            seen, new = judge.with_stats(x)
            seen_shown, stats[judge_of(side)] = judge.with_stats(shown, stats=new)
            seen_fake = judge(fake)
            fooling = fooling + loss.generator(seen, seen_fake)
            judging = judging + loss.discriminator(seen, seen_shown)
            metrics[f"real_logits_{side}"] = mean32(seen)
            metrics[f"fake_logits_{side}"] = mean32(seen_fake)
        terms = {"adversarial": fooling, "cycle": _cycle(real, found.again)}
        total = weights.adversarial * fooling + weights.cycle * terms["cycle"]
        if weights.identity:
            terms["identity"] = _identity(views, real, keys)
            total = total + weights.identity * terms["identity"]
        return (
            {GENERATOR: total, DISCRIMINATOR: judging},
            Aux(stats, kept, metrics, terms),
        )

    return Phase("all", (GENERATOR, DISCRIMINATOR), objective)


def _cycle(real: Domains, again: Domains) -> Scalar:
    return losses.cycle_consistency(real.first, again.first, real.second, again.second)


def _identity(views: Views, real: Domains, keys: Key) -> Scalar:
    same = Domains(
        *(
            views[generator_into(side)](x, keys=prng.stream(keys, f"{side}_same"))
            for side, x in zip(Domains._fields, real, strict=True)
        )
    )
    return losses.identity_mapping(real.first, same.first, real.second, same.second)
