"""What the two players minimise: one forward pass, a loss, and terms."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, tracing
from gan_jax.game import Aux, Batch, Objective, View, Views
from gan_jax.methods.recipe import Recipe
from gan_jax.methods.terms import Round, Weighted, evaluate
from gan_jax.methods.unrolled import look_ahead
from gan_jax.numerics import mean32, to_unit
from gan_jax.priors import Prior
from gan_jax.types import (
    AdversarialLoss,
    Array,
    Key,
    MeanLoss,
    Outputs,
    Params,
    PyTree,
    Scalar,
    Stats,
)

GENERATOR = "generator"
DISCRIMINATOR = "discriminator"
AUGMENT = "augment"
"""Name of the augmentation's memory."""


def _inputs(batch: Batch, conditional: bool) -> tuple[Array, tuple[Array, ...]]:
    """Real examples, and the labels as extra inputs of the nets (none if unconditional)."""
    if conditional and "label" not in batch:
        raise ValueError("the game is conditional, but the batch has no 'label'")
    return to_unit(batch["image"]), (batch["label"],) if conditional else ()


def draw_latents(prior: Prior, keys: Key) -> Array:
    return prng.draw(prng.stream(keys, "latent"), prior)


class _Deal(NamedTuple):
    """What a round is played with.

    Attributes:
        labels: further inputs of both nets, none in an unconditional game.
        keys: one per example.
        drawn: latents.
        latents: the same after latent optimisation, if the recipe has any.
        show: `(fake) -> (real, fake)` as the discriminator sees them, by the same draws of
            an augmentation for any generated examples.
    """

    labels: tuple[Array, ...]
    keys: Key
    drawn: Array
    latents: Array
    show: Callable[[PyTree], tuple[PyTree, PyTree]]


def _deal(
    recipe: Recipe,
    conditional: bool,
    views: Views,
    batch: Batch,
    keys: Key,
    memory: Mapping[str, PyTree],
    copies: int = 1,
) -> _Deal:
    """Examples, labels and latents, every row of the batch `copies` times."""
    real, labels = _inputs(batch, conditional)
    real, labels, keys = _repeat_rows(copies, real, labels, keys)
    drawn = draw_latents(recipe.prior, keys)
    latents = drawn
    if recipe.improve_latents is not None:
        generator, judge = views[GENERATOR], _judge(views[DISCRIMINATOR], labels)
        latents = recipe.improve_latents(
            lambda z: _logits(judge(generator(z, *labels))), drawn
        )
    augment, own = recipe.augment, prng.stream(keys, AUGMENT)

    def show(fake: PyTree) -> tuple[PyTree, PyTree]:
        if augment is None:
            return real, fake
        return augment.apply(own, real, fake, memory[AUGMENT], views.images_seen)

    return _Deal(labels, keys, drawn, latents, show)


def discriminator_objective(
    recipe: Recipe, conditional: bool, terms: Mapping[str, Weighted], *, adversarial: bool
) -> Objective:
    """What the discriminator minimises.

    Args:
        recipe: the method.
        conditional: whether batches have labels that the nets see.
        terms: those of this phase.
        adversarial: whether the adversarial loss is part of it; not in lazy phases.
    """

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        deal = _deal(recipe, conditional, views, batch, keys, memory)
        shown = deal.show(views[GENERATOR](deal.latents, *deal.labels))
        forward = _joint if recipe.joint_forward else _apart
        *outputs, stats = forward(views[DISCRIMINATOR], *shown, deal.labels)
        turn = _round(recipe, views, DISCRIMINATOR, deal, shown, outputs)
        side = _whole(recipe.loss, recipe.loss.discriminator) if adversarial else None
        loss, values, kept = _total("disc", side, turn, terms, memory)
        if not adversarial:
            return {DISCRIMINATOR: loss}, Aux(memory=kept, terms=values)
        # Only here: in the generator's phase most losses leave D(real) to be pruned.
        metrics = {
            "real_logits": mean32(turn.real_logits),
            "fake_logits": mean32(turn.fake_logits),
        }
        if recipe.augment is not None and recipe.augment.update is not None:
            images = jnp.float32(turn.real_logits.shape[0] * tracing.batch_shards())
            kept[AUGMENT] = recipe.augment.update(memory[AUGMENT], turn.real_logits, images)
            metrics |= recipe.augment.report(kept[AUGMENT])
        return {DISCRIMINATOR: loss}, Aux({DISCRIMINATOR: stats}, kept, metrics, values)

    return objective


def generator_objective(
    recipe: Recipe, conditional: bool, terms: Mapping[str, Weighted], *, adversarial: bool
) -> Objective:
    """What the generator minimises.

    Args:
        recipe: the method.
        conditional: whether batches have labels that the nets see.
        terms: those of this phase.
        adversarial: whether the adversarial loss is part of it; not in lazy phases.
    """

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        copies = recipe.fakes_per_real
        deal = _deal(recipe, conditional, views, batch, keys, memory, copies)
        fake, stats = views[GENERATOR].with_stats(deal.latents, *deal.labels)
        shown = deal.show(fake)
        views = _foreseen(recipe, views, *shown, deal.labels)
        judge = _judge(views[DISCRIMINATOR], deal.labels)
        turn = _round(recipe, views, GENERATOR, deal, shown, [judge(x) for x in shown])
        if recipe.weigh_fakes is not None:
            weights = recipe.weigh_fakes(turn.fake_logits, views.images_seen)
            turn = turn._replace(fake_logits=_scale_gradient(turn.fake_logits, weights))
        side = _whole(recipe.loss, recipe.loss.generator) if adversarial else None
        loss, values, kept = _total("gen", side, turn, terms, memory)
        if not adversarial:
            return {GENERATOR: loss}, Aux(memory=kept, terms=values)
        metrics = {"fake_logits": mean32(turn.fake_logits)}
        return {GENERATOR: loss}, Aux({GENERATOR: stats}, kept, metrics, values)

    return objective


def _foreseen(
    recipe: Recipe, views: Views, real: PyTree, fake: PyTree, labels: tuple[Array, ...]
) -> Views:
    """The views with the discriminator after the updates that the recipe unrolls."""
    if not recipe.unroll:
        return views
    net = views[DISCRIMINATOR]
    side = _whole(recipe.loss, recipe.loss.discriminator)

    def loss(player: Params) -> Scalar:
        judge = _judge(replace(net, params=player[DISCRIMINATOR]), labels)
        return side(_logits(judge(real)), _logits(judge(fake)))

    opt = tracing.whole(views.opts[DISCRIMINATOR])
    now = {DISCRIMINATOR: net.params}
    ahead = look_ahead(now, opt, recipe.d_tx, recipe.unroll, loss)[DISCRIMINATOR]
    foreseen = replace(net, params=ahead, raw=ahead)
    return replace(views, live={**views.live, DISCRIMINATOR: foreseen})


def _round(
    recipe: Recipe,
    views: Views,
    mover: str,
    deal: _Deal,
    examples: tuple[PyTree, PyTree],
    outputs: Sequence[Array | Outputs],
) -> Round:
    """What the terms of a phase see; pairs are of real and fake."""
    labels, judge = deal.labels, _judge(views[DISCRIMINATOR], deal.labels)

    def losses(players: Mapping[str, Params]) -> dict[str, Scalar]:
        seen = {
            name: replace(views[name], params=params) for name, params in players.items()
        }
        shown = deal.show(seen[GENERATOR](deal.latents, *labels))
        real, fake = (_logits(_judge(seen[DISCRIMINATOR], labels)(x)) for x in shown)
        return {
            DISCRIMINATOR: _whole(recipe.loss, recipe.loss.discriminator)(real, fake),
            GENERATOR: _whole(recipe.loss, recipe.loss.generator)(real, fake),
        }

    return Round(
        mover=mover,
        real=examples[0],
        fake=examples[1],
        real_logits=_logits(outputs[0]),
        fake_logits=_logits(outputs[1]),
        critic=lambda inputs: _logits(judge(inputs)),
        params=views[mover].raw,
        keys=deal.keys,
        labels=labels[0] if labels else None,
        latents=deal.latents,
        drawn=deal.drawn,
        real_outputs=outputs[0],
        fake_outputs=outputs[1],
        judge=judge,
        generate=lambda z: views[GENERATOR](z, *labels),
        images_seen=views.images_seen,
        players={name: views[name].params for name in (GENERATOR, DISCRIMINATOR)},
        losses=losses,
    )


def _repeat_rows(
    times: int, real: Array, labels: tuple[Array, ...], keys: Key
) -> tuple[Array, tuple[Array, ...], Key]:
    """Each row `times` times, with keys of its own."""
    if times == 1:
        return real, labels, keys
    real, labels = jax.tree.map(lambda x: jnp.repeat(x, times, axis=0), (real, labels))
    split = jax.vmap(lambda key: jax.random.split(key, times))(keys)
    return real, labels, split.reshape(-1)


def _judge(net: View, labels: tuple[Array, ...]) -> Callable[[PyTree], Array | Outputs]:
    return lambda inputs: net(inputs, *labels)


def _logits(outputs: Array | Outputs) -> Array:
    return outputs.logits if isinstance(outputs, Outputs) else outputs


def _scale_gradient(x: Array, weights: Array) -> Array:
    """`x`, through which gradients pass multiplied by `weights`."""
    scaled = jax.lax.stop_gradient(weights) * x
    return scaled + jax.lax.stop_gradient(x - scaled)


def _apart(
    net: View, real: Array, fake: Array, labels: tuple[Array, ...]
) -> tuple[Array | Outputs, Array | Outputs, Stats]:
    real_outputs, stats = net.with_stats(real, *labels)
    fake_outputs, stats = net.with_stats(fake, *labels, stats=stats)
    return real_outputs, fake_outputs, stats


def _joint(
    net: View, real: Array, fake: Array, labels: tuple[Array, ...]
) -> tuple[Array | Outputs, Array | Outputs, Stats]:
    """Real and fake rows alternate, so that a sharded batch stays on its devices."""

    def weave(a: Array, b: Array) -> Array:
        return jnp.stack([a, b], axis=1).reshape(-1, *a.shape[1:])

    doubled = tuple(weave(y, y) for y in labels)
    outputs, stats = net.with_stats(weave(real, fake), *doubled)
    pairs = jax.tree.map(lambda x: x.reshape(-1, 2, *x.shape[1:]), outputs)
    real_outputs, fake_outputs = (
        jax.tree.map(lambda x, row=row: x[:, row], pairs) for row in (0, 1)
    )
    return real_outputs, fake_outputs, stats


def _whole(
    loss: AdversarialLoss, side: Callable[[Array, Array], Scalar]
) -> Callable[[Array, Array], Scalar]:
    """One side of a loss, over the logits of all shards unless it is a mean over them."""
    if isinstance(loss, MeanLoss):
        return side
    return lambda real, fake: side(tracing.gather(real), tracing.gather(fake))


def _total(
    side: str,
    loss: Callable[[Array, Array], Scalar] | None,
    turn: Round,
    terms: Mapping[str, Weighted],
    memory: Mapping[str, PyTree],
) -> tuple[Scalar, dict[str, Scalar], dict[str, PyTree]]:
    """The adversarial loss, if given, plus the weighted terms; the value of each; and the
    new memory of the terms.
    """
    own = {name: memory[f"{side}_{name}"] for name in terms if f"{side}_{name}" in memory}
    total, values, kept = evaluate(terms, turn, own)
    if loss is not None:
        values["adversarial"] = loss(turn.real_logits, turn.fake_logits)
        total = values["adversarial"] + total
    return total, values, {f"{side}_{name}": value for name, value in kept.items()}
