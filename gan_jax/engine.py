"""The engine: turns a game into `init`, `step`, `sample` and `translate`.

`step` is pure and nothing inside is jitted, so `jit`, `shard_map`, `pmap`, `vmap` over
seeds and `scan` over steps apply to it for every method.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from gan_jax import prng, tracing, trees
from gan_jax.game import Aux, Batch, Game, Phase, Views, check_game, rounds, sample_of
from gan_jax.numerics import own_gradients
from gan_jax.players import average, init_player, live_params, make_views, move
from gan_jax.state import GameState
from gan_jax.types import Array, Key, Params, PyTree, Scalar

Metrics = dict[str, Scalar]


class Algorithm(NamedTuple):
    """A method, ready to run.

    Attributes:
        init: `(key) -> GameState`.
        step: `(state, batch) -> (state, metrics)`; batch leaves are (rounds, batch, ...),
            metrics are float32 scalars under names that never change.
        sample: `(state, key, n, labels=None) -> samples`, from the averages where kept.
        translate: `(state, key, images, direction) -> images`, likewise.
    """

    init: Callable[[Key], GameState]
    step: Callable[[GameState, Batch], tuple[GameState, Metrics]]
    sample: Callable[..., Any]
    translate: Callable[[GameState, Key, Array, str], Array]


class _Settings(NamedTuple):
    axis_name: str | None
    microbatches: int
    unroll: bool


def compile_game(
    game: Game,
    *,
    axis_name: str | None = None,
    microbatches: int = 1,
    unroll: bool = False,
) -> Algorithm:
    """Turns a game into an algorithm.

    Args:
        game: the method.
        axis_name: name of the mapped batch axis when `step` will run inside `shard_map` or
            `pmap`; None for `jit`, where every mean is global already.
        microbatches: each optimizer step accumulates the gradients of so many slices of its
            batch. Equal to one batch for losses that are means over independent examples;
            batch norm and losses that couple examples then work on slices. Statistics are
            averaged over slices, memory passes from slice to slice.
        unroll: whether repeats and micro-batches are unrolled rather than scanned, which
            compiles for longer. It pays on CPU where networks have convolutions of their
            own, not `gan_jax.nn`'s: XLA's gradients of these are slow inside loops.

    Raises:
        ValueError: the game contradicts itself.
    """
    check_game(game)
    if microbatches < 1:
        raise ValueError(f"microbatches must be at least 1, got {microbatches}")
    settings = _Settings(axis_name, microbatches, unroll)

    def init(key: Key) -> GameState:
        return _init(game, key)

    def step(state: GameState, batch: Batch) -> tuple[GameState, Metrics]:
        with tracing.batch_axis(axis_name):
            return _step(game, settings, state, batch)

    def sample(state: GameState, key: Key, n: int, labels: Array | None = None) -> Any:
        return sample_of(game)(_at_rest(game, state), prng.per_example(key, n), labels)

    def translate(state: GameState, key: Key, images: Array, direction: str) -> Array:
        way, n = game.directions[direction], images.shape[0]
        labels = () if way.label is None else (jnp.full((n,), way.label, jnp.int32),)
        net = _at_rest(game, state).averaged(way.net)
        made: Array = net(images, *labels, train=False, keys=prng.per_example(key, n))
        return made

    return Algorithm(init, step, sample, translate)


def _at_rest(game: Game, state: GameState) -> Views:
    return make_views(game, live_params(state), state, jnp.zeros((), jnp.float32))


def phase_losses(
    game: Game, phase: Phase, state: GameState, batch: Batch
) -> Callable[[Mapping[str, Params]], tuple[dict[str, Scalar], Aux]]:
    """What the movers of a phase minimise at a state, as a function of their parameters.

    For looking at a game (`gan_jax.analysis.dynamics`): the same losses, on the same draws,
    as the first turn of the phase in `Algorithm.step`, without moving anybody.

    Args:
        game: the method.
        phase: one of its phases.
        state: where to look.
        batch: leaves (rounds, batch, ...), of which the first round is used.

    Returns:
        `({mover: params}) -> ({mover: loss}, aux)`.
    """
    data = jax.tree.map(lambda leaf: leaf[0], batch)
    size = trees.batch_size(data)
    keys = prng.fold_rows(
        jax.random.fold_in(_phase_key(state, phase), 0), tracing.global_rows(size)
    )
    images = jnp.float32(size * tracing.batch_shards())
    return _losses_of(game, phase, state, data, keys, images)


# Initial state.


def _init(game: Game, key: Key) -> GameState:
    players = {
        name: init_player(game, name, player, key) for name, player in game.players.items()
    }
    memory = jax.tree.map(jnp.array, dict(game.memory))
    run_key = prng.fold_name(key, "run")
    return GameState(jnp.zeros((), jnp.int32), run_key, players, memory)


# One step.


def _step(
    game: Game, settings: _Settings, state: GameState, batch: Batch
) -> tuple[GameState, Metrics]:
    size = _check_batch(game, batch)
    images = jnp.float32(size * tracing.batch_shards())
    metrics: Metrics = {}
    before = state
    for phase in game.phases:
        with jax.named_scope(phase.name):
            state, values = _run_phase(game, settings, phase, state, batch, images)
        metrics |= {f"{phase.name}/{name}": value for name, value in values.items()}
    with jax.named_scope("ema"):
        players = {
            name: average(game.players[name], player, before.step, images)
            for name, player in state.players.items()
        }
    return state.replace(step=before.step + 1, players=players), metrics


def _check_batch(game: Game, batch: Batch) -> int:
    """Checks the leading axes of a batch, and gives the number of local examples."""
    shapes = {leaf.shape[:2] for leaf in jax.tree.leaves(batch)}
    if len(shapes) != 1 or len(next(iter(shapes))) != 2:
        raise ValueError(f"batch leaves must all start with (rounds, batch), got {shapes}")
    given, size = shapes.pop()
    if given != rounds(game):
        raise ValueError(
            f"the batch has {given} rounds of data, the game reads {rounds(game)}"
        )
    return size


def _run_phase(
    game: Game,
    settings: _Settings,
    phase: Phase,
    state: GameState,
    batch: Batch,
    images: Scalar,
) -> tuple[GameState, Metrics]:
    """All repeats of a phase, on the steps it runs."""
    key = _phase_key(state, phase)

    def once(state: GameState, turn: tuple[Array, Batch]) -> tuple[GameState, Metrics]:
        repeat, data = turn
        return _turn(
            game, settings, phase, state, data, jax.random.fold_in(key, repeat), images
        )

    def run(state: GameState) -> tuple[GameState, Metrics]:
        data = jax.tree.map(lambda leaf: leaf[: phase.repeat], batch)
        turns = (jnp.arange(phase.repeat), data)
        state, metrics = _loop(settings, once, state, turns, phase.repeat)
        return state, jax.tree.map(lambda m: jnp.mean(m, axis=0), metrics)

    if phase.every == 1:
        return run(state)
    return _lazily(phase, run, state)


def _phase_key(state: GameState, phase: Phase) -> Key:
    return prng.fold_name(jax.random.fold_in(state.key, state.step), phase.name)


def _lazily(
    phase: Phase, run: Callable[[GameState], tuple[GameState, Metrics]], state: GameState
) -> tuple[GameState, Metrics]:
    """Runs a lazy phase on its steps. On others its metrics are zero, and so is "ran", by
    which a mean over many steps is to be divided.
    """
    names = jax.eval_shape(run, state)[1]

    def skip(state: GameState) -> tuple[GameState, Metrics]:
        return state, {name: jnp.zeros((), jnp.float32) for name in names}

    due = state.step % phase.every == 0
    state, metrics = jax.lax.cond(due, run, skip, state)
    return state, metrics | {"ran": due.astype(jnp.float32)}


def _loop(
    settings: _Settings, body: Callable[..., Any], carry: PyTree, xs: PyTree, length: int
) -> tuple[Any, Any]:
    """`lax.scan`, or unrolled; a single turn is never a loop."""
    if not settings.unroll and length > 1:
        return jax.lax.scan(body, carry, xs, length=length)
    outs = []
    for i in range(length):
        carry, out = body(carry, jax.tree.map(lambda leaf, i=i: leaf[i], xs))
        outs.append(out)
    return carry, jax.tree.map(lambda *leaves: jnp.stack(leaves), *outs)


def _turn(
    game: Game,
    settings: _Settings,
    phase: Phase,
    state: GameState,
    batch: Batch,
    key: Key,
    images: Scalar,
) -> tuple[GameState, Metrics]:
    """One optimizer step of each mover."""
    players = dict(state.players)
    for name in phase.movers:
        moved = players[name]
        seen = tracing.whole(moved.params)
        transform = game.players[name].transform.update(seen, moved.transform)
        players[name] = moved.replace(transform=transform)
    state = state.replace(players=players)
    keys = prng.fold_rows(key, tracing.global_rows(trees.batch_size(batch)))
    grads, aux, metrics = _gradients(game, settings, phase, state, batch, keys, images)
    for name in phase.movers:
        players[name] = move(game.players[name], players[name], grads[name], aux)
        metrics |= _named(phase, name, "grad_norm", trees.global_norm(grads[name]))
    return state.replace(players=players, memory=state.memory | dict(aux.memory)), metrics


# Gradients.


def _gradients(
    game: Game,
    settings: _Settings,
    phase: Phase,
    state: GameState,
    batch: Batch,
    keys: Key,
    images: Scalar,
) -> tuple[dict[str, Params], Aux, Metrics]:
    """Gradients, statistics and memory over the whole batch: all shards and slices."""

    def over_slices(alike: PyTree, rows: PyTree) -> PyTree:
        state, images = alike
        return _reduced_gradients(game, settings, phase, state, images, rows)

    # A loop over slices must not hold XLA's own sums over devices, one at each turn.
    run = tracing.by_shard(over_slices) if settings.microbatches > 1 else over_slices
    grads, stats, memory, metrics = run((state, images), (batch, keys))
    return grads, Aux(stats, memory), metrics


def _reduced_gradients(
    game: Game,
    settings: _Settings,
    phase: Phase,
    state: GameState,
    images: Scalar,
    rows: tuple[Batch, Key],
) -> tuple[dict[str, Params], dict[str, PyTree], dict[str, PyTree], Metrics]:
    """The same as a tuple, from the rows of this shard.

    This is the only place that reduces gradients. Under `shard_map` parameters are made
    device-varying before differentiation: otherwise JAX sums their cotangents over the axis
    by itself, and a mean on top of that sum is wrong by the number of devices.
    """
    local = state.replace(
        players=tracing.varying(state.players), memory=tracing.varying(state.memory)
    )
    changed: set[str] = set()

    def evaluate(memory: PyTree, slice_: tuple[Batch, Key]) -> tuple[PyTree, PyTree]:
        grads, aux, metrics = _slice_gradients(
            game, phase, local.replace(memory=memory), *slice_, images
        )
        changed.update(aux.memory)
        return memory | dict(aux.memory), (grads, dict(aux.stats), metrics)

    if settings.microbatches == 1:
        memory, (grads, stats, metrics) = evaluate(local.memory, rows)
    else:
        memory, (grads, stats, metrics) = _mean_over_slices(
            settings, evaluate, local.memory, rows
        )
    kept = {name: memory[name] for name in sorted(changed)}
    return tracing.pmean((tracing.settled(grads), stats, kept, metrics))


def _slice_gradients(
    game: Game, phase: Phase, state: GameState, batch: Batch, keys: Key, images: Scalar
) -> tuple[dict[str, Params], Aux, Metrics]:
    """Gradient of each mover's loss in its own parameters, from one forward pass."""
    losses_of = _losses_of(game, phase, state, batch, keys, images)
    moving = {name: state.players[name].params for name in phase.movers}
    losses, pull, aux = jax.vjp(losses_of, moving, has_aux=True)
    grads = own_gradients(losses, pull)
    metrics: Metrics = {}
    for name, loss in losses.items():
        metrics |= _named(phase, name, "loss", loss / float(phase.every))
    return grads, aux, metrics | dict(aux.metrics) | dict(aux.terms)


def _losses_of(
    game: Game, phase: Phase, state: GameState, batch: Batch, keys: Key, images: Scalar
) -> Callable[[Mapping[str, Params]], tuple[dict[str, Scalar], Aux]]:
    """The losses of a phase as a function of its movers' parameters."""
    seen = state.step.astype(jnp.float32) * images

    def losses_of(moving: Mapping[str, Params]) -> tuple[dict[str, Scalar], Aux]:
        views = make_views(game, live_params(state) | dict(moving), state, seen)
        losses, aux = phase.objective(views, batch, keys, state.memory)
        _check_objective(game, phase, losses, aux)
        return {name: losses[name] * float(phase.every) for name in phase.movers}, aux

    return losses_of


def _check_objective(
    game: Game, phase: Phase, losses: Mapping[str, Scalar], aux: Aux
) -> None:
    if set(losses) != set(phase.movers):
        raise ValueError(
            f"phase {phase.name!r} must return losses for {sorted(phase.movers)}, "
            f"got {sorted(losses)}"
        )
    own = {net for mover in phase.movers for net in game.players[mover].nets}
    if not set(aux.stats) <= own:
        raise ValueError(
            f"phase {phase.name!r} returns statistics of {sorted(set(aux.stats) - own)}, "
            "whose owners do not move in it"
        )
    if not set(aux.memory) <= set(game.memory):
        unknown = sorted(set(aux.memory) - set(game.memory))
        raise ValueError(f"phase {phase.name!r} returns unknown memory entries {unknown}")


def _named(phase: Phase, mover: str, name: str, value: Scalar) -> Metrics:
    """A metric of one mover, qualified by its name where several move."""
    return {name if len(phase.movers) == 1 else f"{name}_{mover}": value}


def _mean_over_slices(
    settings: _Settings,
    evaluate: Callable[[PyTree, tuple[Batch, Key]], tuple[PyTree, PyTree]],
    memory: PyTree,
    rows: tuple[Batch, Key],
) -> tuple[PyTree, PyTree]:
    """The last memory, and the mean of what `evaluate` gives for each slice (of whole
    numbers the last), added up as it comes: one set of gradients is held, not one a slice.
    """
    count = settings.microbatches
    slices = _slices(rows, count)

    def add(total: Array, new: Array) -> Array:
        if not jnp.issubdtype(new.dtype, jnp.floating):
            return new
        return (total + new.astype(jnp.float32) / count).astype(new.dtype)

    def turn(carry: PyTree, slice_: tuple[Batch, Key]) -> tuple[PyTree, None]:
        memory, totals = carry
        memory, outs = evaluate(memory, slice_)
        return (memory, jax.tree.map(add, totals, outs)), None

    first = jax.tree.map(lambda leaf: leaf[0], slices)
    shapes = jax.eval_shape(evaluate, memory, first)[1]
    zeros = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), shapes)
    return _loop(settings, turn, (memory, tracing.varying(zeros)), slices, count)[0]


def _slices(rows: tuple[Batch, Key], count: int) -> tuple[Batch, Key]:
    """Rows in `count` slices, (count, rows / count, ...)."""
    size = trees.batch_size(rows)
    if size % count:
        raise ValueError(
            f"{size} examples per device cannot be split into {count} micro-batches; "
            "choose a number that divides them"
        )
    return jax.tree.map(lambda leaf: _interleave(leaf, count), rows)


def _interleave(leaf: Array, parts: int) -> Array:
    """(batch, ...) to (parts, batch / parts, ...), every parts-th row together: rows of a
    sharded batch then stay on their device.
    """
    split = leaf.reshape(leaf.shape[0] // parts, parts, *leaf.shape[1:])
    return jnp.swapaxes(split, 0, 1)
