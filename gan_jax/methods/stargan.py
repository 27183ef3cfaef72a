"""StarGAN (1711.09020): one generator for translation between any of several domains."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, prng
from gan_jax.game import Aux, Batch, Direction, Game, Objective, Phase, Player, Views
from gan_jax.losses import supervised
from gan_jax.methods.recipe import Recipe, check_used, mean_loss
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR, images
from gan_jax.networks.stargan import StarGANDiscriminator, StarGANGenerator
from gan_jax.nn.adapter import from_linen
from gan_jax.numerics import mean32
from gan_jax.penalties import gradient_penalty
from gan_jax.types import Array, Key, MeanLoss, PyTree, Scalar

_USED = ("loss", "g_tx", "d_tx", "g_transform", "d_transform", "g_ema", "d_steps")
_ADAM = optax.adam(1e-4, b1=0.5, b2=0.999)
_STARGAN = Recipe(loss=losses.wasserstein, g_tx=_ADAM, d_tx=_ADAM, d_steps=5)


class _Weights(NamedTuple):
    classes: float
    reconstruction: float
    identity: float
    penalty: float


def stargan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    width: int = 64,
    blocks: int = 6,
    d_width: int = 64,
    d_layers: int = 6,
    classes: float = 1.0,
    reconstruction: float = 10.0,
    identity: float = 0.0,
    penalty: float = 10.0,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _STARGAN,
) -> Game:
    """StarGAN (1711.09020, eq. 5 and 6) on its own networks.

    Domains are the classes of the data, as of a source `domains:`. The discriminator also
    names the domain of real examples; the generator is to be named the domain c that it is
    asked for, and to come back: |x - G(G(x, c), c_x)|, a mean per element. Each example's c
    is drawn from all domains; the authors shuffle the batch's own, the same in expectation.
    The penalty is on the gradient of an example's summed patches.

    Args:
        image_shape: (H, W, C), sides multiples of 4 and at least `2**d_layers`.
        num_classes: number of domains.
        width: channels of the generator at full resolution.
        blocks: its residual blocks.
        d_width: channels of the discriminator after the first layer.
        d_layers: its halvings: 6 for 128 x 128 images.
        classes: weight of the domains' cross entropy.
        reconstruction: weight of the way back.
        identity: weight of |x - G(x, c_x)|, a mean per element, as CycleGAN has it
            (1703.10593, section 5.2); not in the paper. It holds colours where nothing
            else says which they were.
        penalty: weight of the gradient penalty (1704.00028).
        dtype: compute type of the networks.
        recipe: the loss, optimizers, transforms, the generator's average and the number of
            discriminator steps; Wasserstein, Adam(1e-4, 0.5) and 5.
    """
    check_used("stargan", recipe, *_USED)
    if num_classes is None or num_classes < 2:
        raise ValueError(
            "stargan is of several domains: set data.num_classes to their number, and the "
            "source to domains:...+..."
        )
    loss = mean_loss("stargan", recipe)
    generator = StarGANGenerator(num_classes, image_shape[-1], width, blocks, dtype=dtype)
    judge = StarGANDiscriminator(num_classes, d_width, d_layers, dtype=dtype)
    labels = jax.ShapeDtypeStruct((2,), jnp.int32)
    weights = _Weights(classes, reconstruction, identity, penalty)
    judging = _judging(loss, weights, num_classes)
    making = _making(loss, weights, num_classes)
    return Game(
        nets={
            GENERATOR: from_linen(generator, image_shape, labels),
            DISCRIMINATOR: from_linen(judge, image_shape),
        },
        players={
            GENERATOR: Player((GENERATOR,), recipe.g_tx, recipe.g_transform, recipe.g_ema),
            DISCRIMINATOR: Player((DISCRIMINATOR,), recipe.d_tx, recipe.d_transform),
        },
        phases=(
            Phase("disc", (DISCRIMINATOR,), judging, repeat=recipe.d_steps),
            Phase("gen", (GENERATOR,), making),
        ),
        sample=None,
        directions={
            str(label): Direction(GENERATOR, images, label=label, multiple=4)
            for label in range(num_classes)
        },
    )


def _asked(keys: Key, domains: int) -> Array:
    """A domain for each example, int32 (batch,)."""
    return prng.draw(
        prng.stream(keys, "domain"),
        partial(jax.random.randint, shape=(), minval=0, maxval=domains),
    )


def _judging(loss: MeanLoss, weights: _Weights, domains: int) -> Objective:
    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real, judge = images(batch), views[DISCRIMINATOR]
        fake = views[GENERATOR](real, _asked(keys, domains))
        seen, seen_fake = judge(real), judge(fake)
        slope = gradient_penalty()(
            lambda x: judge(x).logits, real, fake, prng.stream(keys, "penalty")
        )
        terms = {
            "adversarial": loss.discriminator(seen.logits, seen_fake.logits),
            "classes": supervised(seen.classes, batch["label"]),
            "gradient_penalty": slope,
        }
        total = terms["adversarial"] + weights.classes * terms["classes"]
        total = total + weights.penalty * slope
        metrics = {
            "real_logits": mean32(seen.logits),
            "fake_logits": mean32(seen_fake.logits),
        }
        return {DISCRIMINATOR: total}, Aux(metrics=metrics, terms=terms)

    return objective


def _making(loss: MeanLoss, weights: _Weights, domains: int) -> Objective:
    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real, asked, net = images(batch), _asked(keys, domains), views[GENERATOR]
        fake, stats = net.with_stats(real, asked)
        again, stats = net.with_stats(fake, batch["label"], stats=stats)
        judge = views[DISCRIMINATOR]
        seen, seen_fake = judge(real), judge(fake)
        terms = {
            "adversarial": loss.generator(seen.logits, seen_fake.logits),
            "classes": supervised(seen_fake.classes, asked),
            "reconstruction": losses.l1(real, again),
        }
        total = terms["adversarial"] + weights.classes * terms["classes"]
        total = total + weights.reconstruction * terms["reconstruction"]
        if weights.identity > 0.0:
            same, stats = net.with_stats(real, batch["label"], stats=stats)
            terms["identity"] = losses.l1(real, same)
            total = total + weights.identity * terms["identity"]
        return {GENERATOR: total}, Aux({GENERATOR: stats}, terms=terms)

    return objective
