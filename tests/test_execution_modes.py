"""One game, the same numbers: on one device, on eight in every mode, and in two processes.

The game has what goes wrong when devices are added: batch norm, whose moments must be
global; a gradient penalty with noise per example; spectral norm; a relativistic loss, which
couples all examples; a lazy phase; two critic steps; an average. The optimizer is SGD: Adam
would hide gradients that are wrong by a factor.
"""

import functools
import pathlib
import re
import sys

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax import linen

import gan_jax as gj
from gan_jax import parallel
from gan_jax.launch import launch
from gan_jax.parallel import DATA_AXIS
from gan_jax.plan import hlo
from gan_jax.plan.work import message

BATCH, STEPS = 16, 3
ROOT = pathlib.Path(__file__).parent.parent


def _relative(above, below):
    """Relativistic average loss (1807.00734): each side against the other's global mean."""
    lead = jnp.mean(jax.nn.softplus(jnp.mean(below, keepdims=True) - above))
    return lead + jnp.mean(jax.nn.softplus(below - jnp.mean(above, keepdims=True)))


RELATIVISTIC = gj.AdversarialLoss(
    discriminator=_relative, generator=lambda real, fake: _relative(fake, real)
)


class _Generator(linen.Module):
    """Smooth everywhere: at the kink of a ReLU, rounding decides about a gradient."""

    norm: bool

    @linen.compact
    def __call__(self, z, *, train=False):
        h = gj.nn.Dense(2 * 2 * 8, name="project")(z).reshape(-1, 2, 2, 8)
        if self.norm:
            h = gj.nn.BatchNorm(name="norm")(h, train=train)
        h = jax.nn.swish(h)
        return jnp.tanh(gj.nn.ConvTranspose(1, kernel_size=(4, 4), name="conv")(h))


class _Discriminator(linen.Module):
    @linen.compact
    def __call__(self, x, *, train=False):
        conv = gj.nn.Conv(8, kernel_size=(3, 3), strides=(2, 2), name="conv")
        h = jax.nn.swish(conv(x))
        return gj.nn.Dense(1, name="logit")(h.reshape(h.shape[0], -1))[:, 0]


def game(norm=True, loss=RELATIVISTIC):
    """The game, on 4 x 4 images. Without norm and with another loss, examples are apart."""
    return gj.methods.two_player(
        generator=gj.nn.from_linen(_Generator(norm), (4,)),
        discriminator=gj.nn.from_linen(_Discriminator(), (4, 4, 1)),
        prior=gj.priors.normal(4),
        loss=loss,
        g_tx=optax.sgd(0.1),
        d_tx=optax.sgd(0.1),
        d_transform=gj.transforms.spectral_norm(),
        g_ema=gj.Ema(100.0),
        d_terms={"gp": gj.methods.Weighted(1.0, gj.penalties.gradient_penalty(), every=2)},
        d_steps=2,
    )


def data(step):
    """Host data of a step, both rounds, (2, BATCH, 4, 4, 1) uint8."""
    rng = np.random.default_rng(step)
    return {"image": rng.integers(0, 256, (2, BATCH, 4, 4, 1), np.uint8)}


def play(played, mode, mesh, rules=(), microbatches=1):
    """State and metrics after STEPS steps, on the host."""
    axis = None if mode == "jit" else DATA_AXIS
    algorithm = gj.compile_game(
        played, axis_name=axis, microbatches=microbatches, unroll=False
    )
    key = jax.random.key(7)
    if mode == "jit":
        shardings = parallel.state_shardings(
            mesh, jax.eval_shape(algorithm.init, key), rules
        )
        state = parallel.init_state(algorithm, key, mesh, shardings)
        step = parallel.jit_step(algorithm, mesh, shardings)
    else:
        make = {"shard_map": parallel.shard_map_step, "pmap": parallel.pmap_step}[mode]
        state, step = parallel.init_state(algorithm, key, mesh), make(algorithm, mesh)
    rows = parallel.process_rows(mesh, BATCH)
    batches = ({"image": data(i)["image"][:, rows]} for i in range(STEPS))
    for batch in parallel.prefetch_to_device(batches, mesh):
        state, metrics = step(state, batch)
    return parallel.to_host((state, metrics))


def flat(tree):
    """Leaves by path, without the key."""
    leaves = gj.trees.leaves_with_path(tree)
    return {path: np.asarray(leaf) for path, leaf in leaves if not path.endswith("key")}


def assert_equal_numbers(actual, expected):
    """Equal to 1e-6 of each leaf's largest element, or of 0.1 for a leaf below that."""
    actual, expected = flat(actual), flat(expected)
    assert actual.keys() == expected.keys()
    for path, leaf in expected.items():
        scale = max(float(np.max(np.abs(leaf))), 0.1)
        np.testing.assert_allclose(
            actual[path], leaf, rtol=0, atol=1e-6 * scale, err_msg=path
        )


@functools.cache
def on_one_device():
    return play(game(), "jit", parallel.make_mesh(shape={"data": 1}))


def test_the_game_moves_far_enough_to_tell():
    """Kernels move by 10,000 tolerances: a gradient wrong by a factor would show."""
    before = gj.compile_game(game()).init(jax.random.key(7))
    state, metrics = on_one_device()
    assert metrics["disc_gp/ran"] == 1.0
    for name, player in state.players.items():
        for path, leaf in gj.trees.leaves_with_path(player.params):
            if not path.endswith("kernel"):
                continue
            old = dict(gj.trees.leaves_with_path(before.players[name].params))[path]
            assert np.max(np.abs(leaf - old)) > 1e-2 * np.max(np.abs(leaf)), path


@pytest.mark.parametrize("mode", ["jit", "shard_map", "pmap"])
def test_eight_devices_in_every_mode_equal_one(mode):
    assert_equal_numbers(play(game(), mode, parallel.make_mesh()), on_one_device())


@pytest.mark.parametrize(
    ("shape", "sharded"),
    [({"data": 8}, "data"), ({"data": 2, "fsdp": 4}, "fsdp")],
    ids=["over_data", "over_fsdp"],
)
def test_sharded_states_equal_replicated_ones(shape, sharded):
    mesh = parallel.make_mesh(shape=shape)
    rules = [parallel.fsdp(min_elements=64)]
    algorithm = gj.compile_game(game())
    abstract = jax.eval_shape(algorithm.init, jax.random.key(7))
    shardings = gj.trees.leaves_with_path(parallel.state_shardings(mesh, abstract, rules))
    split = {path for path, sharding in shardings if sharded in sharding.spec}
    kernel = "generator/conv/kernel"
    assert {
        f"players/generator/{kind}/{kernel}" for kind in ("params", "ema/params")
    } <= split
    assert_equal_numbers(play(game(), "jit", mesh, rules), on_one_device())


def test_microbatches_on_eight_devices_equal_one_batch_on_one():
    independent = game(norm=False, loss=gj.losses.non_saturating)
    expected = play(independent, "jit", parallel.make_mesh(shape={"data": 1}))
    actual = play(independent, "jit", parallel.make_mesh(), microbatches=2)
    assert_equal_numbers(actual, expected)


@functools.cache
def in_slices_on_one_device():
    return play(game(), "jit", parallel.make_mesh(shape={"data": 1}), microbatches=2)


@pytest.mark.parametrize("mode", ["jit", "shard_map"])
def test_coupled_microbatches_are_global_slices(mode):
    """Batch norm and the relativistic loss see a slice of the whole batch, not a device's
    part of it.
    """
    expected = in_slices_on_one_device()
    assert_equal_numbers(play(game(), mode, parallel.make_mesh(), (), 2), expected)


def test_coupled_microbatches_of_a_sharded_state():
    mesh = parallel.make_mesh(shape={"data": 2, "fsdp": 4})
    rules = (parallel.fsdp(min_elements=16),)
    actual = play(game(), "jit", mesh, rules, microbatches=2)
    assert_equal_numbers(actual, in_slices_on_one_device())


@pytest.mark.parametrize("mode", ["jit", "shard_map"])
def test_microbatches_hold_one_set_of_gradients_and_reduce_it_once(mode):
    """Two critic steps, a lazy phase and the generator's: four sums over the devices, each
    of one set of gradients with a few metrics, none of them inside the loop over slices.
    """
    algorithm = gj.compile_game(
        game(norm=False, loss=gj.losses.hinge),
        axis_name=None if mode == "jit" else DATA_AXIS,
        microbatches=2,
    )
    mesh = parallel.make_mesh()
    make = parallel.jit_step if mode == "jit" else parallel.shard_map_step
    state = jax.eval_shape(algorithm.init, jax.random.key(7))
    batch = {"image": jax.ShapeDtypeStruct((2, BATCH, 4, 4, 1), np.uint8)}
    lowered = make(algorithm, mesh).lower(state, batch)
    assert "2x4x32xf32" not in lowered.as_text()  # gradients of "project", slice by slice
    steps = hlo.parse(lowered.compile().as_text()).executed()
    sent = [(step.times, message(step, mesh.size)) for step in steps]
    sums = [(times, sum(a.size for a in m.arrays)) for times, m in sent if m]
    sizes = {name: gj.trees.count(player.params) for name, player in state.players.items()}
    judge, generator = sizes["discriminator"], sizes["generator"]
    assert sums == [(2.0, judge + 4), (1.0, judge + 2), (1.0, generator + 3)]


def test_every_device_computes_its_share_alone():
    """Latents have no input to take their sharding from: all devices could compute all."""
    mesh, rows = parallel.make_mesh(), 8 * 40
    algorithm = gj.compile_game(game(loss=gj.losses.hinge))
    state = jax.eval_shape(algorithm.init, jax.random.key(7))
    batch = {"image": jax.ShapeDtypeStruct((2, rows, 4, 4, 1), np.uint8)}
    program = parallel.jit_step(algorithm, mesh).lower(state, batch).compile().as_text()
    results = re.findall(r"= f32\[([\d,]*)\]\S* (?:convolution|dot)\(", program)
    leading = {int(shape.split(",")[0]) for shape in results if shape}
    assert rows // 8 in leading
    assert not {rows, 4 * rows} & leading


def test_two_processes_equal_one(tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    worker = [sys.executable, str(ROOT / "tests/workers/play.py"), str(tmp_path)]
    assert launch(worker, 2, devices_per_process=2, max_restarts=0) == 0
    for mode in ("jit", "shard_map"):
        with np.load(tmp_path / f"{mode}.npz", allow_pickle=False) as saved:
            assert_equal_numbers(dict(saved), flat(on_one_device()))
