"""BigBiGAN's encoder and discriminator: what depends on what, counts, float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.bigbigan import (
    BigBiGANDiscriminator,
    BigBiGANEncoder,
    ResidualMLP,
    bn_crelu,
    log_softplus,
    resized,
)
from gan_jax.networks.biggan import BigGANDiscriminator, BigGANPlan
from gan_jax.networks.heads import flat
from gan_jax.networks.resnet_v2 import ResNetV2
from gan_jax.networks.revnet import RevNet
from gan_jax.nn.adapter import from_linen
from gan_jax.nn.initializers import glorot_uniform
from gan_jax.nn.resample import avg_pool, upsample_bilinear
from gan_jax.types import Posterior

KEY = jax.random.key(0)
# Orthogonal kernels take longer to draw than these networks to compute.
QUICK = glorot_uniform()
PLAN = BigGANPlan((2, 2), (1, 1), (1, 2), (True, False))
TRUNK = partial(BigGANDiscriminator, PLAN, 4, kernel_init=QUICK)
D = partial(BigBiGANDiscriminator, trunk=TRUNK, units=6, blocks=2, kernel_init=QUICK)
SMALL = partial(ResNetV2, (1,), 4)
E = partial(BigBiGANEncoder, trunk=SMALL, latent_dim=5, units=6)
X = jax.random.normal(KEY, (3, 8, 8, 3))
Z = jax.random.normal(jax.random.key(1), (3, 5))


def _wide(x):
    return np.asarray(x, np.float64)


def mlp_count(inputs, units, blocks):
    shortcut = inputs * units if inputs != units else 0
    return inputs * units + units + shortcut + (2 * blocks - 1) * (units**2 + units)


# The residual MLP.


@pytest.mark.parametrize("inputs", [5, 6])
def test_residual_mlp_in_float64(inputs):
    h = jax.random.normal(KEY, (4, inputs))
    net = ResidualMLP(6, 2, QUICK)
    params = jax.tree.map(lambda p: p + 0.1, jax.jit(net.init)(KEY, h)["params"])
    actual = jax.jit(net.apply)({"params": params}, h)
    wide = jax.tree.map(_wide, params)

    def dense(x, name):
        return x @ wide[name]["kernel"] + wide[name]["bias"]

    def relu(x):
        return np.maximum(x, 0.0)

    x = _wide(h)
    branch = dense(relu(dense(x, "block_0_0")), "block_0_1")
    x = branch + (x if inputs == 6 else x @ wide["shortcut"]["kernel"])
    x = x + dense(relu(dense(relu(x), "block_1_0")), "block_1_1")
    np.testing.assert_allclose(actual, relu(x), rtol=2e-5, atol=1e-6)
    assert trees.count(params) == mlp_count(inputs, 6, 2)


# The discriminator.


def discriminator():
    return D(), jax.jit(D().init)(KEY, (X, Z))


def test_scores_depend_on_what_they_are_of():
    d, variables = discriminator()

    run = jax.jit(partial(d.apply, variables))
    slopes = jax.jit(jax.jacrev(lambda pair: run(pair).sum(0)))((X, Z))
    sizes = [np.abs(each).reshape(3, -1).max(axis=1) > 0.0 for each in slopes]
    np.testing.assert_array_equal(sizes, [[True, False, True], [False, True, True]])
    # And each on its own example only.
    logits = run((X, Z))
    other = run((X.at[1].set(0.5), Z.at[2].set(0.5)))
    moved = np.abs(logits - other) > 1e-4
    expected = [[False, False, False], [True, False, True], [False, True, True]]
    np.testing.assert_array_equal(moved, expected)
    np.testing.assert_allclose(logits[~moved], other[~moved], atol=1e-6)


def test_scores_are_those_of_three_networks():
    d, variables = discriminator()
    params = variables["params"]

    @jax.jit
    def apart():
        own = params["image"] | {"logit": params["image_logit"]}
        mlp = ResidualMLP(6, 2)
        image = TRUNK(head=flat).apply({"params": own}, X)
        latent = mlp.apply({"params": params["latent"]}, Z)
        both = jnp.concatenate([image, latent], axis=-1)
        joint = mlp.apply({"params": params["joint"]}, both)
        return TRUNK().apply({"params": own}, X), latent, joint

    image_score, latent, joint = jax.tree.map(_wide, apart())
    latent_score, joint_score = (
        (h @ _wide(params[name]["kernel"]) + _wide(params[name]["bias"]))[:, 0]
        for name, h in [("latent_logit", latent), ("joint_logit", joint)]
    )
    expected = np.stack([image_score, latent_score, joint_score], axis=1)
    actual = jax.jit(d.apply)(variables, (X, Z))
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-6)


def test_labels_reach_a_trunk_with_classes():
    d = D(trunk=partial(TRUNK, num_classes=4))
    y = jnp.array([0, 1, 3])
    shapes = [jax.eval_shape(d.init, KEY, (X, Z), *labels) for labels in [(), (y,)]]
    # A projection would have an embedding; features as they are have none.
    assert shapes[0] == shapes[1]


def test_full_size_discriminator():
    d = BigBiGANDiscriminator()
    pair = jnp.ones((2, 128, 128, 3)), jnp.ones((2, 120))
    logits, variables = jax.eval_shape(d.init_with_output, KEY, pair)
    assert (logits.shape, logits.dtype) == ((2, 3), jnp.float32)
    alone = from_linen(BigGANDiscriminator(), (128, 128, 3))
    f = trees.count(jax.eval_shape(alone.init, KEY)[0])  # with its score
    h, j = mlp_count(120, 2048, 4), mlp_count(16 * 96 + 2048, 2048, 4)
    assert (h, j) == (29_868_032, 44_056_576)
    assert trees.count(variables) == f + h + j + 2 * 2049


# The encoder.


def encoder(**options):
    net = E(**options)
    return net, jax.jit(net.init)(KEY, X)


def test_posterior_and_probed_features():
    net, variables = encoder()
    posterior = jax.jit(net.apply)(variables, X)
    assert isinstance(posterior, Posterior)
    probe = jax.jit(partial(net.apply, train=False, method="features"))
    features = probe(variables, X)
    shapes = {name: each.shape for name, each in features.items()}
    assert shapes == {"avepool": (3, 16), "hidden": (3, 6), "latent": (3, 5)}
    np.testing.assert_allclose(features["latent"], posterior.mean, rtol=1e-6)
    own = {kind: tree["trunk"] for kind, tree in variables.items()}
    pooled = jax.jit(SMALL().apply)(own, X)
    np.testing.assert_allclose(features["avepool"], pooled, rtol=1e-6)
    params = variables["params"]
    hidden = ResidualMLP(6, 2).apply({"params": params["mlp"]}, pooled)
    np.testing.assert_allclose(features["hidden"], hidden, rtol=1e-5, atol=1e-6)
    mean, raw = (
        _wide(hidden) @ _wide(params[name]["kernel"]) for name in ("mean", "deviation")
    )
    np.testing.assert_allclose(posterior.mean, mean, rtol=1e-5, atol=1e-6)
    deviation = np.exp(0.5 * _wide(posterior.log_variance))
    np.testing.assert_allclose(deviation, np.log1p(np.exp(raw)), rtol=1e-5)


def test_a_deterministic_encoder_gives_latents():
    net, variables = encoder(stochastic=False)
    assert set(variables["params"]) == {"trunk", "mlp", "mean"}
    latents = jax.jit(net.apply)(variables, X)
    features = jax.jit(partial(net.apply, method="features"))(variables, X)
    assert latents.shape == (3, 5)
    np.testing.assert_allclose(features["latent"], latents, rtol=1e-6)


def test_training_updates_the_statistics_of_the_trunk():
    net, variables = encoder()
    run = jax.jit(partial(net.apply, train=True, mutable=["batch_stats"]))
    posterior, new = run(variables, X)
    assert set(new["batch_stats"]) == {"trunk"}
    old = {"batch_stats": variables["batch_stats"]}
    moved = jax.tree.map(lambda a, b: bool((a != b).any()), new, old)
    assert all(jax.tree.leaves(moved))
    still = jax.jit(net.apply)(variables, X)
    assert float(jnp.abs(posterior.mean - still.mean).max()) > 1e-3


@pytest.mark.parametrize(
    ("trunk", "features", "trunk_count"),
    [
        (ResNetV2, 2048, 23_500_352),
        (partial(RevNet, multiple=4, remat=True), 8192, 85_765_632),
    ],
)
def test_full_size_encoders(trunk, features, trunk_count):
    net = BigBiGANEncoder(trunk)
    images = jnp.ones((2, 256, 256, 3))
    posterior, variables = jax.eval_shape(net.init_with_output, KEY, images)
    for each in posterior:
        assert (each.shape, each.dtype) == ((2, 120), jnp.float32)
    count = trunk_count + mlp_count(features, 4096, 2) + 4097 * 240
    assert trees.count(variables["params"]) == count


def test_resolution_of_the_encoder():
    twice = upsample_bilinear(upsample_bilinear(X))
    np.testing.assert_array_equal(resized(X, 32), twice)
    np.testing.assert_array_equal(resized(X, 4), avg_pool(X))
    np.testing.assert_array_equal(resized(X, 8), X)
    wide = jnp.concatenate([X, X], axis=2)
    np.testing.assert_array_equal(resized(wide, 4), avg_pool(wide))
    with pytest.raises(ValueError, match="resolution 12 cannot take images of 8 x 8"):
        resized(X, 12)
    net, variables = encoder(stochastic=False)
    other = E(stochastic=False, resolution=4)
    np.testing.assert_allclose(
        jax.jit(other.apply)(variables, X),
        jax.jit(net.apply)(variables, avg_pool(X)),
        rtol=1e-6,
    )


def test_bfloat16_keeps_parameters_statistics_and_outputs_in_float32():
    (_, e_vars), (_, d_vars) = encoder(), discriminator()

    def both(dtype):
        encode = partial(E(dtype=dtype).apply, train=True, mutable=["batch_stats"])
        posterior, new = encode(e_vars, X)
        return posterior, D(dtype=dtype).apply(d_vars, (X, Z)), new

    half, whole = (jax.jit(partial(both, x))() for x in (jnp.bfloat16, jnp.float32))
    assert {x.dtype for x in jax.tree.leaves(half)} == {jnp.dtype(jnp.float32)}
    for a, b in zip(jax.tree.leaves(half[:2]), jax.tree.leaves(whole[:2]), strict=True):
        np.testing.assert_allclose(a, b, atol=0.1 * float(jnp.abs(b).max()))
        assert float(jnp.abs(a - b).max()) > 1e-5


# Functions.


def test_bn_crelu():
    h = np.random.default_rng(0).normal(2.0, 3.0, (50, 4))
    mean, variance = h.mean(0), h.var(0)
    features = bn_crelu(*(jnp.asarray(a, jnp.float32) for a in (h, mean, variance)))
    normal = (h - mean) / np.sqrt(variance + 1e-5)
    assert features.shape == (50, 8)
    np.testing.assert_allclose(features[:, :4], np.maximum(normal, 0.0), atol=1e-5)
    np.testing.assert_allclose(features[:, 4:], np.maximum(-normal, 0.0), atol=1e-5)


def test_log_softplus_over_the_whole_range():
    x = np.array([-1e4, -200.0, -90.0, -15.01, -15.0, -14.99, -3.0, 0.0, 2.0, 50.0, 1e4])
    value, slope = jax.vmap(jax.value_and_grad(log_softplus))(jnp.asarray(x, jnp.float32))
    with np.errstate(all="ignore"):
        soft = np.logaddexp(0.0, x)
        expected = np.where(x < -500.0, x, np.log(soft))
        slopes = np.where(x < -500.0, 1.0, np.exp(x - soft) / soft)
    np.testing.assert_allclose(value, expected, rtol=1e-6)
    np.testing.assert_allclose(slope, slopes, rtol=2e-6)
