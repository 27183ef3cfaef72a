"""StyleGAN2's networks: scales at first, noise, styles by layer, types, bad sizes.

Outputs and sizes against the authors' code are in tests/interop/test_stylegan2_ada.py.
"""

from __future__ import annotations

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import prng, tracing, trees
from gan_jax.networks.stylegan2 import ARCHITECTURES, SynthesisNetwork, num_styles
from gan_jax.networks.stylegan2_discriminator import StyleGAN2Discriminator
from gan_jax.networks.stylegan2_layers import ScaledDense
from gan_jax.networks.stylegan2_mapping import MappingNetwork, StyledGenerator, truncated

KEY = jax.random.key(0)
TINY = {"channel_base": 32, "channel_max": 4}


@pytest.fixture(autouse=True)
def accelerator():
    """The formulations that compile faster."""
    with tracing.platform("gpu"):
        yield


def normals(*shape):
    return jax.random.normal(jax.random.key(1), shape)


def made(module, *inputs):
    return dict(module.lazy_init(KEY, *inputs))


def test_scales_at_first_keep_the_second_moment_and_slow_the_mapping():
    x = normals(512, 256)
    for lr_mult in (1.0, 0.01):
        layer = ScaledDense(128, lr_mult=lr_mult)
        variables = layer.init(KEY, x)
        kernel = variables["params"]["kernel"]
        np.testing.assert_allclose(kernel.std(), 1.0 / lr_mult, rtol=0.02)
        y = layer.apply(variables, x)
        np.testing.assert_allclose(jnp.square(y).mean(), 1.0, rtol=0.05)
        # A step of a unit in a bias moves the output by the multiplier.
        bias = {"params": variables["params"] | {"bias": jnp.ones(128)}}
        np.testing.assert_allclose(layer.apply(bias, x) - y, lr_mult, rtol=1e-3, atol=1e-6)


def test_the_mapping_does_not_see_the_length_of_a_latent():
    mapping, z = MappingNetwork(6, 4, layers=2), normals(3, 5)
    variables = made(mapping, z)
    ws = mapping.apply(variables, z)
    assert ws.shape == (3, 4, 6)
    np.testing.assert_array_equal(ws[:, 0], ws[:, 3])
    np.testing.assert_allclose(mapping.apply(variables, 7.0 * z), ws, rtol=1e-4, atol=1e-5)


def test_truncation_in_a_range_of_layers():
    ws, mean = normals(2, 5, 3), jnp.arange(3.0)
    ours = truncated(ws, mean, 0.25, (1, 3))
    expected = np.array(ws, np.float64)
    expected[:, 1:3] = np.arange(3.0) + 0.25 * (expected[:, 1:3] - np.arange(3.0))
    np.testing.assert_allclose(ours, expected, rtol=1e-5, atol=1e-6)
    everywhere = np.arange(3.0) + 0.25 * (np.array(ws, np.float64) - np.arange(3.0))
    np.testing.assert_allclose(truncated(ws, mean, 0.25), everywhere, rtol=1e-5, atol=1e-6)
    plain = MappingNetwork(3, None, layers=1, decay=None)
    with pytest.raises(ValueError, match="truncation needs a running mean of w"):
        plain.apply(made(plain, ws[:, 0]), ws[:, 0], truncation=0.5)


def test_the_running_mean_is_of_the_global_batch_and_moves_only_in_training():
    mapping, z = MappingNetwork(6, 4, layers=1), normals(8, 5)
    variables = made(mapping, z)
    w = mapping.apply(variables, z)[:, 0]
    _, after = mapping.apply(variables, z, train=True, mutable=["averages"])
    expected = 0.005 * np.asarray(w, np.float64).mean(axis=0)
    np.testing.assert_allclose(after["averages"]["w"], expected, rtol=1e-4, atol=1e-7)
    _, same = mapping.apply(variables, z, train=False, mutable=["averages"])
    np.testing.assert_array_equal(same["averages"]["w"], np.zeros(6))
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    rows, whole = jax.sharding.PartitionSpec("data"), jax.sharding.PartitionSpec()

    def shard(variables, z):
        moved = mapping.apply(
            tracing.varying(variables), z, train=True, mutable=["averages"]
        )
        return tracing.pmean(moved[1]["averages"]["w"])

    with tracing.batch_axis("data"):
        spread = jax.shard_map(shard, mesh=mesh, in_specs=(whole, rows), out_specs=whole)
        ours = jax.jit(spread)(variables, z)
    np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-7)


def test_noise_has_its_learned_strength_and_is_drawn_by_example():
    module, ws = SynthesisNetwork(8, 1, **TINY), normals(2, 4, 3)
    variables = made(module, ws)
    strengths = [
        leaf for path, leaf in trees.leaves_with_path(variables["params"])
        if path.endswith("noise_strength")
    ]  # fmt: skip
    assert [float(x) for x in strengths] == [0.0, 0.0, 0.0]
    keys, draw = prng.per_example(KEY, 2), jax.jit(module.apply, static_argnames="noise")
    quiet = draw(variables, ws, noise="none")
    np.testing.assert_array_equal(draw(variables, ws, noise="const"), quiet)
    np.testing.assert_array_equal(jax.jit(module.apply)(variables, ws, noise=keys), quiet)
    loud = variables | {
        "params": trees.map_with_path(
            lambda path, x: x + 1.0 if path.endswith("noise_strength") else x,
            variables["params"],
        )
    }
    drawn = jax.jit(lambda v, w, k: module.apply({"params": v["params"]}, w, noise=k))
    both = drawn(loud, ws, keys)
    assert float(jnp.abs(both - quiet).max()) > 0.1
    np.testing.assert_allclose(
        drawn(loud, ws[1:], keys[1:]), both[1:], rtol=1e-5, atol=1e-5
    )
    with pytest.raises(ValueError, match="noise is 'const', 'none' or a typed key"):
        module.apply(variables, ws, noise="random")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_which_layers_a_style_reaches(architecture):
    """The last style is that of the last image alone; all others move it, too."""
    module, ws = SynthesisNetwork(8, 3, architecture=architecture, **TINY), normals(1, 4, 3)
    variables = made(module, ws)
    slopes = jax.jit(jax.jacrev(lambda w: module.apply(variables, w).mean(axis=(0, 1, 2))))
    moved = np.abs(slopes(ws)).sum(axis=(0, 1, 3))
    assert moved.shape == (4,)
    assert (moved > 1e-6).all()
    paths = {path for path, _ in trees.leaves_with_path(variables["params"])}
    images = {re.sub("/.*", "", path) for path in paths if "to_rgb" in path}
    assert images == ({"block_4", "block_8"} if architecture == "skip" else {"block_8"})
    assert any("shortcut" in path for path in paths) == (architecture == "resnet")


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("side", [4, 8])
def test_discriminators_of_small_images(architecture, side):
    module = StyleGAN2Discriminator(side, architecture=architecture, **TINY)
    x = normals(4, side, side, 2)
    variables = made(module, x)
    slopes = jax.jit(jax.grad(lambda x: module.apply(variables, x).sum()))(x)
    assert slopes.shape == x.shape
    assert (np.abs(slopes).max(axis=(1, 2)) > 1e-7).all()
    with pytest.raises(ValueError, match=rf"images of {side} x {side} pixels, got 16 x 16"):
        module.apply(variables, normals(4, 16, 16, 2))


def test_the_finest_resolutions_alone_are_computed_in_the_compute_type():
    def types(reduced):
        module = SynthesisNetwork(
            32, 3, architecture="orig", reduced=reduced, dtype=jnp.bfloat16, **TINY
        )
        ws = jax.ShapeDtypeStruct((1, module.num_ws, 3), jnp.float32)
        variables = jax.eval_shape(module.init, KEY, ws)
        assert {str(x.dtype) for x in jax.tree.leaves(variables)} == {"float32"}

        def inside(variables, ws):
            return module.apply(variables, ws, capture_intermediates=True)

        image, seen = jax.eval_shape(inside, variables, ws)
        assert image.dtype == jnp.float32
        blocks = seen["intermediates"]
        return [
            str(blocks[f"block_{side}"]["__call__"][0][0].dtype) for side in (4, 8, 16, 32)
        ]

    assert types(2) == ["float32", "float32", "bfloat16", "bfloat16"]
    assert types(4) == ["float32", "bfloat16", "bfloat16", "bfloat16"]
    assert types(0) == ["float32"] * 4


def test_styles_and_sides_that_cannot_be():
    assert [num_styles(side) for side in (4, 32, 1024)] == [2, 8, 18]
    for side in (2, 28, 48, 2048):
        with pytest.raises(ValueError, match=rf"1024 pixels, not {side}; resize the data"):
            num_styles(side)
    module, ws = SynthesisNetwork(8, 3, **TINY), normals(1, 4, 3)
    with pytest.raises(ValueError, match="images of 8 pixels have 4 styles, got 3"):
        made(module, ws[:, :3])
    with pytest.raises(ValueError, match="architecture must be one of orig, skip, resnet"):
        made(SynthesisNetwork(8, 3, architecture="dense", **TINY), ws)
    generator = StyledGenerator(MappingNetwork(3, 4, num_classes=2, layers=1), module)
    with pytest.raises(ValueError, match="conditional on 2 classes: pass labels"):
        made(generator, normals(1, 3))
