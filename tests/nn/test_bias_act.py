"""Bias and activation against the published reference, and their derivatives."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.nn.bias_act import LRELU, NONLINEARITIES, bias_act

FILE = Path(__file__).parents[1] / "golden" / "03_sg2_bias_act.npz"
with np.load(FILE, allow_pickle=False) as file:
    GOLDEN = {name: file[name] for name in file.files}
META = json.loads(str(GOLDEN["meta"]))
X, B = GOLDEN["in/x"].transpose(0, 2, 3, 1), GOLDEN["in/b"]


def relative(ours, theirs, tolerance=1e-6):
    assert ours.shape == theirs.shape
    assert (
        np.abs(np.asarray(ours, np.float64) - theirs).max() < tolerance * abs(theirs).max()
    )


@pytest.mark.parametrize("case", sorted(set(META["cases"]) - {"relu_dim0"}))
def test_the_published_reference(case):
    options = META["cases"][case]
    kind = NONLINEARITIES[options["act"]]
    assert kind.gain == pytest.approx(META["default_gain"][options["act"]])
    gain = options.get("gain", kind.gain) / kind.gain
    kind = kind._replace(alpha=options.get("alpha", kind.alpha))
    ours = bias_act(X, B, kind, gain=gain, clamp=options.get("clamp"))
    relative(ours, GOLDEN[f"out/{case}"].transpose(0, 2, 3, 1))


def test_the_last_axis_is_the_biased_one_and_a_bias_may_be_missing():
    first_last = np.moveaxis(GOLDEN["in/x"], 0, -1)
    ours = bias_act(first_last, GOLDEN["in/b0"], NONLINEARITIES["relu"])
    relative(ours, np.moveaxis(GOLDEN["out/relu_dim0"], 0, -1))
    relative(bias_act(X, None, LRELU), GOLDEN["out/lrelu_nobias"].transpose(0, 2, 3, 1))


def test_the_compute_type_stays():
    assert bias_act(
        jnp.ones((2, 3), jnp.bfloat16), jnp.ones(3), LRELU, clamp=2.0
    ).dtype == (jnp.bfloat16)


def closed(name, x):
    """Value, first and second derivative in float64."""
    sigmoid, one = 1.0 / (1.0 + np.exp(-x)), np.ones_like(x)
    s1 = sigmoid * (1.0 - sigmoid)
    s2 = s1 * (1.0 - 2.0 * sigmoid)
    right, scale, alpha = x > 0, 1.0507009873554805, 1.6732632423543772
    tanh, exp = np.tanh(x), np.exp(np.minimum(x, 0.0))
    return {
        "linear": (x, one, 0 * x),
        "relu": (np.maximum(x, 0), right * one, 0 * x),
        "lrelu": (np.where(right, x, 0.2 * x), np.where(right, 1.0, 0.2), 0 * x),
        "tanh": (tanh, 1 - tanh**2, -2 * tanh * (1 - tanh**2)),
        "sigmoid": (sigmoid, s1, s2),
        "elu": (
            np.where(right, x, exp - 1),
            np.where(right, 1, exp),
            np.where(right, 0, exp),
        ),
        "selu": (
            scale * np.where(right, x, alpha * (exp - 1)),
            scale * np.where(right, 1, alpha * exp),
            scale * np.where(right, 0, alpha * exp),
        ),
        "softplus": (np.logaddexp(x, 0), sigmoid, s1),
        "swish": (x * sigmoid, sigmoid + x * s1, 2 * s1 + x * s2),
    }[name]


@pytest.mark.parametrize("name", NONLINEARITIES)
def test_two_derivatives_in_closed_form(name):
    x = np.linspace(-3.1, 3.3, 9)
    kind = NONLINEARITIES[name]

    def one(x):
        return bias_act(x[None], None, kind, gain=0.5)[0]

    fns = (one, jax.grad(one), jax.grad(jax.grad(one)))
    for fn, expected in zip(fns, closed(name, x), strict=True):
        ours = jax.vmap(fn)(jnp.float32(x))
        np.testing.assert_allclose(ours, 0.5 * kind.gain * expected, rtol=1e-5, atol=1e-6)


def test_nothing_passes_back_through_a_clamp():
    x = jnp.array([-3.0, -0.2, 0.1, 3.0])
    slope = jax.vmap(jax.grad(lambda x: bias_act(x[None], None, LRELU, clamp=0.5)[0]))(x)
    root = np.sqrt(2.0)
    np.testing.assert_allclose(slope, [0.0, 0.2 * root, root, 0.0], rtol=1e-6)
