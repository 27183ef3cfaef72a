"""RevNets: undone from their outputs, and against counts in closed form."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.resnet_v2 import PreActivatedBottleneck
from gan_jax.networks.revnet import ReversibleStage, RevNet, _widened
from gan_jax.nn.adapter import from_linen

KEY = jax.random.key(0)
SMALL = partial(RevNet, (1, 1), 4)
MODES = {True: {"train": True, "mutable": ["batch_stats"]}, False: {"train": False}}


def counted(blocks, width):
    """Parameters and running statistics for images of three channels."""
    half = 2 * width
    kernels, norms = 7 * 7 * 3 * 2 * half, 0
    for stage, units in enumerate(blocks):
        outputs = half * 2**stage
        inner = outputs // 4
        kernels += units * (2 * outputs * inner + 9 * inner**2)
        norms += units * (outputs + 2 * inner)
        last = 2 * outputs
    return kernels + 2 * (norms + last), 2 * (norms + last)


@pytest.mark.parametrize(
    ("multiple", "features", "millions"),
    # 86 million are given for the x 4 in comparisons with BigBiGAN (1911.05722).
    [(1, 2048, 5.4), (4, 8192, 85.8)],
)
def test_full_sizes(multiple, features, millions):
    net = RevNet(multiple=multiple)
    params, stats = jax.eval_shape(from_linen(net, (256, 256, 3)).init, KEY)
    counts = trees.count(params), trees.count(stats)
    assert counts == counted((3, 4, 6, 3), 64 * multiple)
    assert round(counts[0] / 1e6, 1) == millions
    for shape in [(2, 256, 256, 3), (3, 30, 28, 3)]:
        outputs = jax.eval_shape(
            net.apply, {"params": params, **stats}, jax.ShapeDtypeStruct(shape, jnp.float32)
        )
        assert (outputs.shape, outputs.dtype) == ((shape[0], features), jnp.float32)


def stage(units, train):
    """Two inputs, the variables of a stage, and its outputs."""
    x1, x2 = jax.random.normal(KEY, (2, 3, 4, 4, 8))
    net = ReversibleStage(units)
    variables = jax.jit(net.init)(KEY, x1, x2)
    outputs = jax.jit(partial(net.apply, **MODES[train]))(variables, x1, x2)
    return (x1, x2), variables, outputs[0] if train else outputs


@partial(jax.jit, static_argnames=("number", "train"))
def branch(variables, number, x, train):
    """F of one unit."""
    own = {kind: tree[f"branch_{number}"] for kind, tree in variables.items()}
    outputs = PreActivatedBottleneck(8, shortcut=False).apply(own, x, **MODES[train])
    return outputs[0] if train else outputs


@pytest.mark.parametrize("train", [False, True])
def test_inputs_are_recovered_from_outputs(train):
    (x1, x2), variables, (y1, y2) = stage(3, train)
    assert float(jnp.abs(y1 - x1).mean()) > 0.3
    for number in reversed(range(3)):
        y1, y2 = y2 - branch(variables, number, y1, train), y1
    np.testing.assert_allclose(y1, x1, atol=1e-5)
    np.testing.assert_allclose(y2, x2, atol=1e-5)


@pytest.mark.parametrize("train", [False, True])
def test_two_units_are_a_block_of_the_paper(train):
    (x1, x2), variables, outputs = stage(2, train)
    y1 = x1 + branch(variables, 0, x2, train)
    y2 = x2 + branch(variables, 1, y1, train)
    np.testing.assert_allclose(outputs[0], y1, atol=1e-5)
    np.testing.assert_allclose(outputs[1], y2, atol=1e-5)


def test_widening():
    x = jnp.arange(24.0).reshape(1, 3, 4, 2)
    pooled = np.stack(
        [[[5.0, 6.0], [9.0, 10.0]], [[17.0, 18.0], [21.0, 22.0]]]  # the last row alone
    )[None]
    zeros = np.zeros_like(pooled)
    for before, order in [(True, [zeros, pooled]), (False, [pooled, zeros])]:
        for dtype in (jnp.float32, jnp.bfloat16):
            wide = _widened(x.astype(dtype), before=before)
            assert wide.dtype == dtype
            expected = np.concatenate(order, axis=-1)
            np.testing.assert_array_equal(wide.astype(jnp.float32), expected)


def test_last_norm_standardises_features_and_may_be_rectified():
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    variables = jax.jit(SMALL().init)(KEY, x)

    def features(rectified):
        run = partial(SMALL(rectified=rectified).apply, **MODES[True])
        return jax.jit(run)(variables, x)[0]

    signed, rectified = features(False), features(True)
    assert signed.shape == (4, 32)
    np.testing.assert_allclose(signed.mean(0), np.zeros(32), atol=1e-5)
    assert float(rectified.min()) >= 0.0
    # With a gain of -1 the ReLU is that of -a, and max(a, 0) - max(-a, 0) is a.
    flipped = variables | {"params": dict(variables["params"])}
    flipped["params"]["norm"] = {"scale": -jnp.ones(32), "bias": jnp.zeros(32)}
    run = partial(SMALL(rectified=True).apply, **MODES[True])
    other = jax.jit(run)(flipped, x)[0]
    np.testing.assert_allclose(rectified - other, signed, atol=1e-5)


def test_rematerialisation_changes_neither_gradients_nor_names_nor_statistics():
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    variables = jax.jit(SMALL().init)(KEY, x)

    def gradients(remat):
        net = SMALL(remat=remat)

        def loss(params):
            features, new = net.apply(variables | {"params": params}, x, **MODES[True])
            return jnp.square(features).sum(), new

        shapes = jax.eval_shape(net.init, KEY, x)
        assert jax.tree.structure(shapes) == jax.tree.structure(variables)
        jaxpr = jax.make_jaxpr(loss)(variables["params"])
        count = sum(equation.primitive.name == "remat2" for equation in jaxpr.eqns)
        assert count == (2 if remat else 0)
        return jax.jit(jax.grad(loss, has_aux=True))(variables["params"])

    plain, again = gradients(remat=False), gradients(remat=True)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), plain, again
    )
    assert float(jnp.abs(plain[0]["stem"]["conv"]["kernel"]).max()) > 1e-3


def test_rematerialisation_keeps_one_half_of_the_channels_per_unit():
    x1, x2 = jnp.ones((2, 3, 4, 4, 8))

    def kept(units, remat):
        net = ReversibleStage(units, remat=remat)
        variables = jax.eval_shape(net.init, KEY, x1, x2)

        def run(variables, x1, x2):
            outputs = net.apply(variables, x1, x2, train=True, mutable=["batch_stats"])
            return jax.vjp(lambda *x: x, *outputs[0])[0]

        pullback = jax.eval_shape(lambda *args: jax.vjp(run, *args)[1], variables, x1, x2)
        images = [leaf for leaf in jax.tree.leaves(pullback) if leaf.ndim == 4]
        return sum(leaf.size for leaf in images if leaf.shape[:3] == (3, 4, 4))

    half = 3 * 4 * 4 * 8
    assert kept(4, remat=True) - kept(2, remat=True) == 2 * half
    assert kept(4, remat=False) - kept(2, remat=False) > 6 * half


def test_bfloat16_keeps_parameters_statistics_and_features_in_float32():
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    variables = jax.jit(SMALL().init)(KEY, x)

    def outputs(dtype):
        return jax.jit(partial(SMALL(dtype=dtype).apply, **MODES[True]))(variables, x)

    half, whole = outputs(jnp.bfloat16), outputs(jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(half)} == {jnp.dtype(jnp.float32)}
    np.testing.assert_allclose(half[0], whole[0], atol=0.05)
    assert float(jnp.abs(half[0] - whole[0]).max()) > 1e-5
