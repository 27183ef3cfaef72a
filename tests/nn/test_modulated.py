"""Modulated convolution: the published reference, and a kernel for each example."""

import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import tracing
from gan_jax.nn.conv import conv
from gan_jax.nn.modulated import modulated_conv2d

FILE = Path(__file__).parents[1] / "golden" / "03_sg2_modulated_conv2d.npz"
with np.load(FILE, allow_pickle=False) as file:
    GOLDEN = {name: file[name] for name in file.files}
CASES = json.loads(str(GOLDEN["meta"]))["cases"]
NOISE = {
    "demod": GOLDEN["in/noise8"][None, :, :, None],
    "up2": GOLDEN["in/noise16"].transpose(0, 2, 3, 1),
    "up2_flip": GOLDEN["in/noise16"].transpose(0, 2, 3, 1),
}


@pytest.mark.parametrize("platform", ["cpu", "gpu"])
@pytest.mark.parametrize("case", CASES)
def test_the_published_reference(case, platform):
    options = CASES[case]
    kernel = GOLDEN["in/w1" if case.startswith("k1") else "in/w3"].transpose(2, 3, 1, 0)
    if not options.get("flip_weight", True):
        kernel = kernel[::-1, ::-1]
    with tracing.platform(platform):
        ours = modulated_conv2d(
            GOLDEN["in/x"].transpose(0, 2, 3, 1),
            jnp.asarray(kernel),
            GOLDEN["in/styles"],
            NOISE.get(case),
            up="up" in options,
            down="down" in options,
            taps=GOLDEN["in/f"],
            demodulate=options.get("demodulate", True),
        )
    theirs = GOLDEN[f"out/{case}"].transpose(0, 2, 3, 1)
    assert ours.shape == theirs.shape
    assert np.abs(np.asarray(ours, np.float64) - theirs).max() < 2e-6 * np.abs(theirs).max()


def example_by_example(x, kernel, styles):
    """Equations 1 and 3 as they stand: a kernel for each example."""
    modulated = styles[:, None, None, :, None] * kernel[None]
    norms = jnp.sqrt(jnp.square(modulated).sum(axis=(1, 2, 3), keepdims=True) + 1e-8)
    return jnp.concatenate(
        [conv(row[None], w) for row, w in zip(x, modulated / norms, strict=True)]
    )


def test_two_derivatives_are_those_of_a_kernel_for_each_example():
    keys = jax.random.split(jax.random.key(0), 5)
    x, t = jax.random.normal(keys[0], (2, 3, 4, 4, 2))
    kernel = jax.random.normal(keys[1], (3, 3, 2, 3))
    styles, y = (
        1.0 + jax.random.normal(keys[2], (3, 2)),
        jax.random.normal(keys[3], (3, 4, 4, 3)),
    )

    def slopes(f):
        def slope(kernel, styles):
            gradient = jax.grad(lambda x: jnp.vdot(y, jnp.tanh(f(x, kernel, styles))))(x)
            return jnp.vdot(t, gradient)

        return jax.jit(jax.value_and_grad(slope, (0, 1)))(kernel, styles)

    ours, expected = slopes(modulated_conv2d), slopes(example_by_example)
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-4, atol=2e-5), ours, expected
    )


def test_styles_do_not_change_the_scale_of_what_is_demodulated():
    x = jax.random.normal(jax.random.key(0), (2, 4, 4, 3))
    kernel = jax.random.normal(jax.random.key(1), (3, 3, 3, 2))
    styles = jnp.array([[1.0, 2.0, -1.0], [0.5, 1.0, 3.0]])
    once, scaled = (modulated_conv2d(x, kernel, a * styles) for a in (1.0, 100.0))
    np.testing.assert_allclose(once, scaled, rtol=1e-5, atol=1e-5)
    plain, twice = (
        modulated_conv2d(x, kernel, a * styles, demodulate=False) for a in (1.0, 2.0)
    )
    np.testing.assert_allclose(2.0 * plain, twice, rtol=1e-6)


def test_the_compute_type_stays_and_both_ways_are_refused():
    x, kernel = jnp.ones((1, 4, 4, 2), jnp.bfloat16), jnp.ones((3, 3, 2, 2))
    y = modulated_conv2d(x, kernel, jnp.ones((1, 2)), jnp.ones((1, 8, 8, 1)), up=True)
    assert y.dtype == jnp.bfloat16
    with pytest.raises(ValueError, match="set up or down"):
        modulated_conv2d(x, kernel, jnp.ones((1, 2)), up=True, down=True)
