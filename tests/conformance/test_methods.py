"""Every method has every property that the engine promises."""

from __future__ import annotations

from functools import lru_cache

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from cases import BATCH, CASES, batch, example_shape, published_recipe, tiny, with_sgd

from gan_jax import compile_game, penalties, tracing, trees
from gan_jax.checkpoint import Checkpointer
from gan_jax.methods import METHODS
from gan_jax.methods.two_player import DISCRIMINATOR, GENERATOR
from gan_jax.parallel import (
    DATA_AXIS,
    init_state,
    jit_step,
    make_mesh,
    pmap_step,
    shard_batch,
    shard_map_step,
)
from gan_jax.types import InputGradientPenalty

NAMES = sorted(METHODS)


def in_modes() -> list:
    """All methods; under "slow" those whose networks another row covers already."""
    slow = {name: pytest.mark.slow if CASES[name].like else () for name in NAMES}
    return [pytest.param(name, marks=slow[name]) for name in NAMES]


methods = pytest.mark.parametrize("name", NAMES)
in_all_modes = pytest.mark.parametrize("name", in_modes())


@pytest.fixture(autouse=True)
def accelerator():
    """What is traced here takes the formulations of GPUs and TPUs: native convolutions and
    scanned repeats, which also compile faster. Steps made by `gan_jax.parallel` declare
    their own platform, so that the two are compared with each other."""
    with tracing.platform("gpu"):
        yield


def raw(tree):
    """Typed keys as their data, so that leaves compare as arrays."""

    def one(leaf):
        is_key = jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    return jax.tree.map(one, tree)


def assert_close(actual, expected, rtol=2e-4, atol=2e-6):
    chex.assert_trees_all_close(raw(actual), raw(expected), rtol=rtol, atol=atol)


def assert_same(actual, expected):
    chex.assert_trees_all_equal(raw(actual), raw(expected))


@lru_cache(maxsize=1)
def adam_run(name):
    """Algorithm, jitted step with its trace count, and the states of three steps."""
    # Thousands of compiled programs in one process are more memory maps than it may have.
    jax.clear_caches()
    game = tiny(name)
    algorithm = compile_game(game)
    traces = []

    def counted(state, data):
        traces.append(1)
        return algorithm.step(state, data)

    step = jax.jit(counted)
    states = [algorithm.init(jax.random.key(0))]
    metrics = []
    for seed in range(3):
        state, values = step(states[-1], batch(name, game, seed))
        states.append(state)
        metrics.append(values)
    return algorithm, step, states, metrics, len(traces)


@lru_cache(maxsize=1)
def sgd_run(name):
    """The tiny method with SGD: game, data, a step on one device, and its donated state."""
    game = with_sgd(name)
    algorithm = compile_game(game)
    mesh = make_mesh(jax.devices()[:1])
    data = batch(name, game)
    step = jit_step(algorithm, mesh, donate=True)
    state = init_state(algorithm, jax.random.key(0), mesh)
    return game, data, step(state, shard_batch(mesh, data)), state


@pytest.mark.parametrize("name", NAMES)
def test_every_method_has_a_case(name):
    assert name in CASES


@methods
def test_state_is_a_fixed_point_and_traced_once(name):
    _, _, states, metrics, traces = adam_run(name)
    assert traces == 1
    for state in states[1:]:
        chex.assert_trees_all_equal_structs(state, states[0])
        chex.assert_trees_all_equal_shapes_and_dtypes(state, states[0])
    assert int(states[3].step) == 3
    for values in metrics:
        assert set(values) == set(metrics[0])
        assert all(v.dtype == jnp.float32 and v.shape == () for v in values.values())
        assert all(np.isfinite(v) for v in values.values())


@methods
def test_every_player_moves_and_its_average_follows(name):
    _, _, states, _, _ = adam_run(name)
    before, after = states[2].players, states[3].players
    movers = {mover for phase in tiny(name).phases for mover in phase.movers}
    assert GENERATOR in movers
    for player in movers:
        change = jax.tree.map(jnp.subtract, after[player].params, before[player].params)
        assert float(trees.global_norm(change)) > 0.0
    decay = 0.5 ** (BATCH / 50.0)
    expected = jax.tree.map(
        lambda old, new: decay * old + (1.0 - decay) * new,
        before[GENERATOR].ema.params,
        after[GENERATOR].params,
    )
    assert_close(after[GENERATOR].ema.params, expected, rtol=1e-4)


@in_all_modes
def test_eager_equals_jit(name):
    game, data, (expected, expected_metrics), _ = sgd_run(name)
    algorithm = compile_game(game)
    eager, eager_metrics = algorithm.step(algorithm.init(jax.random.key(0)), data)
    assert_close(eager, expected)
    assert_close(eager_metrics, expected_metrics)


@in_all_modes
def test_scan_of_steps_equals_calls(name):
    algorithm, _, states, _, _ = adam_run(name)
    game = tiny(name)
    data = [batch(name, game, seed) for seed in range(3)]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *data)
    final, _ = jax.jit(lambda s, d: jax.lax.scan(algorithm.step, s, d))(states[0], stacked)
    # Adam divides rounding noise by itself where gradients vanish, as of a bias before an
    # instance norm: three steps of 2e-4 in one direction or the other.
    for player, end in states[3].players.items():
        assert_close(final.players[player].params, end.params, atol=1.3e-3)
    assert int(final.step) == 3


@in_all_modes
def test_vmap_over_seeds_equals_loop(name):
    game = with_sgd(name)
    algorithm = compile_game(game)
    keys = jax.random.split(jax.random.key(5), 2)
    singles = [algorithm.init(key) for key in keys]
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *singles)
    data = batch(name, game)
    many, _ = jax.jit(jax.vmap(algorithm.step, (0, None)))(stacked, data)
    one = jax.jit(algorithm.step)
    loop = [one(state, data)[0] for state in singles]
    assert_close(many, jax.tree.map(lambda *leaves: jnp.stack(leaves), *loop))


@in_all_modes
@pytest.mark.parametrize("mode", ["jit", "shard_map", "pmap"])
def test_eight_devices_equal_one(name, mode):
    game, data, (expected, expected_metrics), _ = sgd_run(name)
    mesh = make_mesh()
    assert mesh.size == 8
    algorithm = compile_game(game, axis_name=None if mode == "jit" else DATA_AXIS)
    make = {"jit": jit_step, "shard_map": shard_map_step, "pmap": pmap_step}[mode]
    step = make(algorithm, mesh, donate=False)
    state = init_state(algorithm, jax.random.key(0), mesh)
    actual, metrics = step(state, shard_batch(mesh, data))
    for before, after in zip(jax.tree.leaves(state), jax.tree.leaves(actual), strict=True):
        assert after.sharding.is_equivalent_to(before.sharding, before.ndim)
    assert_close(actual, expected)
    assert_close(metrics, expected_metrics)


@pytest.mark.parametrize("name", [name for name in NAMES if not CASES[name].couples])
def test_microbatches_equal_one_batch_where_examples_are_independent(name):
    game, data, (expected, expected_metrics), _ = sgd_run(name)
    for unroll in (True, False):
        algorithm = compile_game(game, microbatches=4, unroll=unroll)
        actual, metrics = jax.jit(algorithm.step)(algorithm.init(jax.random.key(0)), data)
        assert_close(actual.players, expected.players)
        assert_close(metrics, expected_metrics)


@in_all_modes
def test_players_that_do_not_move_are_untouched(name):
    game = with_sgd(name)
    for movers in dict.fromkeys(phase.movers for phase in game.phases):
        phases = tuple(p._replace(repeat=1) for p in game.phases if p.movers == movers)
        algorithm = compile_game(game._replace(phases=phases))
        state = algorithm.init(jax.random.key(0))
        data = jax.tree.map(lambda leaf: leaf[:1], batch(name, game))
        after, _ = jax.jit(algorithm.step)(state, data)
        for player in set(game.players) - set(movers):
            kept, now = state.players[player], after.players[player]
            assert_same(now.replace(ema=()), kept.replace(ema=()))


@in_all_modes
def test_donation_is_accepted(name):
    assert all(leaf.is_deleted() for leaf in jax.tree.leaves(sgd_run(name)[3].players))


@methods
def test_restored_runs_go_on_bit_for_bit(name, tmp_path):
    _, step, states, _, _ = adam_run(name)
    with Checkpointer(tmp_path / "checkpoints") as checkpoints:
        checkpoints.save(2, states[2], position=2, wait=True)
        restored = checkpoints.restore(jax.eval_shape(lambda: states[2]))
    assert restored is not None
    assert_same(restored.state, states[2])
    again, _ = step(restored.state, batch(name, tiny(name), seed=2))
    assert_same(again, states[3])


@methods
def test_samples(name):
    algorithm, _, states, _, _ = adam_run(name)
    shape = example_shape(CASES[name].options["image_shape"])
    key = jax.random.key(3)
    if tiny(name).sample is None:
        pytest.skip("it makes images of images")
    first = algorithm.sample(states[3], key, 5)
    if CASES[name].abreast > 1:
        shape = (shape[0], CASES[name].abreast * shape[1], shape[2])
    assert first.shape == (5, *shape)
    np.testing.assert_array_equal(first, algorithm.sample(states[3], key, 5))
    np.testing.assert_allclose(
        algorithm.sample(states[3], key, 3), first[:3], rtol=1e-5, atol=1e-6
    )
    if len(shape) == 3 and CASES[name].squashed:
        assert float(jnp.max(jnp.abs(first))) <= 1.0


@pytest.mark.parametrize("name", [name for name in NAMES if tiny(name).directions])
def test_images_of_images(name):
    algorithm, _, states, _, _ = adam_run(name)
    game, key = tiny(name), jax.random.key(3)
    data = jax.tree.map(lambda leaf: leaf[0], batch(name, game))
    for way, direction in game.directions.items():
        given = direction.given(data)
        first = algorithm.translate(states[3], key, given, way)
        height, width = (direction.scale * side for side in given.shape[1:3])
        assert first.shape[:3] == (len(given), height, width)
        if direction.truth is not None:
            assert first.shape == direction.truth(data).shape
        np.testing.assert_array_equal(
            first, algorithm.translate(states[3], key, given, way)
        )
        np.testing.assert_allclose(
            algorithm.translate(states[3], key, given[:3], way), first[:3], atol=1e-5
        )
        assert float(jnp.max(jnp.abs(first))) <= 1.0


def penalised(name):
    """Whether the method has a penalty on input gradients."""
    terms = published_recipe(name).d_terms.values()
    return any(isinstance(term.term, InputGradientPenalty) for term in terms)


@pytest.mark.parametrize("name", filter(penalised, NAMES))
def test_gradient_penalties_meet_critics_that_keep_examples_apart(name):
    _, _, states, _, _ = adam_run(name)
    game = tiny(name)
    player = states[3].players[DISCRIMINATOR]
    seen = game.players[DISCRIMINATOR].transform.apply(player.params, player.transform)
    net = game.nets[DISCRIMINATOR]

    def critic(x):
        return net.apply(seen[DISCRIMINATOR], player.stats[DISCRIMINATOR], x, train=True)[0]

    penalties.assert_per_example(critic, batch(name, game)["image"][0])


@methods
def test_a_mistyped_keyword_raises(name):
    with pytest.raises(TypeError, match="unexpected keyword argument 'widht'"):
        METHODS[name](**CASES[name].options, widht=3)
