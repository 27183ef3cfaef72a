"""ResNet-v2 against counts in closed form, a product written out and float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.resnet_v2 import PreActivatedBottleneck, ResNetV2, Stem
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.norm import BatchNorm

KEY = jax.random.key(0)
SMALL = partial(ResNetV2, (1, 1), 4)


def abstract(net, shape=(64, 64, 3)):
    return jax.eval_shape(from_linen(net, shape).init, KEY)


def counted(blocks, width):
    """Parameters of the trunk, and running statistics, for images of three channels."""
    kernels, norms, inputs = 7 * 7 * 3 * width, 0, width
    for stage, count in enumerate(blocks):
        inner = width * 2**stage
        outputs = 4 * inner
        for number in range(count):
            kernels += inputs * inner + 9 * inner**2 + inner * outputs
            kernels += inputs * outputs if number == 0 else 0
            norms += inputs + 2 * inner
            inputs = outputs
    return kernels + 2 * (norms + inputs), 2 * (norms + inputs)


@pytest.mark.parametrize(
    ("blocks", "multiple", "millions"),
    # 25.5 and 44.5 million with 1000 classes, 2.049 million: ResNet-50 and ResNet-101.
    [((3, 4, 6, 3), 1, 23.5), ((3, 4, 23, 3), 1, 42.5), ((3, 4, 6, 3), 2, 93.9)],
)
def test_parameter_counts(blocks, multiple, millions):
    params, stats = abstract(ResNetV2(blocks, multiple=multiple))
    counts = trees.count(params), trees.count(stats)
    assert counts == counted(blocks, 64 * multiple)
    assert round(counts[0] / 1e6, 1) == millions


def test_parameter_count_of_resnet_50_is_that_of_public_code():
    # 25,549,352 of the pre-activated ResNet-50 in timm, less 1000 classes.
    assert trees.count(abstract(ResNetV2())[0]) == 25_549_352 - 2049 * 1000


@pytest.mark.parametrize("shape", [(256, 256, 3), (224, 160, 3), (33, 28, 1)])
def test_features_do_not_depend_on_the_resolution(shape):
    net = ResNetV2()
    features = jax.eval_shape(net.init_with_output, KEY, jnp.ones((2, *shape)))[0]
    assert (features.shape, features.dtype) == ((2, 2048), jnp.float32)


@pytest.mark.parametrize("side", [8, 7])
def test_stem_is_a_convolution_and_maxima(side):
    x = jax.random.normal(KEY, (2, side, side, 3))
    stem = Stem(4)
    variables = stem.init(KEY, x)
    kernel = np.asarray(variables["params"]["conv"]["kernel"], np.float64)
    padded = np.pad(np.asarray(x, np.float64), [(0, 0), (3, 3), (3, 3), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), (1, 2))
    h = np.einsum("bhwcij,ijco->bhwo", windows[:, ::2, ::2], kernel)
    padded = np.pad(h, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    expected = windows[:, ::2, ::2].max(axis=(-2, -1))
    np.testing.assert_allclose(stem.apply(variables, x), expected, rtol=2e-5, atol=2e-5)
    assert expected.shape == (2, 2, 2, 4)
    kept = jax.eval_shape(Stem(4, reduce=False).init_with_output, KEY, x)
    assert kept[0].shape == (2, side, side, 4)
    assert kept[1]["params"]["conv"]["kernel"].shape == (3, 3, 3, 4)


def normal(x):
    """Batch normalisation and ReLU."""
    mean, var = x.mean((0, 1, 2)), x.var((0, 1, 2))
    return np.maximum((x - mean) / np.sqrt(var + 1e-5), 0.0)


@pytest.mark.parametrize(("stride", "features"), [(1, 8), (1, 4), (2, 8)])
def test_block_in_float64(stride, features):
    x = jax.random.normal(KEY, (3, 6, 6, 8))
    block = PreActivatedBottleneck(features, stride)
    variables = jax.jit(block.init)(KEY, x)
    params = jax.tree.map(lambda p: np.asarray(p, np.float64), variables["params"])
    run = jax.jit(partial(block.apply, train=True, mutable=["batch_stats"]))
    actual = run(variables, x)[0]
    wide = np.asarray(x, np.float64)
    before = normal(wide)
    h = normal(before @ params["conv_0"]["kernel"][0, 0])
    padded = np.pad(h, [(0, 0), (1, 1), (1, 1), (0, 0)])
    windows = np.lib.stride_tricks.sliding_window_view(padded, (3, 3), (1, 2))
    windows = windows[:, ::stride, ::stride]
    h = normal(np.einsum("bhwcij,ijco->bhwo", windows, params["conv_1"]["kernel"]))
    h = h @ params["conv_2"]["kernel"][0, 0]
    same = (stride, features) == (1, 8)
    if not same:
        wide = before[:, ::stride, ::stride] @ params["shortcut"]["kernel"][0, 0]
    assert ("shortcut" in params) == (not same)
    np.testing.assert_allclose(actual, wide + h, rtol=1e-4, atol=1e-5)


def test_without_a_shortcut_a_block_is_its_branch():
    x = jax.random.normal(KEY, (3, 4, 4, 8))
    block, branch = PreActivatedBottleneck(8), PreActivatedBottleneck(8, shortcut=False)
    variables = jax.jit(block.init)(KEY, x)
    difference = block.apply(variables, x) - branch.apply(variables, x)
    np.testing.assert_allclose(difference, x, atol=1e-5)


def test_features_are_means_of_rectified_standardised_activations():
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    variables = jax.jit(SMALL().init)(KEY, x)
    run = jax.jit(partial(SMALL().apply, train=True, mutable=["batch_stats"]))

    def features(gain):
        norm = {"scale": jnp.full(32, gain), "bias": jnp.zeros(32)}
        return run(variables | {"params": variables["params"] | {"norm": norm}}, x)

    # max(a, 0) - max(-a, 0) is a, whose mean over batch and space is 0.
    (above, new), (below, _) = features(1.0), features(-1.0)
    assert above.shape == (4, 32)
    assert float(jnp.minimum(above.min(), below.min())) >= 0.0
    np.testing.assert_allclose((above - below).mean(0), np.zeros(32), atol=1e-5)
    old = {"batch_stats": variables["batch_stats"]}
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), new, old)
    assert all(jax.tree.leaves(moved))


def test_rematerialisation_changes_neither_gradients_nor_names_nor_statistics():
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    variables = jax.jit(SMALL().init)(KEY, x)

    def gradients(remat):
        net = SMALL(remat=remat)

        def loss(params):
            bound = variables | {"params": params}
            features, new = net.apply(bound, x, train=True, mutable=["batch_stats"])
            return (features * jnp.arange(32.0)[None]).mean(), new

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


def test_bfloat16_keeps_parameters_statistics_and_features_in_float32():
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    variables = jax.jit(SMALL().init)(KEY, x)

    def outputs(dtype):
        net = SMALL(dtype=dtype)
        return jax.jit(partial(net.apply, train=True, mutable=["batch_stats"]))(
            variables, x
        )

    half, whole = outputs(jnp.bfloat16), outputs(jnp.float32)
    assert {leaf.dtype for leaf in jax.tree.leaves(half)} == {jnp.dtype(jnp.float32)}
    np.testing.assert_allclose(half[0], whole[0], atol=0.05)
    assert float(jnp.abs(half[0] - whole[0]).max()) > 1e-5


def test_norm_is_what_is_asked_for():
    # Ghost batches of two: each half of the batch is as if alone.
    x = jax.random.normal(KEY, (4, 16, 16, 3))
    net = SMALL(norm=partial(BatchNorm, group_size=2))
    variables = jax.jit(net.init)(KEY, x)
    run = jax.jit(partial(net.apply, train=True, mutable=["batch_stats"]))
    whole = run(variables, x)[0]
    halves = [run(variables, part)[0] for part in jnp.split(x, 2)]
    np.testing.assert_allclose(whole, jnp.concatenate(halves), rtol=1e-4, atol=1e-5)
