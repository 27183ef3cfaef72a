"""SeqGAN (1609.05473): a generator of texts, taught by the rewards of a discriminator."""

from __future__ import annotations

from collections.abc import Mapping

import jax
import jax.numpy as jnp
import optax
from jax.typing import DTypeLike

from gan_jax import losses, prng, tracing
from gan_jax.game import Aux, Batch, Game, Phase, View, Views, ema_from_decay
from gan_jax.methods.families import no_labels
from gan_jax.methods.recipe import Recipe, check_used
from gan_jax.methods.sides import DISCRIMINATOR, GENERATOR
from gan_jax.methods.texts import (
    USED,
    TextSample,
    asked,
    held,
    likelihood,
    logit_size,
    text_nets,
    text_players,
    text_shape,
)
from gan_jax.networks.text import CellFactory, counted, lstm
from gan_jax.numerics import mean32
from gan_jax.types import Array, Key, PyTree, Scalar

STAGES = ("likelihood", "discriminator", "adversarial")
_SEQGAN = Recipe(
    loss=losses.minimax,
    g_tx=optax.chain(optax.clip_by_global_norm(5.0), optax.adam(1e-2)),
    d_tx=optax.adam(1e-4),
    g_ema=ema_from_decay(0.8, 64),
)


def seqgan(
    *,
    image_shape: tuple[int, ...],
    num_classes: int | None = None,
    stage: str = "adversarial",
    embedding: int = 32,
    hidden: int = 32,
    cell: CellFactory = lstm,
    full: bool = False,
    rollouts: int = 16,
    baseline: bool = True,
    windows: tuple[tuple[int, int], ...] | None = None,
    d_embedding: int = 64,
    dropout: float = 0.25,
    l2: float = 0.1,
    dtype: DTypeLike = jnp.float32,
    recipe: Recipe = _SEQGAN,
) -> Game:
    """SeqGAN (1609.05473, algorithm 1), in stages over one state: the generator's maximum
    likelihood, the discriminator alone, then both in turn, the generator first.

    The reward of a token is the probability of being real that the discriminator gives the
    finished text, the mean over `rollouts` that a copy of the generator finishes (equation
    4); the copy is the generator's average, which samples are not drawn from.

    Args:
        image_shape: (length, tokens), tokens being the size of the vocabulary with the end.
        num_classes: None.
        stage: "likelihood", "discriminator" or "adversarial".
        embedding: length of a token's vector in the generator.
        hidden: units of its cell.
        cell: "lstm" or "gru".
        full: whether all texts have the full length, as in the paper's synthetic data.
        rollouts: of every prefix; 16 in the authors' code.
        baseline: whether rewards are compared with their mean over the batch, which lowers
            the spread of gradients; not in the authors' code.
        windows: sizes of the discriminator's windows and filters of each; None for the
            authors', as far as they fit.
        d_embedding: length of a token's vector in the discriminator.
        dropout: rate of its features that are dropped.
        l2: weight of the squares of its last layer: 0.1 here, with one logit, is the 0.2 of
            the authors' two, whose loss is a mean over real and generated texts together.
        dtype: compute type of the networks.
        recipe: the discriminator's loss, `d_steps`, optimizers and transforms, and as
            `g_ema` the copy, None for the generator itself; nothing else has a place here.
            Adam at the authors' rates, gradients of the generator cut at a norm of 5, the
            copy 0.8 of itself after each step of 64 examples.

    Raises:
        ValueError: there is no such stage, the examples are no texts, or windows do not
            fit them.
    """
    no_labels("seqgan", num_classes)
    check_used("seqgan", recipe, *USED)
    if stage not in STAGES:
        raise ValueError(f"stage must be one of {', '.join(STAGES)}, got {stage!r}")
    if rollouts < 1:
        raise ValueError(f"rollouts must be positive, got {rollouts}")
    shape = text_shape("seqgan", image_shape)
    generator = {"embedding": embedding, "hidden": hidden, "cell": cell, "full": full}
    judging = _judging(recipe, l2)
    phases = {
        "likelihood": (likelihood(),),
        "discriminator": (judging,),
        "adversarial": (_reinforcing(rollouts, baseline), judging),
    }
    return Game(
        nets=text_nets(shape, generator, windows, d_embedding, dropout, dtype),
        players=text_players(recipe),
        phases=phases[stage],
        sample=TextSample(averaged=False),
    )


def action_values(
    policy: View, judge: View, tokens: Array, keys: Key, rollouts: int
) -> Array:
    """Q of every token of texts (1609.05473, equation 4): the mean probability of being
    real of texts that begin with it and those before; of the last token that of the text.

    Args:
        policy: the generator that finishes texts.
        judge: the discriminator, without dropout.
        tokens: int32 (B, T).
        keys: one per text, (B,).
        rollouts: of every prefix.

    Returns:
        float32 (B, T), constants.
    """
    count, length = tokens.shape
    # The prefixes of a text one after the other, so that rows stay on their devices.
    prefixes = jnp.repeat(tokens, length - 1, axis=0)
    given = jnp.tile(jnp.arange(1, length), count)

    def probability(texts: Array) -> Array:
        return jax.nn.sigmoid(judge(texts, train=False))

    def once(total: Array, number: Array) -> tuple[Array, None]:
        own = jnp.repeat(prng.stream(keys, "rollout"), length - 1, axis=0)
        own = jax.vmap(jax.random.fold_in)(own, given)
        own = jax.vmap(jax.random.fold_in, (0, None))(own, number)
        whole = asked(policy, "complete", prefixes, given, own)
        return total + probability(whole), None

    nothing = tracing.varying(jnp.zeros(len(prefixes)))
    total, _ = jax.lax.scan(once, nothing, jnp.arange(rollouts))
    means = total.reshape(count, length - 1) / rollouts
    last = probability(tokens)[:, None]
    return jax.lax.stop_gradient(jnp.concatenate([means, last], axis=1))


def _reinforcing(rollouts: int, baseline: bool) -> Phase:
    """The generator's step by REINFORCE (1609.05473, equations 6 to 8)."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del batch, memory
        tokens = asked(held(views[GENERATOR]), "draw", prng.stream(keys, "draw"))
        policy, judge = held(views.averaged(GENERATOR)), held(views[DISCRIMINATOR])
        values = action_values(policy, judge, tokens, keys, rollouts)
        mask = counted(tokens)
        loss = losses.policy_gradient(
            asked(views[GENERATOR], "log_probs", tokens),
            values,
            mask,
            losses.batch_baseline(values, mask) if baseline else 0.0,
        )
        return {GENERATOR: loss}, Aux(
            metrics={"reward": mean32(values[:, -1]), "length": mean32(mask.sum(axis=1))}
        )

    return Phase("generator", (GENERATOR,), objective)


def _judging(recipe: Recipe, l2: float) -> Phase:
    """The discriminator tells real texts from drawn ones."""

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        fake = asked(views[GENERATOR], "draw", prng.stream(keys, "draw"))
        judge = views[DISCRIMINATOR]
        seen = judge(batch["image"], keys=prng.stream(keys, "real"))
        seen_fake = judge(fake, keys=prng.stream(keys, "fake"))
        adversarial = recipe.loss.discriminator(seen, seen_fake)
        size = logit_size(judge)
        return {DISCRIMINATOR: adversarial + l2 * size}, Aux(
            metrics={"real_logits": mean32(seen), "fake_logits": mean32(seen_fake)},
            terms={"adversarial": adversarial, "l2": size},
        )

    return Phase("discriminator", (DISCRIMINATOR,), objective, repeat=recipe.d_steps)
