"""The engine on games small enough to be computed by hand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax import Aux, Ema, Game, Net, Phase, Player, Stage, compile_game, ema_from_decay
from gan_jax.game import Direction, rounds, rounds_before, stage_at
from gan_jax.types import ParamTransform


def scalar_net(value: float) -> Net:
    """A net that multiplies by one parameter and counts its training passes."""

    def init(key):
        del key
        return {"w": jnp.float32(value)}, {"passes": jnp.float32(0.0)}

    def apply(params, stats, x, *, train):
        return params["w"] * x, {"passes": stats["passes"] + (1.0 if train else 0.0)}

    return Net(init, apply)


def mean_of(net):
    """An objective: the mean output of a net, keeping its statistics."""

    def objective(views, batch, keys, memory):
        del keys, memory
        out, stats = views[net].with_stats(batch)
        return {net: jnp.mean(out)}, Aux({net: stats}, metrics={"mean": jnp.mean(out)})

    return objective


def sample(views, keys, labels):
    del labels
    return views.averaged("a")(jnp.ones((keys.shape[0],)), train=False)


def game(phases, memory=None, **players):
    players = {"a": {}, "b": {}} | players
    made = {name: Player((name,), optax.sgd(0.1), **kw) for name, kw in players.items()}
    nets = {"a": scalar_net(1.0), "b": scalar_net(2.0)}
    return Game(nets, made, tuple(phases), sample, memory or {})


def run(played, data, steps=1, **options):
    algorithm = compile_game(played, **options)
    state, history = algorithm.init(jax.random.key(0)), []
    step = jax.jit(algorithm.step)
    for _ in range(steps):
        state, metrics = step(state, data)
        history.append(metrics)
    return state, history


def weight(state, player):
    return float(state.players[player].params[player]["w"])


def test_a_phase_moves_its_mover_by_its_gradient():
    data = jnp.array([[1.0, 2.0, 6.0]])
    state, (metrics,) = run(game([Phase("up", ("a",), mean_of("a"))]), data)
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 0.1 * 3.0, rtol=1e-6)
    assert weight(state, "b") == 2.0
    np.testing.assert_allclose(metrics["up/loss"], 3.0)
    np.testing.assert_allclose(metrics["up/mean"], 3.0)
    np.testing.assert_allclose(metrics["up/grad_norm"], 3.0, rtol=1e-6)
    assert float(state.players["a"].stats["a"]["passes"]) == 1.0
    assert float(state.players["b"].stats["b"]["passes"]) == 0.0


def test_repeats_read_one_round_each_and_report_means():
    data = jnp.array([[1.0], [3.0], [8.0]])
    state, (metrics,) = run(game([Phase("up", ("a",), mean_of("a"), repeat=3)]), data)
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 0.1 * 12.0, rtol=1e-6)
    # w is 1, 0.9, 0.6 when the rounds are read.
    np.testing.assert_allclose(metrics["up/mean"], (1.0 + 2.7 + 4.8) / 3.0, rtol=1e-6)
    assert float(state.players["a"].stats["a"]["passes"]) == 3.0


@pytest.mark.parametrize("unroll", [True, False])
def test_scanned_repeats_equal_unrolled_ones(unroll):
    data = jnp.arange(12.0).reshape(3, 4)
    played = game([Phase("up", ("a",), mean_of("a"), repeat=3)])
    state, _ = run(played, data, unroll=unroll)
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 0.1 * (1.5 + 5.5 + 9.5), rtol=1e-6)


def test_two_movers_share_a_forward_pass_but_not_a_loss():
    def objective(views, batch, keys, memory):
        del keys, memory
        out = views["b"](views["a"](batch))
        return {"a": jnp.mean(out), "b": -3.0 * jnp.mean(out)}, Aux()

    state, (metrics,) = run(game([Phase("both", ("a", "b"), objective)]), jnp.ones((1, 2)))
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 0.1 * 2.0, rtol=1e-6)
    np.testing.assert_allclose(weight(state, "b"), 2.0 + 0.1 * 3.0 * 1.0, rtol=1e-6)
    assert float(metrics["both/loss_a"]) == 2.0
    assert float(metrics["both/loss_b"]) == -6.0


def test_a_lazy_phase_runs_on_its_steps_with_its_loss_multiplied():
    played = game([Phase("lazy", ("a",), mean_of("a"), every=3)])
    state, history = run(played, jnp.ones((1, 2)), steps=7)
    # Steps 0, 3 and 6; each moves by 0.1 * 3.
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 3 * 0.3, atol=1e-6)
    assert [float(m["lazy/ran"]) for m in history] == [1, 0, 0, 1, 0, 0, 1]
    np.testing.assert_allclose(history[0]["lazy/loss"], 1.0, rtol=1e-6)
    np.testing.assert_allclose(history[3]["lazy/loss"], 0.7, rtol=1e-6)
    assert float(history[1]["lazy/loss"]) == 0.0


@pytest.mark.parametrize("unroll", [True, False])
def test_microbatches_accumulate_gradients_and_average_statistics(unroll):
    data = jnp.array([[1.0, 2.0, 3.0, 10.0]])
    played = game([Phase("up", ("a",), mean_of("a"))])
    state, (metrics,) = run(played, data, microbatches=2, unroll=unroll)
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 0.1 * 4.0, rtol=1e-6)
    np.testing.assert_allclose(metrics["up/loss"], 4.0, rtol=1e-6)
    assert float(state.players["a"].stats["a"]["passes"]) == 1.0


def test_microbatches_that_do_not_divide_are_refused():
    with pytest.raises(ValueError, match="4 examples per device cannot be split into 3"):
        run(game([Phase("up", ("a",), mean_of("a"))]), jnp.ones((1, 4)), microbatches=3)


def test_memory_passes_from_phase_to_phase_and_step_to_step():
    def objective(views, batch, keys, memory):
        del keys
        seen = memory["seen"] + jnp.sum(batch)
        return {"a": jnp.mean(views["a"](batch))}, Aux(memory={"seen": seen})

    phases = [Phase("one", ("a",), objective), Phase("two", ("a",), objective)]
    played = game(phases, memory={"seen": jnp.float32(5.0), "other": jnp.int32(7)})
    state, _ = run(played, jnp.full((1, 2), 1.5), steps=2)
    assert float(state.memory["seen"]) == 5.0 + 4 * 3.0
    assert int(state.memory["other"]) == 7


def test_averages_follow_the_half_life_from_their_start_on():
    played = game([Phase("up", ("a",), mean_of("a"))], a={"ema": Ema(8.0, start=4.0)})
    algorithm = compile_game(played)
    state = algorithm.init(jax.random.key(0))
    expected = 1.0
    for step in range(4):
        state, _ = algorithm.step(state, jnp.ones((1, 2)))
        decay = 0.5 ** (2 / 8) if (step + 1) * 2 > 4 else 0.0
        expected = decay * expected + (1 - decay) * (1.0 - 0.1 * (step + 1))
        average = state.players["a"].ema.params["a"]["w"]
        np.testing.assert_allclose(average, expected, rtol=1e-6)
    np.testing.assert_allclose(
        algorithm.sample(state, jax.random.key(0), 3), [expected] * 3, rtol=1e-6
    )


def test_the_ramp_shortens_early_half_lives():
    played = game([Phase("up", ("a",), mean_of("a"))], a={"ema": Ema(1e6, ramp=0.5)})
    state, _ = run(played, jnp.ones((1, 4)), steps=1)
    # 4 images seen, so the half-life is 2 images and the decay 1/4.
    expected = 0.25 * 1.0 + 0.75 * 0.9
    np.testing.assert_allclose(state.players["a"].ema.params["a"]["w"], expected, rtol=1e-6)


def test_ema_from_decay_multiplies_by_the_decay_each_step():
    ema = ema_from_decay(0.9, 2, start_step=3)
    assert ema.start == 6.0
    np.testing.assert_allclose(0.5 ** (2 / ema.half_life), 0.9, rtol=1e-12)
    with pytest.raises(ValueError, match="between 0 and 1"):
        ema_from_decay(1.0, 2)


def test_a_transform_advances_once_per_optimizer_step_of_its_player():
    counting = ParamTransform(
        init=lambda params, key: jnp.int32(0),
        update=lambda params, count: count + 1,
        apply=lambda params, count: jax.tree.map(lambda w: 2.0 * w, params),
    )
    phases = [
        Phase("up", ("a",), mean_of("a"), repeat=2),
        Phase("other", ("b",), mean_of("b")),
    ]
    state, _ = run(game(phases, a={"transform": counting}), jnp.ones((2, 2)))
    assert int(state.players["a"].transform) == 2
    # The net sees 2 w, so the gradient in w is 2.
    np.testing.assert_allclose(weight(state, "a"), 1.0 - 2 * 0.2, rtol=1e-6)


def test_draws_depend_on_the_example_and_not_on_batches_or_other_phases():
    def objective(views, batch, keys, memory):
        noise = jax.vmap(lambda key: jax.random.normal(key))(keys)
        return {"a": jnp.mean(views["a"](batch * noise))}, Aux(metrics={"x": noise[1]})

    phase = Phase("noisy", ("a",), objective)
    data = jnp.ones((1, 4))
    _, (alone,) = run(game([phase]), data)
    _, (after,) = run(game([Phase("up", ("b",), mean_of("b")), phase]), data)
    assert float(alone["noisy/x"]) == float(after["noisy/x"])
    first, _ = run(game([phase]), data)
    sliced, _ = run(game([phase]), data, microbatches=2)
    np.testing.assert_allclose(weight(first, "a"), weight(sliced, "a"), rtol=1e-6)
    _, two = run(game([phase]), data, steps=2)
    assert float(two[0]["noisy/x"]) != float(two[1]["noisy/x"])


def test_phases_are_named_in_the_program():
    algorithm = compile_game(game([Phase("my_phase", ("a",), mean_of("a"))]))
    state = algorithm.init(jax.random.key(0))
    lowered = jax.jit(algorithm.step).lower(state, jnp.ones((1, 2)))
    assert "my_phase" in lowered.as_text(debug_info=True)


def test_programs_know_stages_and_data_positions():
    short = game([Phase("up", ("a",), mean_of("a"))])
    long = game([Phase("up", ("a",), mean_of("a"), repeat=5)])
    program = (Stage(10, long), Stage(12, short), Stage(None, long))
    assert (rounds(short), rounds(long)) == (1, 5)
    assert [stage_at(program, step) for step in (0, 9, 10, 11, 12, 99)] == [
        0,
        0,
        1,
        1,
        2,
        2,
    ]
    assert [rounds_before(program, s) for s in (0, 3, 10, 11, 12, 14)] == [
        0, 15, 50, 51, 52, 62,
    ]  # fmt: skip
    with pytest.raises(ValueError, match="the program ends at step 10"):
        stage_at((Stage(10, long),), 10)


def bad_games():
    up = Phase("up", ("a",), mean_of("a"))
    whole = game([up])
    twice = whole.players | {"c": Player(("a",), optax.sgd(0.1))}
    spectator = whole.players | {"a": Player(("a",), None)}
    yield whole._replace(players={"a": whole.players["a"]}), "'b' has 0 owners"
    yield whole._replace(players=twice), "'a' has 2 owners"
    yield whole._replace(phases=(up, up)), "distinct names"
    yield whole._replace(phases=()), "at least one phase"
    yield game([up._replace(movers=("z",))]), "'z', who is not a player"
    yield game([up._replace(movers=())]), "moves nobody"
    yield game([up._replace(repeat=0)]), "repeat and every must be at least 1"
    yield whole._replace(players=spectator), "moves the spectator 'a'"
    yield whole._replace(sample=None), "needs samples or directions"
    nowhere = {"up": Direction("z", lambda batch: batch)}
    yield whole._replace(directions=nowhere), "direction 'up' is of 'z', which is no net"


@pytest.mark.parametrize(("played", "message"), bad_games())
def test_games_that_contradict_themselves_are_refused(played, message):
    with pytest.raises(ValueError, match=message):
        compile_game(played)


def bad_objectives():
    losses = {"a": jnp.float32(0.0)}
    yield lambda v, b, k, m: ({"b": jnp.float32(0.0)}, Aux()), "must return losses for"
    yield lambda v, b, k, m: (losses, Aux({"b": {}})), "whose owners do not move in it"
    yield lambda v, b, k, m: (losses, Aux(memory={"x": 1})), "unknown memory entries"


@pytest.mark.parametrize(("objective", "message"), bad_objectives())
def test_objectives_that_return_what_is_not_theirs_are_refused(objective, message):
    with pytest.raises(ValueError, match=message):
        run(game([Phase("up", ("a",), objective)]), jnp.ones((1, 2)))


def test_batches_of_the_wrong_shape_are_refused():
    played = game([Phase("up", ("a",), mean_of("a"), repeat=2)])
    with pytest.raises(ValueError, match="1 rounds of data, the game reads 2"):
        run(played, jnp.ones((1, 2)))
    with pytest.raises(ValueError, match="must all start with"):
        run(played, {"x": jnp.ones((2, 2)), "y": jnp.ones((2, 3))})
