"""The common game: one generator against one discriminator.

Most published methods are this game with another loss, network, transform or penalty
(`Recipe`), so they are values and not code.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import optax

from gan_jax import losses, prng, tracing
from gan_jax.game import Aux, Batch, Ema, Game, Objective, Phase, Player, View, Views
from gan_jax.numerics import mean32, to_unit
from gan_jax.priors import Prior, normal
from gan_jax.transforms import identity
from gan_jax.types import (
    AdversarialLoss,
    Array,
    Critic,
    Key,
    MeanLoss,
    Net,
    ParamPenalty,
    Params,
    ParamTransform,
    Penalty,
    PyTree,
    Scalar,
    Stats,
)

GENERATOR = "generator"
DISCRIMINATOR = "discriminator"


class Round(NamedTuple):
    """What a term of a two-player loss may use.

    Attributes:
        real: real examples, pytree of (batch, ...).
        fake: generated examples, of the same structure; differentiable in G's phase.
        real_logits: float32 (batch,).
        fake_logits: float32 (batch,).
        critic: the discriminator with labels and mode closed over.
        params: parameters of the net that moves, before any transform.
        keys: one key per example, a stream of this term's own.
    """

    real: PyTree
    fake: PyTree
    real_logits: Array
    fake_logits: Array
    critic: Critic
    params: Params
    keys: Key


class Term(NamedTuple):
    """A term that needs more than a critic or parameters: `fn(round) -> scalar`."""

    fn: Callable[[Round], Scalar]


class Weighted(NamedTuple):
    """A term of a player's loss; a plain pair `(weight, term)` means the same.

    Attributes:
        weight: factor of the term.
        term: a critic penalty `(critic, real, fake, key)`, a `ParamPenalty`, or a `Term`.
        every: above 1, the term has a phase of its own that runs every so many steps with
            its loss multiplied by `every` (lazy regularisation).
    """

    weight: float
    term: Penalty | ParamPenalty | Term
    every: int = 1


Terms = Mapping[str, Weighted | tuple[Any, ...]]
NO_TERMS: Terms = MappingProxyType({})


class Recipe(NamedTuple):
    """Everything about a two-player method that is not its networks.

    Attributes:
        loss: the adversarial loss.
        prior: latent distribution, `(key) -> z` for one example.
        g_tx: optimizer of the generator.
        d_tx: optimizer of the discriminator.
        g_transform: reparameterisation of the generator's parameters.
        d_transform: reparameterisation of the discriminator's parameters.
        g_ema: average of the generator from which samples are drawn, if any.
        d_terms: terms added to the discriminator's loss, by the name they are logged under.
        g_terms: terms added to the generator's loss.
        d_steps: discriminator updates per generator update.
        joint_forward: whether the discriminator sees real and fake in one batch. The same
            numbers for a discriminator without batch statistics, and one pass less; with
            batch norm it normalises over the mixture.
        fakes_per_real: generated examples per real one in the generator's phase (2 in the
            SNGAN authors' code).
    """

    loss: AdversarialLoss = losses.non_saturating
    prior: Prior = normal(128)
    g_tx: optax.GradientTransformation = optax.adam(2e-4, b1=0.5, b2=0.999)
    d_tx: optax.GradientTransformation = optax.adam(2e-4, b1=0.5, b2=0.999)
    g_transform: ParamTransform = identity()
    d_transform: ParamTransform = identity()
    g_ema: Ema | None = None
    d_terms: Terms = NO_TERMS
    g_terms: Terms = NO_TERMS
    d_steps: int = 1
    joint_forward: bool = False
    fakes_per_real: int = 1


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
) -> Game:
    """The game of a generator and a discriminator (1406.2661).

    A batch is `{"image": (rounds, batch, ...)}`, uint8 or float in [-1, 1], with
    `"label": int32 (rounds, batch)` for a conditional game. Generated examples take the
    labels of the real ones beside them, so both sides have the same label distribution and
    every penalty sees one label per row.

    Args:
        generator: `(z, y=None) -> examples`.
        discriminator: `(x, y=None) -> logits (batch,)`.
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
    )
    return from_recipe(generator, discriminator, recipe, num_classes=num_classes)


def from_recipe(
    generator: Net, discriminator: Net, recipe: Recipe, *, num_classes: int | None = None
) -> Game:
    """`two_player` with its options as one value."""
    if recipe.d_steps < 1 or recipe.fakes_per_real < 1:
        raise ValueError("d_steps and fakes_per_real must be at least 1")
    d_now, d_lazy = _split_lazy("d_terms", recipe.d_terms)
    g_now, g_lazy = _split_lazy("g_terms", recipe.g_terms)
    conditional = num_classes is not None
    disc = _discriminator_objective(recipe, conditional, d_now, adversarial=True)
    gen = _generator_objective(recipe, conditional, g_now, adversarial=True)
    phases = [Phase("disc", (DISCRIMINATOR,), disc, repeat=recipe.d_steps)]
    for name, term in d_lazy.items():
        objective = _discriminator_objective(
            recipe, conditional, {name: term}, adversarial=False
        )
        phases.append(Phase(f"disc_{name}", (DISCRIMINATOR,), objective, every=term.every))
    phases.append(Phase("gen", (GENERATOR,), gen))
    for name, term in g_lazy.items():
        objective = _generator_objective(
            recipe, conditional, {name: term}, adversarial=False
        )
        phases.append(Phase(f"gen_{name}", (GENERATOR,), objective, every=term.every))
    return Game(
        nets={GENERATOR: generator, DISCRIMINATOR: discriminator},
        players={
            GENERATOR: Player((GENERATOR,), recipe.g_tx, recipe.g_transform, recipe.g_ema),
            DISCRIMINATOR: Player((DISCRIMINATOR,), recipe.d_tx, recipe.d_transform),
        },
        phases=tuple(phases),
        sample=_sampler(recipe.prior, num_classes),
    )


def _split_lazy(
    where: str, terms: Terms
) -> tuple[dict[str, Weighted], dict[str, Weighted]]:
    weighted = {}
    for name, term in terms.items():
        weighted[name] = term if isinstance(term, Weighted) else Weighted(*term)
        if not callable(weighted[name].term) and not isinstance(weighted[name].term, Term):
            raise ValueError(
                f"{where}[{name!r}] must be (weight, term) with a callable term, "
                f"got {term!r}"
            )
    now = {name: term for name, term in weighted.items() if term.every == 1}
    lazy = {name: term for name, term in weighted.items() if term.every != 1}
    return now, lazy


# Objectives.


def _inputs(batch: Batch, conditional: bool) -> tuple[Array, tuple[Array, ...]]:
    """Real examples, and the labels as extra inputs of the nets (none if unconditional)."""
    if conditional and "label" not in batch:
        raise ValueError("the game is conditional, but the batch has no 'label'")
    return to_unit(batch["image"]), (batch["label"],) if conditional else ()


def _latents(prior: Prior, keys: Key) -> Array:
    return prng.draw(prng.stream(keys, "latent"), prior)


def _discriminator_objective(
    recipe: Recipe, conditional: bool, terms: Mapping[str, Weighted], *, adversarial: bool
) -> Objective:
    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real, labels = _inputs(batch, conditional)
        fake = views[GENERATOR](_latents(recipe.prior, keys), *labels)
        net = views[DISCRIMINATOR]
        forward = _joint if recipe.joint_forward else _apart
        real_logits, fake_logits, stats = forward(net, real, fake, labels)
        turn = Round(
            real, fake, real_logits, fake_logits, _critic(net, labels), net.raw, keys
        )
        loss, metrics = _total(
            _whole(recipe.loss, recipe.loss.discriminator) if adversarial else None,
            turn,
            terms,
        )
        if not adversarial:
            return {DISCRIMINATOR: loss}, Aux(metrics=metrics)
        # Only here: in the generator's phase most losses leave D(real) to be pruned.
        metrics["real_logits"] = mean32(real_logits)
        return {DISCRIMINATOR: loss}, Aux({DISCRIMINATOR: stats}, metrics=metrics)

    return objective


def _generator_objective(
    recipe: Recipe, conditional: bool, terms: Mapping[str, Weighted], *, adversarial: bool
) -> Objective:
    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del memory
        real, labels = _inputs(batch, conditional)
        real, labels, keys = _repeat_rows(recipe.fakes_per_real, real, labels, keys)
        net, critic = views[GENERATOR], _critic(views[DISCRIMINATOR], labels)
        fake, stats = net.with_stats(_latents(recipe.prior, keys), *labels)
        turn = Round(real, fake, critic(real), critic(fake), critic, net.raw, keys)
        loss, metrics = _total(
            _whole(recipe.loss, recipe.loss.generator) if adversarial else None, turn, terms
        )
        kept = {GENERATOR: stats} if adversarial else {}
        return {GENERATOR: loss}, Aux(kept, metrics=metrics)

    return objective


def _repeat_rows(
    times: int, real: Array, labels: tuple[Array, ...], keys: Key
) -> tuple[Array, tuple[Array, ...], Key]:
    """Each row `times` times, with keys of its own."""
    if times == 1:
        return real, labels, keys
    real, labels = jax.tree.map(lambda x: jnp.repeat(x, times, axis=0), (real, labels))
    split = jax.vmap(lambda key: jax.random.split(key, times))(keys)
    return real, labels, split.reshape(-1)


def _critic(net: View, labels: tuple[Array, ...]) -> Critic:
    return lambda inputs: net(inputs, *labels)


def _apart(
    net: View, real: Array, fake: Array, labels: tuple[Array, ...]
) -> tuple[Array, Array, Stats]:
    real_logits, stats = net.with_stats(real, *labels)
    fake_logits, stats = net.with_stats(fake, *labels, stats=stats)
    return real_logits, fake_logits, stats


def _joint(
    net: View, real: Array, fake: Array, labels: tuple[Array, ...]
) -> tuple[Array, Array, Stats]:
    """Real and fake rows alternate, so that a sharded batch stays on its devices."""

    def weave(a: Array, b: Array) -> Array:
        return jnp.stack([a, b], axis=1).reshape(-1, *a.shape[1:])

    doubled = tuple(weave(y, y) for y in labels)
    logits, stats = net.with_stats(weave(real, fake), *doubled)
    pairs = logits.reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1], stats


def _whole(
    loss: AdversarialLoss, side: Callable[[Array, Array], Scalar]
) -> Callable[[Array, Array], Scalar]:
    """One side of a loss, over the logits of all shards unless it is a mean over them."""
    if isinstance(loss, MeanLoss):
        return side
    return lambda real, fake: side(tracing.gather(real), tracing.gather(fake))


def _total(
    loss: Callable[[Array, Array], Scalar] | None,
    turn: Round,
    terms: Mapping[str, Weighted],
) -> tuple[Scalar, dict[str, Scalar]]:
    """The adversarial loss, if given, plus the weighted terms, each also as a metric."""
    total, metrics = jnp.zeros((), jnp.float32), {}
    if loss is not None:
        total = loss(turn.real_logits, turn.fake_logits)
        metrics = {"adversarial": total, "fake_logits": mean32(turn.fake_logits)}
    for name, weighted in terms.items():
        own = turn._replace(keys=prng.stream(turn.keys, name))
        value = _evaluate(weighted.term, own)
        total = total + weighted.weight * value
        metrics[name] = value
    return total, metrics


def _evaluate(term: Penalty | ParamPenalty | Term, turn: Round) -> Scalar:
    match term:
        case Term(fn):
            return fn(turn)
        case ParamPenalty(fn):
            return fn(turn.params)
        case _:
            return term(turn.critic, turn.real, turn.fake, turn.keys)


def _sampler(prior: Prior, num_classes: int | None) -> Callable[..., Any]:
    def sample(views: Views, keys: Key, labels: Array | None) -> Any:
        n = keys.shape[0]
        if num_classes is None and labels is not None:
            raise ValueError("labels were given to an unconditional model; leave them out")
        if num_classes is not None and labels is None:
            labels = jnp.arange(n, dtype=jnp.int32) % num_classes
        inputs = () if labels is None else (labels,)
        z = _latents(prior, keys)
        return views.averaged(GENERATOR)(z, *inputs, train=False)

    return sample
