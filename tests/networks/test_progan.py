"""ProGAN's networks: sizes, growing without a seam, and what each stage computes."""

from __future__ import annotations

from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import trees
from gan_jax.networks.growing import faded, stages_of, weights_at, weights_of
from gan_jax.networks.progan import (
    ProGANDiscriminator,
    ProGANGenerator,
    ProGANPlan,
    progan_plan,
)
from gan_jax.nn.resample import avg_pool, upsample_nearest
from gan_jax.transforms import equalized_lr

PLAN = ProGANPlan((8, 6, 4), 5)
Z = 7


def halved(x, times):
    for _ in range(times):
        x = avg_pool(x)
    return x


@pytest.fixture(scope="module")
def generator():
    """`(stage, alpha) -> images` of a tiny generator with He's constant."""
    module = ProGANGenerator(PLAN)
    z = jax.random.normal(jax.random.key(1), (4, Z))
    params = module.init(jax.random.key(0), z)["params"]
    params = trees.map_with_path(bumped, params)
    seen = equalized_lr(gain=2**0.5).apply(params, ())
    return lambda **options: module.apply({"params": seen}, z, **options)


@pytest.fixture(scope="module")
def discriminator():
    """`(images, stage, alpha) -> logits` of a tiny discriminator."""
    module = ProGANDiscriminator(PLAN)
    images = jax.random.normal(jax.random.key(2), (4, 16, 16, 3))
    params = module.init(jax.random.key(0), images)["params"]
    params = trees.map_with_path(bumped, params)
    seen = equalized_lr(gain=2**0.5).apply(params, ())
    return lambda x, **options: module.apply({"params": seen}, x, **options)


def bumped(path, leaf):
    """Biases that are not zero."""
    if not path.endswith("bias"):
        return leaf
    return 0.1 * jnp.cos(jnp.arange(leaf.size, dtype=jnp.float32)).reshape(leaf.shape)


# Sizes.


def published_sizes(stages, channels, latent=512):
    """By the layers of table 2, (generator, discriminator)."""
    f = [min(2**13 // 2 ** (k + 1), 512) for k in range(stages)]
    g = latent * 16 * f[0] + f[0] + 9 * f[0] ** 2 + f[0]
    d = 9 * (f[0] + 1) * f[0] + f[0] + 16 * f[0] * 512 + 512 + 512 + 1
    for coarse, fine in pairwise(f):
        g += 9 * coarse * fine + fine + 9 * fine**2 + fine
        d += 9 * fine**2 + fine + 9 * fine * coarse + coarse
    rgb = sum(channels * width + channels for width in f)
    return g + rgb, d + sum(channels * width + width for width in f)


@pytest.mark.parametrize(("side", "channels"), [(4, 3), (32, 1), (256, 4), (1024, 3)])
def test_published_sizes(side, channels):
    plan = progan_plan(side, side)
    key, image = jax.random.key(0), jnp.zeros((1, side, side, channels))
    made = [
        jax.eval_shape(ProGANGenerator(plan, channels).init, key, jnp.zeros((1, 512))),
        jax.eval_shape(ProGANDiscriminator(plan).init, key, image),
    ]
    sizes = tuple(trees.count(variables["params"]) for variables in made)
    assert sizes == published_sizes(stages_of(side, side), channels)
    if side == 1024:
        assert plan.features == (512, 512, 512, 512, 256, 128, 64, 32, 16)
        assert sizes == (23_079_115, 23_087_249)


@pytest.mark.parametrize("sides", [(2, 2), (12, 12), (28, 28), (8, 16), (1000, 1000)])
def test_other_resolutions_are_refused(sides):
    with pytest.raises(ValueError, match="the sides must be equal and 4, 8, 16") as error:
        progan_plan(*sides)
    assert "\n" not in str(error.value)


def test_a_plan_without_channels_is_refused():
    with pytest.raises(ValueError, match="base 4 leaves stage 3 without channels"):
        progan_plan(32, 32, base=4)


# Growing.


def test_a_stage_begins_as_the_one_before(generator):
    for stage in (1, 2):
        before = generator(stage=stage - 1)
        now = generator(stage=stage, alpha=0.0)
        assert now.shape == (4, 4 << stage, 4 << stage, 3)
        np.testing.assert_array_equal(now, upsample_nearest(before))


def test_a_stage_fades_in_linearly_and_ends_alone(generator):
    old, new = upsample_nearest(generator(stage=1)), generator(stage=2)
    np.testing.assert_array_equal(generator(stage=2, alpha=jnp.float32(1.0)), new)
    np.testing.assert_array_equal(generator(), new)
    half = generator(stage=2, alpha=jnp.float32(0.3))
    np.testing.assert_allclose(half, 0.3 * new + 0.7 * old, atol=1e-5)


def test_a_discriminator_begins_as_the_one_before(discriminator):
    images = jax.random.normal(jax.random.key(3), (4, 16, 16, 3))
    for stage in (1, 2):
        x = halved(images, 2 - stage)
        np.testing.assert_array_equal(
            discriminator(x, stage=stage, alpha=0.0),
            discriminator(avg_pool(x), stage=stage - 1),
        )
    ends = discriminator(images, stage=2, alpha=jnp.float32(1.0))
    np.testing.assert_array_equal(ends, discriminator(images))
    assert np.abs(ends - discriminator(images, stage=2, alpha=0.0)).max() > 0.01


@pytest.mark.parametrize("level", [0.0, 0.4, 1.0, 1.7, 2.0])
def test_a_level_is_a_stage_and_its_weight_at_full_size(generator, discriminator, level):
    stage = int(np.ceil(level))
    alpha = jnp.float32(level - max(stage - 1, 0))
    weights = weights_at(jnp.float32(level), 3)
    images = generator(stage=stage, alpha=alpha)
    whole = generator(alpha=weights)
    for _ in range(2 - stage):
        images = upsample_nearest(images)
    np.testing.assert_allclose(whole, images, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        discriminator(whole, alpha=weights),
        discriminator(halved(whole, 2 - stage), stage=stage, alpha=alpha),
        rtol=1e-4,
        atol=1e-5,
    )


def test_weights_of_stages():
    assert weights_of(0, 0.3) == [None]
    assert weights_of(2, 1.0) == [None, None, None]
    assert weights_of(2, 0.25)[:2] == [None, None]
    assert float(weights_of(2, 0.25)[2]) == 0.25
    first, *rest = weights_of(2, jnp.array([1.0, 0.5]))
    assert first is None
    assert [float(weight) for weight in rest] == [1.0, 0.5]
    np.testing.assert_array_equal(
        weights_at(jnp.float32(1.25), 4), np.float32([1.0, 0.25, 0.0])
    )
    with pytest.raises(ValueError, match=r"one for each of 2 stages, got shape \(3,\)"):
        weights_of(2, jnp.ones(3))
    old = jnp.full((2, 1), jnp.float32(0.1))
    np.testing.assert_array_equal(faded(jnp.ones((2, 1)), old, jnp.float32(0.0)), old)


def test_only_the_stage_asked_for_is_computed():
    module, z = ProGANGenerator(PLAN), jnp.zeros((2, Z))
    params = module.init(jax.random.key(0), z)["params"]

    def total(params):
        return jnp.square(module.apply({"params": params}, z + 1.0, stage=1)).sum()

    gradient = jax.grad(total)(params)
    moved = {name for name, x in gradient.items() if float(trees.global_norm(x)) > 0.0}
    assert moved == {
        "project", "bias", "conv_0_1", "conv_1_0", "conv_1_1", "image_1"
    }  # fmt: skip


# What they are made of.


def test_latents_and_features_lie_on_spheres(generator):
    module = ProGANGenerator(ProGANPlan((6,), 5))
    z = jax.random.normal(jax.random.key(1), (3, Z))
    variables = module.init(jax.random.key(0), z)
    np.testing.assert_allclose(
        module.apply(variables, 100.0 * z), module.apply(variables, z), rtol=2e-4, atol=2e-4
    )
    _, kept = module.apply(variables, z, capture_intermediates=True)
    features = kept["intermediates"]["norm_0_1"]["__call__"][0]
    np.testing.assert_allclose(jnp.square(features).mean(-1), 1.0, rtol=1e-4)


def test_the_discriminator_sees_how_much_a_batch_varies(discriminator):
    images = jax.random.normal(jax.random.key(4), (4, 16, 16, 3))
    alone = jnp.broadcast_to(images[:1], images.shape)
    assert abs(float(discriminator(images)[0] - discriminator(alone)[0])) > 1e-3


def test_labels_enter_both_networks():
    z, y = jnp.ones((3, Z)), jnp.array([0, 1, 1])
    generator = ProGANGenerator(PLAN, num_classes=2)
    images, variables = jax.jit(generator.init_with_output)(jax.random.key(0), z, y)
    assert variables["params"]["project"]["kernel"].shape == (Z + 2, 128)
    np.testing.assert_array_equal(images[1], images[2])
    assert float(jnp.abs(images[0] - images[1]).max()) > 0.01
    module = ProGANDiscriminator(PLAN, num_classes=2)
    logits, variables = jax.jit(module.init_with_output)(jax.random.key(0), images, y)
    assert logits.shape == (3,)
    assert variables["params"]["embed"]["embedding"].shape == (2, 5)
    with pytest.raises(ValueError, match="conditional on 2 classes"):
        generator.apply({}, z)


def test_bad_stages_and_images(generator, discriminator):
    with pytest.raises(ValueError, match="stage must lie between 0 and 2, got 3"):
        generator(stage=3)
    with pytest.raises(ValueError, match=r"stage 1 works on images \(batch, 8, 8, chan"):
        discriminator(jnp.zeros((2, 16, 16, 3)), stage=1)
