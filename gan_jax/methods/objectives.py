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
from gan_jax.methods.sides import (
    DISCRIMINATOR,
    GENERATOR,
    Make,
    Real,
    Sides,
    unwoven,
    woven,
)
from gan_jax.methods.terms import Round, Weighted, evaluate
from gan_jax.methods.unrolled import look_ahead
from gan_jax.numerics import mean32
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

AUGMENT = "augment"
"""Name of the augmentation's memory."""


def _labels(batch: Batch, conditional: bool) -> tuple[Array, ...]:
    """The labels as extra inputs of the nets, none if unconditional."""
    if conditional and "label" not in batch:
        raise ValueError("the game is conditional, but the batch has no 'label'")
    return (batch["label"],) if conditional else ()


def draw_latents(prior: Prior, keys: Key) -> Array:
    return prng.draw(prng.stream(keys, "latent"), prior)


class Rules(NamedTuple):
    """What both objectives of a game have in common.

    Attributes:
        recipe: the method.
        make: how real examples and latents become what the discriminator judges.
        conditional: whether batches have labels that the nets see.
        real: what the real examples of a batch are.
    """

    recipe: Recipe
    make: Make
    conditional: bool
    real: Real


class _Deal(NamedTuple):
    """What a round is played with.

    Attributes:
        batch: the data of the round.
        labels: further inputs of both nets, none in an unconditional game.
        keys: one per example.
        drawn: latents.
        latents: the same after latent optimisation, if the recipe has any.
        make: `(views) -> sides` from these.
        show: `(sides) -> (real, fake)` as the discriminator sees them, by the same draws of
            an augmentation for any sides.
    """

    batch: Batch
    labels: tuple[Array, ...]
    keys: Key
    drawn: Array
    latents: Array
    make: Callable[[Views], Sides]
    show: Callable[[Sides], tuple[PyTree, PyTree]]


def _deal(
    rules: Rules,
    views: Views,
    batch: Batch,
    keys: Key,
    memory: Mapping[str, PyTree],
    copies: int = 1,
) -> _Deal:
    """Examples, labels and latents, every row of the batch `copies` times."""
    recipe = rules.recipe
    labels = _labels(batch, rules.conditional)
    real, labels, keys = _repeat_rows(copies, rules.real(batch), labels, keys)
    drawn = draw_latents(recipe.prior, keys)
    latents = drawn
    if recipe.improve_latents is not None:
        generator, judge = views[GENERATOR], _judge(views[DISCRIMINATOR], labels, keys)
        latents = recipe.improve_latents(
            lambda z: _logits(judge(generator(z, *labels))), drawn
        )
    augment, own = recipe.augment, prng.stream(keys, AUGMENT)

    def make(views: Views) -> Sides:
        return rules.make(views, real, latents, labels, keys)

    def show(sides: Sides) -> tuple[PyTree, PyTree]:
        shown = sides.real, sides.fake
        if augment is not None:
            shown = augment.apply(own, *shown, memory[AUGMENT], views.images_seen)
        return sides.beside(*shown)

    return _Deal(batch, labels, keys, drawn, latents, make, show)


def discriminator_objective(
    rules: Rules, terms: Mapping[str, Weighted], *, adversarial: bool
) -> Objective:
    """What the discriminator minimises.

    Args:
        rules: of the game.
        terms: those of this phase.
        adversarial: whether the adversarial loss is part of it; not in lazy phases.
    """
    recipe = rules.recipe

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        deal = _deal(rules, views, batch, keys, memory)
        shown = deal.show(deal.make(views))
        forward = _joint if recipe.joint_forward else _apart
        *outputs, stats = forward(views[DISCRIMINATOR], *shown, deal.labels, keys)
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
    rules: Rules, terms: Mapping[str, Weighted], *, adversarial: bool
) -> Objective:
    """What the generator minimises.

    Args:
        rules: of the game.
        terms: those of this phase.
        adversarial: whether the adversarial loss is part of it; not in lazy phases.
    """
    recipe = rules.recipe

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        copies = recipe.fakes_per_real
        deal = _deal(rules, views, batch, keys, memory, copies)
        sides = deal.make(views)
        shown = deal.show(sides)
        views = _foreseen(recipe, views, *shown, deal)
        *outputs, _ = _apart(views[DISCRIMINATOR], *shown, deal.labels, deal.keys)
        turn = _round(recipe, views, GENERATOR, deal, shown, outputs)
        if recipe.weigh_fakes is not None:
            weights = recipe.weigh_fakes(turn.fake_logits, views.images_seen)
            turn = turn._replace(fake_logits=_scale_gradient(turn.fake_logits, weights))
        side = _whole(recipe.loss, recipe.loss.generator) if adversarial else None
        loss, values, kept = _total("gen", side, turn, terms, memory)
        if not adversarial:
            return {GENERATOR: loss}, Aux(memory=kept, terms=values)
        metrics = {"fake_logits": mean32(turn.fake_logits)}
        return {GENERATOR: loss}, Aux(sides.stats, kept, metrics, values)

    return objective


def _foreseen(
    recipe: Recipe, views: Views, real: PyTree, fake: PyTree, deal: _Deal
) -> Views:
    """The views with the discriminator after the updates that the recipe unrolls."""
    if not recipe.unroll:
        return views
    net = views[DISCRIMINATOR]
    side = _whole(recipe.loss, recipe.loss.discriminator)

    def loss(player: Params) -> Scalar:
        own = replace(net, params=player[DISCRIMINATOR])
        judge = _judge(own, deal.labels, deal.keys)
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
    labels, judge = deal.labels, _judge(views[DISCRIMINATOR], deal.labels, deal.keys)

    def losses(nets: Mapping[str, Params]) -> dict[str, Scalar]:
        seen = replace(
            views,
            live={name: replace(views[name], params=nets[name]) for name in views},
        )
        shown = deal.show(deal.make(seen))
        *outputs, _ = _apart(seen[DISCRIMINATOR], *shown, labels, deal.keys)
        real, fake = map(_logits, outputs)
        against = _whole(recipe.loss, recipe.loss.discriminator)(real, fake)
        own = _whole(recipe.loss, recipe.loss.generator)(real, fake)
        return {name: against if name == DISCRIMINATOR else own for name in nets}

    return Round(
        mover=mover,
        real=examples[0],
        fake=examples[1],
        real_logits=_logits(outputs[0]),
        fake_logits=_logits(outputs[1]),
        critic=lambda inputs: _logits(judge(inputs)),
        params=views[mover].raw,
        keys=deal.keys,
        batch=deal.batch,
        labels=labels[0] if labels else None,
        latents=deal.latents,
        drawn=deal.drawn,
        real_outputs=outputs[0],
        fake_outputs=outputs[1],
        judge=judge,
        generate=lambda z: views[GENERATOR](z, *labels),
        images_seen=views.images_seen,
        players={name: view.params for name, view in views.items()},
        losses=losses,
    )


def _repeat_rows(
    times: int, real: PyTree, labels: tuple[Array, ...], keys: Key
) -> tuple[PyTree, tuple[Array, ...], Key]:
    """Each row `times` times, with keys of its own."""
    if times == 1:
        return real, labels, keys
    real, labels = jax.tree.map(lambda x: jnp.repeat(x, times, axis=0), (real, labels))
    split = jax.vmap(lambda key: jax.random.split(key, times))(keys)
    return real, labels, split.reshape(-1)


def _judge(
    net: View, labels: tuple[Array, ...], keys: Key
) -> Callable[[PyTree], Array | Outputs]:
    return lambda inputs: net(inputs, *labels, keys=prng.stream(keys, "judge"))


def _logits(outputs: Array | Outputs) -> Array:
    return outputs.logits if isinstance(outputs, Outputs) else outputs


def _scale_gradient(x: Array, weights: Array) -> Array:
    """`x`, through which gradients pass multiplied by `weights`."""
    scaled = jax.lax.stop_gradient(weights) * x
    return scaled + jax.lax.stop_gradient(x - scaled)


def _apart(
    net: View, real: PyTree, fake: PyTree, labels: tuple[Array, ...], keys: Key
) -> tuple[Array | Outputs, Array | Outputs, Stats]:
    noise = [prng.stream(keys, f"judge_{side}") for side in ("real", "fake")]
    real_outputs, stats = net.with_stats(real, *labels, keys=noise[0])
    fake_outputs, stats = net.with_stats(fake, *labels, stats=stats, keys=noise[1])
    return real_outputs, fake_outputs, stats


def _joint(
    net: View, real: PyTree, fake: PyTree, labels: tuple[Array, ...], keys: Key
) -> tuple[Array | Outputs, Array | Outputs, Stats]:
    """Real and fake in one batch."""
    doubled = tuple(woven(y, y) for y in labels)
    noise = woven(*(prng.stream(keys, f"judge_{side}") for side in ("real", "fake")))
    outputs, stats = net.with_stats(woven(real, fake), *doubled, keys=noise)
    real_outputs, fake_outputs = unwoven(outputs, 2)
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
