"""The ways to run a step, on an algorithm whose every number is known."""

import pathlib
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import parallel, tracing
from gan_jax.launch import launch

ROWS, ROUNDS = 16, 2
ROOT = pathlib.Path(__file__).parent.parent.parent
MAKERS = {
    "jit": parallel.jit_step,
    "shard_map": parallel.shard_map_step,
    "pmap": parallel.pmap_step,
}


class Descent:
    """Least squares by gradient descent: loss = mean over rows of (x w + b - y)^2 / 2."""

    def __init__(self, axis_name=None):
        self.axis_name = axis_name

    @staticmethod
    def init(key):
        return {
            "w": jax.random.normal(key, (3, 8)),
            "b": jnp.zeros((8,)),
            "key": key,
            "step": jnp.int32(0),
        }

    def step(self, state, batch):
        with tracing.batch_axis(self.axis_name):
            params = {"w": state["w"], "b": state["b"]}
            losses = []
            for i in range(ROUNDS):
                loss, grads = jax.value_and_grad(_loss)(
                    tracing.varying(params), batch["x"][i], batch["y"][i]
                )
                loss, grads = tracing.pmean((loss, grads))
                params = jax.tree.map(lambda p, g: p - 0.1 * g, params, grads)
                losses.append(loss)
        state = state | params | {"step": state["step"] + 1}
        return state, {"first": losses[0], "last": losses[1]}


def _loss(params, x, y):
    predicted = x @ params["w"] + params["b"][None, :]
    return 0.5 * jnp.mean(jnp.sum((predicted - y) ** 2, axis=-1))


def data_of(steps=1):
    rng = np.random.default_rng(0)
    shape = (steps * ROUNDS, ROWS)
    return {
        "x": rng.normal(size=(*shape, 3)).astype(np.float32),
        "y": rng.normal(size=(*shape, 8)).astype(np.float32),
    }


def _reference(state, data):
    """The same in numpy, float64."""
    w, b = np.asarray(state["w"], np.float64), np.asarray(state["b"], np.float64)
    losses = []
    for x, y in zip(
        data["x"].astype(np.float64), data["y"].astype(np.float64), strict=True
    ):
        error = x @ w + b - y
        losses.append(0.5 * np.mean(np.sum(error**2, axis=-1)))
        w, b = w - 0.1 * x.T @ error / len(x), b - 0.1 * error.mean(axis=0)
    return w, b, losses


def run(mode, mesh, data, shardings=None, **options):
    algorithm = Descent(None if mode == "jit" else parallel.DATA_AXIS)
    placed = () if shardings is None else (shardings,)
    state = parallel.init_state(algorithm, jax.random.key(1), mesh, *placed)
    step = MAKERS[mode](algorithm, mesh, *placed, **options)
    rows = parallel.process_rows(mesh, ROWS)
    own = {name: leaf[:, rows] for name, leaf in data.items()}
    return parallel.to_host(step(state, parallel.shard_batch(mesh, own)))


def assert_is_reference(state, data):
    w, b, _ = _reference(Descent.init(jax.random.key(1)), data)
    np.testing.assert_allclose(state["w"], w, rtol=0, atol=2e-6)
    np.testing.assert_allclose(state["b"], b, rtol=0, atol=2e-6)


@pytest.mark.parametrize("mode", MAKERS)
@pytest.mark.parametrize("devices", [1, 8])
def test_every_mode_is_exact(mode, devices):
    state, metrics = run(mode, parallel.make_mesh(shape={"data": devices}), data_of())
    assert_is_reference(state, data_of())
    _, _, losses = _reference(Descent.init(jax.random.key(1)), data_of())
    np.testing.assert_allclose([metrics["first"], metrics["last"]], losses, rtol=2e-6)
    assert state["step"] == 1
    assert state["key"] == jax.random.key(1)


@pytest.mark.parametrize("mode", MAKERS)
@pytest.mark.parametrize(("count", "unroll"), [(3, 1), (10, 1), (4, 3)])
def test_many_steps_per_call(mode, count, unroll):
    data = data_of(count)
    state, metrics = run(
        mode, parallel.make_mesh(), data, steps_per_call=count, unroll=unroll
    )
    assert_is_reference(state, data)
    _, _, losses = _reference(Descent.init(jax.random.key(1)), data)
    np.testing.assert_allclose(metrics["first"], np.mean(losses[0::2]), rtol=2e-6)
    np.testing.assert_allclose(metrics["last"], np.mean(losses[1::2]), rtol=2e-6)
    assert state["step"] == count


@pytest.mark.parametrize(
    "shape",
    [{"data": 8}, {"data": 2, "fsdp": 4}, {"data": 4, "model": 2}],
    ids=lambda shape: "-".join(shape),
)
def test_sharded_states_give_the_same_numbers(shape):
    mesh = parallel.make_mesh(shape=shape)
    rules = [parallel.fsdp(min_elements=1)]
    if "model" in shape:
        rules = [parallel.Rule("w", lambda mesh, shape: P(None, "model"))]
    abstract = jax.eval_shape(Descent.init, jax.random.key(1))
    shardings = parallel.state_shardings(mesh, abstract, rules)
    assert not shardings["w"].is_fully_replicated
    state, _ = run("jit", mesh, data_of(), shardings)
    assert_is_reference(state, data_of())


def test_shardings_are_a_fixed_point():
    mesh = parallel.make_mesh()
    abstract = jax.eval_shape(Descent.init, jax.random.key(1))
    rules = [parallel.fsdp(min_elements=1)]
    shardings = parallel.state_shardings(mesh, abstract, rules)
    traces = []

    class Counted(Descent):
        def step(self, state, batch):
            traces.append(1)
            return super().step(state, batch)

    step = parallel.jit_step(Counted(), mesh, shardings)
    state = parallel.init_state(Counted(), jax.random.key(1), mesh, shardings)
    batch = parallel.shard_batch(mesh, data_of())
    for _ in range(3):
        state, metrics = step(state, batch)
        assert jax.tree.map(lambda x: x.sharding, state) == shardings
        assert all(m.sharding.is_fully_replicated for m in metrics.values())
    assert len(traces) == 1


@pytest.mark.parametrize("mode", ["jit", "shard_map"])
@pytest.mark.parametrize("donate", [True, False])
def test_donation_consumes_the_old_state(mode, donate):
    mesh = parallel.make_mesh()
    algorithm = Descent(None if mode == "jit" else parallel.DATA_AXIS)
    state = parallel.init_state(algorithm, jax.random.key(1), mesh)
    step = MAKERS[mode](algorithm, mesh, donate=donate)
    step(state, parallel.shard_batch(mesh, data_of()))
    assert state["w"].is_deleted() == donate


@pytest.mark.parametrize("donate", [True, False])
def test_pmap_spares_the_callers_state(donate):
    mesh = parallel.make_mesh()
    algorithm = Descent(parallel.DATA_AXIS)
    state = parallel.init_state(algorithm, jax.random.key(1), mesh)
    before = parallel.to_host(state)
    step = parallel.pmap_step(algorithm, mesh, donate=donate)
    after, _ = step(state, parallel.shard_batch(mesh, data_of()))
    np.testing.assert_array_equal(np.asarray(state["w"]), before["w"])
    jitted, _ = parallel.jit_step(Descent(), mesh)(
        after, parallel.shard_batch(mesh, data_of())
    )
    assert int(jitted["step"]) == 2


@pytest.mark.parametrize("mode", ["shard_map", "pmap"])
def test_explicit_modes_refuse_further_axes(mode):
    mesh = parallel.make_mesh(shape={"data": 2, "fsdp": 4})
    with pytest.raises(ValueError, match="needs a mesh of the axis 'data' alone"):
        MAKERS[mode](Descent(parallel.DATA_AXIS), mesh)


@pytest.mark.parametrize("options", [{"steps_per_call": 0}, {"unroll": 0}])
@pytest.mark.parametrize("mode", MAKERS)
def test_counts_below_one_are_refused(mode, options):
    with pytest.raises(ValueError, match="steps_per_call and unroll must be at least 1"):
        MAKERS[mode](Descent(), parallel.make_mesh(), **options)


def test_rounds_must_make_whole_steps():
    mesh = parallel.make_mesh()
    step = parallel.jit_step(Descent(), mesh, steps_per_call=3)
    state = parallel.init_state(Descent(), jax.random.key(1), mesh)
    with pytest.raises(ValueError, match="2 rounds, which do not make 3 equal steps"):
        step(state, parallel.shard_batch(mesh, data_of()))


def test_the_step_is_traced_for_the_platform_of_the_mesh():
    seen = []

    class Spy:
        @staticmethod
        def step(state, batch):
            seen.append(tracing.current_platform())
            return state, {}

    class Device:
        platform = "tpu"

    class Mesh:
        devices = np.array([Device()])

    from gan_jax.parallel import steps

    for mesh in (Mesh, parallel.make_mesh()):
        steps.several_steps(Spy, mesh, 1, 1)(None, None)
    assert seen == ["tpu", "cpu"]


def test_two_processes_are_exact_in_every_mode(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    worker = [sys.executable, str(ROOT / "tests/workers/descend.py"), str(tmp_path)]
    assert launch(worker, 2, devices_per_process=2, max_restarts=0) == 0
    for name in (*MAKERS, "fsdp"):
        with np.load(tmp_path / f"{name}.npz", allow_pickle=False) as state:
            assert_is_reference(state, data_of())
            assert state["step"] == 1
