"""The common game: one generator against one discriminator.

Most published methods are this game with another loss, network, transform or penalty
(`Recipe`), so they are values and not code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import optax

from gan_jax import losses
from gan_jax.game import Ema, Game, Phase, Player, Views
from gan_jax.methods.objectives import (
    AUGMENT,
    Rules,
    discriminator_objective,
    draw_latents,
    generator_objective,
)
from gan_jax.methods.recipe import Augmentation, Improve, Recipe
from gan_jax.methods.sides import (
    DISCRIMINATOR,
    ENCODER,
    GENERATOR,
    Make,
    Real,
    examples,
    images,
    pairs,
    side_by_side,
)
from gan_jax.methods.terms import Remembering, Term, Terms, Weighted, weighted
from gan_jax.priors import Prior
from gan_jax.transforms import identity
from gan_jax.types import (
    AdversarialLoss,
    Array,
    InputGradientPenalty,
    Key,
    Net,
    Outputs,
    ParamTransform,
    PyTree,
    Scalar,
)

_DEFAULT = Recipe()


def two_player(
    *,
    generator: Net,
    discriminator: Net,
    loss: AdversarialLoss = _DEFAULT.loss,
    prior: Prior = _DEFAULT.prior,
    num_classes: int | None = None,
    g_tx: optax.GradientTransformation = _DEFAULT.g_tx,
    d_tx: optax.GradientTransformation = _DEFAULT.d_tx,
    g_transform: ParamTransform = _DEFAULT.g_transform,
    d_transform: ParamTransform = _DEFAULT.d_transform,
    g_ema: Ema | None = None,
    d_terms: Terms = _DEFAULT.d_terms,
    g_terms: Terms = _DEFAULT.g_terms,
    d_steps: int = 1,
    joint_forward: bool = False,
    fakes_per_real: int = 1,
    augment: Augmentation | None = None,
    improve_latents: Improve | None = None,
    weigh_fakes: Callable[[Array, Scalar], Array] | None = None,
    unroll: int = 0,
) -> Game:
    """The game of a generator and a discriminator (1406.2661).

    A batch is `{"image": (rounds, batch, ...)}`, uint8 or float in [-1, 1], with
    `"label": int32 (rounds, batch)` for a conditional game. Generated examples take the
    labels of the real ones beside them, so both sides have the same label distribution and
    every penalty sees one label per row.

    Args:
        generator: `(z, y=None) -> examples`.
        discriminator: `(x, y=None) -> logits (batch,)`, or `Outputs` with such logits.
        loss: see `Recipe`, as for all further arguments.
        prior: latent distribution, `(key) -> z` for one example.
        num_classes: number of classes of a conditional game, or None.
        g_tx: optimizer of the generator; Adam(2e-4, 0.5, 0.999) as DCGAN's.
        d_tx: optimizer of the discriminator.
        g_transform: reparameterisation of the generator's parameters.
        d_transform: reparameterisation of the discriminator's parameters.
        g_ema: average of the generator.
        d_terms: `{name: (weight, term) or Weighted}`.
        g_terms: the same for the generator.
        d_steps: discriminator updates per step, each with a round of data of its own.
        joint_forward: whether real and fake pass the discriminator in one batch.
        fakes_per_real: generated examples per real one in the generator's phase.
        augment: applied to examples before the discriminator.
        improve_latents: applied to latents.
        weigh_fakes: weights of the generator's gradients.
        unroll: discriminator updates that the generator looks through.

    Returns:
        The game, with phases "disc", "gen", and one phase per lazy term.

    Raises:
        ValueError: a term is not a weight and a callable, or a count is below 1.
    """
    recipe = Recipe(
        loss,
        prior,
        g_tx,
        d_tx,
        g_transform,
        d_transform,
        g_ema,
        d_terms,
        g_terms,
        d_steps,
        joint_forward,
        fakes_per_real,
        augment,
        improve_latents,
        weigh_fakes,
        unroll,
    )
    return from_recipe(generator, discriminator, recipe, num_classes=num_classes)


def from_recipe(
    generator: Net,
    discriminator: Net,
    recipe: Recipe,
    *,
    num_classes: int | None = None,
    couples: bool = False,
    outputs: Callable[[], Array | Outputs] | None = None,
    encoder: Net | None = None,
    make: Make | None = None,
    real: Real = images,
) -> Game:
    """`two_player` with its options as one value.

    Args:
        generator: as of `two_player`, as all but the following.
        discriminator: its batch statistics, if any, are found in its state.
        recipe: the options.
        num_classes: number of classes of a conditional game, or None.
        couples: whether the discriminator couples examples in another way.
        outputs: `() -> shapes` of what the discriminator returns, if they can be known;
            terms that it does not suit are then refused here and not by the first step.
        encoder: `(x, y=None) -> codes`, a net of the generator's player, if there is one.
        make: how the sides of the discriminator come about; `sides.examples` by default,
            `sides.pairs` with an encoder.
        real: what the real examples of a round of data are; its images by default.
    """
    if recipe.d_steps < 1 or recipe.fakes_per_real < 1:
        raise ValueError("d_steps and fakes_per_real must be at least 1")
    if recipe.unroll < 0:
        raise ValueError(f"unroll is a number of updates, got {recipe.unroll}")
    d_terms = weighted("d_terms", recipe.d_terms)
    g_terms = weighted("g_terms", recipe.g_terms)
    _check_unroll(recipe)
    _check_encoder(recipe, encoder)
    if recipe.loss is losses.zero and not (d_terms and g_terms):
        raise ValueError("a game without an adversarial loss needs terms for both players")
    for terms in (d_terms, g_terms):
        _check_terms(terms, discriminator, num_classes, couples)
        _check_outputs(terms, outputs, num_classes)
    make = make or (examples if encoder is None else pairs())
    rules = Rules(recipe, make, num_classes is not None, real)
    sides = (
        ("disc", DISCRIMINATOR, d_terms, discriminator_objective, recipe.d_steps),
        ("gen", GENERATOR, g_terms, generator_objective, 1),
    )
    phases = []
    for side, mover, terms, objective_of, repeat in sides:
        now = {name: term for name, term in terms.items() if term.every == 1}
        objective = objective_of(rules, now, adversarial=True)
        phases.append(Phase(side, (mover,), objective, repeat=repeat))
        for name, term in terms.items():
            if term.every == 1:
                continue
            objective = objective_of(rules, {name: term}, adversarial=False)
            phases.append(Phase(f"{side}_{name}", (mover,), objective, every=term.every))
    players = {
        GENERATOR: _makers(recipe, encoder),
        DISCRIMINATOR: Player((DISCRIMINATOR,), recipe.d_tx, recipe.d_transform),
    }
    nets = {GENERATOR: generator, DISCRIMINATOR: discriminator}
    if encoder is not None:
        nets[ENCODER] = encoder
    memory = {} if recipe.augment is None else {AUGMENT: recipe.augment.init}
    for side, mover, terms, *_ in sides:
        memory |= _memories(side, terms, nets[mover], players[mover], mover)
    return Game(
        nets=nets,
        players=players,
        phases=tuple(phases),
        sample=sampler(recipe.prior, num_classes),
        memory=memory,
    )


def _makers(recipe: Recipe, encoder: Net | None) -> Player:
    """The player of the generator, and of the encoder if there is one."""
    nets = (GENERATOR,) if encoder is None else (GENERATOR, ENCODER)
    tx = recipe.g_tx
    if recipe.e_tx is not None:
        own = {GENERATOR: recipe.g_tx, ENCODER: recipe.e_tx}
        tx = optax.partition(own, {name: name for name in own})
    return Player(nets, tx, recipe.g_transform, recipe.g_ema)


def _check_encoder(recipe: Recipe, encoder: Net | None) -> None:
    if encoder is None and recipe.e_tx is not None:
        raise ValueError("the game has no encoder: leave its optimizer, e_tx, out")
    if encoder is not None and recipe.improve_latents is not None:
        raise ValueError(
            "latents cannot be improved where the discriminator sees them: drop "
            "improve_latents, or the encoder"
        )


def _check_unroll(recipe: Recipe) -> None:
    if recipe.unroll and recipe.d_transform != identity():
        raise ValueError(
            "unroll needs a discriminator whose parameters are what it sees: drop "
            "d_transform, or unroll"
        )


def _check_terms(
    terms: Mapping[str, Weighted],
    discriminator: Net,
    num_classes: int | None,
    couples: bool,
) -> None:
    """Refuses terms that have no meaning in the game."""
    for name, one in terms.items():
        if isinstance(one.term, Term) and one.term.labels and num_classes is None:
            raise ValueError(f"term {name!r} needs labels: set num_classes, or drop it")
        if not isinstance(one.term, InputGradientPenalty):
            continue
        if couples or _has_batch_statistics(discriminator):
            raise ValueError(
                f"term {name!r} is on gradients of single examples, but the discriminator "
                "has batch statistics: give it a norm that keeps examples apart, or none, "
                "and no minibatch layer"
            )


def _check_outputs(
    terms: Mapping[str, Weighted],
    outputs: Callable[[], Array | Outputs] | None,
    num_classes: int | None,
) -> None:
    """Refuses terms that want more of the discriminator than it returns."""
    asking = {n: one.term for n, one in terms.items() if isinstance(one.term, Term)}
    if outputs is None or not asking:
        return
    shapes = outputs()
    for name, term in asking.items():
        if why := term.refuses(shapes, num_classes):
            raise ValueError(f"term {name!r} {why}")


def _has_batch_statistics(net: Net) -> bool:
    stats = jax.eval_shape(net.init, jax.random.key(0))[1]
    return isinstance(stats, Mapping) and "batch_stats" in stats


def _memories(
    side: str, terms: Mapping[str, Weighted], net: Net, player: Player, name: str
) -> dict[str, PyTree]:
    """Initial memory of the terms that have one, by `side_name`."""
    remembering = {n: t.term for n, t in terms.items() if isinstance(t.term, Remembering)}
    if not remembering:
        return {}
    params = jax.eval_shape(
        lambda key: player.transform.parametrize({name: net.init(key)[0]})[name],
        jax.random.key(0),
    )
    return {f"{side}_{n}": term.init(params) for n, term in remembering.items()}


def sampler(prior: Prior, num_classes: int | None) -> Callable[..., Any]:
    """Samples of the generator, from its average where one is kept.

    Args:
        prior: of its latents.
        num_classes: number of classes, which take turns where no labels are given; or None.
    """

    def sample(views: Views, keys: Key, labels: Array | None) -> Any:
        n = keys.shape[0]
        if num_classes is None and labels is not None:
            raise ValueError("labels were given to an unconditional model; leave them out")
        if num_classes is not None and labels is None:
            labels = jnp.arange(n, dtype=jnp.int32) % num_classes
        inputs = () if labels is None else (labels,)
        z = draw_latents(prior, keys)
        return side_by_side(views.averaged(GENERATOR)(z, *inputs, train=False))

    return sample
