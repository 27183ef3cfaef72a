"""Encoders and discriminators of pairs, layer by layer in float64."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.networks import (
    DCGANDiscriminator,
    Encoder,
    Flatten,
    JointDiscriminator,
    MLPDiscriminator,
    codes,
    flat,
)
from gan_jax.types import Posterior

X = jax.random.normal(jax.random.key(1), (3, 2, 2, 1))
Z = jax.random.normal(jax.random.key(2), (3, 4))


def wide(tree):
    return jax.tree.map(lambda leaf: np.asarray(leaf, np.float64), tree)


def varied(net, *inputs):
    """Parameters whose biases are not 0."""
    params = net.init(jax.random.key(0), *inputs)["params"]
    return jax.tree.map(lambda p: p + 0.2, params)


def dense(h, layer):
    return h @ layer["kernel"] + layer["bias"]


def leaky(h):
    return np.where(h > 0, h, 0.2 * h)


def test_an_encoder_is_linear_in_the_features_of_its_trunk():
    trunk = partial(MLPDiscriminator, (5,), head=flat)
    net = Encoder(trunk, 4, stochastic=True)
    params = varied(net, X)
    found = net.apply({"params": params}, X)
    assert isinstance(found, Posterior)
    own = wide(params)
    h = leaky(dense(wide(X).reshape(3, -1), own["trunk"]["Dense_0"]))
    np.testing.assert_allclose(found.mean, dense(h, own["mean"]), rtol=1e-5)
    np.testing.assert_allclose(found.log_variance, dense(h, own["log_variance"]), rtol=1e-5)
    plain = Encoder(trunk, 4)
    own = {name: params[name] for name in ("trunk", "mean")}
    np.testing.assert_array_equal(plain.apply({"params": own}, X), found.mean)


def test_a_joint_discriminator_lays_codes_beside_features():
    net = JointDiscriminator(Flatten, (6,), (7, 5))
    params = varied(net, (X, Z))
    own = wide(params)
    code = leaky(dense(wide(Z), own["code_0"]))
    h = np.concatenate([wide(X).reshape(3, -1), code], axis=1)
    for name in ("joint_0", "joint_1"):
        h = leaky(dense(h, own[name]))
    logits = net.apply({"params": params}, (X, Z))
    np.testing.assert_allclose(logits, dense(h, own["logit"])[:, 0], rtol=2e-5)


def test_compute_in_half_precision_gives_float32():
    half = {"dtype": jnp.bfloat16}
    trunk = partial(DCGANDiscriminator, 4, 4, head=flat, **half)
    images = jnp.zeros((2, 8, 8, 1))
    for net, inputs in (
        (Encoder(trunk, 4, stochastic=True), images),
        (JointDiscriminator(trunk, (6,), (7,), **half), (images, Z[:2])),
    ):
        variables = jax.eval_shape(net.init, jax.random.key(0), inputs)
        out = jax.eval_shape(lambda v, x, net=net: net.apply(v, x), variables, inputs)
        assert {leaf.dtype for leaf in jax.tree.leaves((out, variables))} == {
            jnp.dtype("float32")
        }


def test_codes_are_read_from_the_features_below_the_logit():
    net = MLPDiscriminator((5,), head=codes((3, 2), 2, hidden=6))
    params = varied(net, X)
    out = net.apply({"params": params}, X)
    own = wide(params)
    h = leaky(dense(wide(X).reshape(3, -1), own["Dense_0"]))
    np.testing.assert_allclose(out.features, h, rtol=1e-5)
    np.testing.assert_allclose(out.logits, dense(h, own["logit"])[:, 0], rtol=1e-5)
    q = leaky(dense(h, own["codes_hidden"]))
    for index, logits in enumerate(out.classes.categorical):
        np.testing.assert_allclose(logits, dense(q, own[f"code_{index}"]), rtol=1e-5)
    assert [x.shape for x in out.classes.categorical] == [(3, 3), (3, 2)]
    np.testing.assert_allclose(out.classes.mean, dense(q, own["continuous"]), rtol=1e-5)
    assert (
        "continuous"
        not in MLPDiscriminator((5,), head=codes((3,))).init(jax.random.key(0), X)["params"]
    )
