"""Convolutions on CPU equal XLA's, with their gradients and the gradients of these."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax
from jax.sharding import PartitionSpec as P

from gan_jax import tracing
from gan_jax.nn import conv as convs
from gan_jax.nn import conv_forms
from gan_jax.nn.resample import avg_pool, upsample_nearest

# (image, kernel, strides, padding): pixels, shifts, few inputs, few outputs, strides, odd
# sizes, crops, a window smaller than the stride, a batch in blocks, minimal filtering,
# windows of no whole number of strides, those in blocks.
CONVS = [
    ((3, 7, 9, 5), (1, 1, 5, 4), (2, 2), "VALID"),
    ((3, 7, 9, 13), (3, 3, 13, 14), (1, 1), "SAME"),
    ((3, 7, 9, 3), (3, 3, 3, 13), (1, 1), "SAME"),
    ((3, 7, 9, 13), (3, 3, 13, 3), (1, 1), "SAME"),
    ((3, 8, 10, 13), (4, 4, 13, 14), (2, 2), "SAME"),
    ((3, 9, 8, 3), (5, 5, 3, 13), (2, 2), "SAME"),
    ((3, 9, 8, 13), (4, 3, 13, 13), (2, 3), ((2, 0), (1, 3))),
    ((2, 9, 8, 13), (3, 3, 13, 13), (1, 1), ((-1, 2), (3, 0))),
    ((2, 9, 8, 13), (2, 2, 13, 13), (3, 3), "VALID"),
    ((86, 7, 9, 13), (2, 3, 13, 14), (1, 1), "VALID"),
    ((3, 7, 8, 32), (3, 2, 32, 33), (1, 1), ((2, 0), (-1, 1))),
    ((3, 9, 8, 8), (5, 4, 8, 32), (2, 2), "SAME"),
    ((3, 9, 8, 16), (5, 4, 16, 18), (2, 3), ((2, 0), (-1, 3))),
    ((36, 17, 16, 17), (3, 3, 17, 16), (2, 2), "VALID"),
]
TRANSPOSED = [
    ((3, 4, 5, 9), (4, 4, 9, 10), (2, 2), "SAME"),
    ((3, 4, 5, 9), (5, 5, 9, 3), (2, 2), "SAME"),
    ((3, 4, 5, 9), (5, 4, 9, 9), (2, 3), "VALID"),
    ((3, 4, 5, 9), (4, 4, 9, 9), (2, 2), ((1, 2), (3, 3))),
    ((3, 4, 5, 9), (2, 2, 9, 9), (3, 3), "SAME"),
    ((3, 4, 5, 32), (5, 4, 32, 32), (2, 2), "SAME"),
]

QUICK = {"xla_backend_optimization_level": 0}
"""Compile for a single run."""


def operands(image, kernel):
    keys = jax.random.split(jax.random.key(0))
    scale = math.prod(kernel[:3]) ** -0.5
    return jax.random.normal(keys[0], image), scale * jax.random.normal(keys[1], kernel)


def once(op, x, kernel):
    """Value and both gradients of a nonlinear function."""
    gradients = jax.grad(lambda *args: jnp.sum(jnp.sin(op(*args))), (0, 1))(x, kernel)
    return op(x, kernel), gradients


def twice(op, x, kernel):
    """Both gradients of a nonlinear function of both gradients."""
    return jax.grad(
        lambda *args: sum(jnp.sum(jnp.sin(g)) for g in once(op, *args)[1]), (0, 1)
    )(x, kernel)


def assert_same_on_cpu(derive, op, x, kernel, reference=None, also=()):
    """`derive(op)` on CPU (and other platforms) equals that of `reference`, by default `op`
    as on a TPU, which is that of `lax`.
    """
    compiled = {}
    for platform, fn in (("tpu", reference or op), *((one, op) for one in ("cpu", *also))):
        with tracing.platform(platform):
            run = jax.jit(lambda *args, fn=fn: derive(fn, *args), compiler_options=QUICK)
            compiled[platform] = run(x, kernel)

    def close(actual, expected):
        scale = float(np.abs(expected).max())
        np.testing.assert_allclose(actual, expected, rtol=0, atol=4e-5 * scale)

    for platform in ("cpu", *also):
        jax.tree.map(close, compiled[platform], compiled["tpu"])


@pytest.mark.parametrize(("image", "kernel", "strides", "padding"), CONVS)
def test_conv_and_gradients_equal_lax(image, kernel, strides, padding):
    op = partial(convs.conv, strides=strides, padding=padding)
    assert_same_on_cpu(once, op, *operands(image, kernel))


@pytest.mark.parametrize(("image", "kernel", "strides", "padding"), TRANSPOSED)
def test_conv_transpose_and_gradients_equal_lax(image, kernel, strides, padding):
    op = partial(convs.conv_transpose, strides=strides, padding=padding)
    assert_same_on_cpu(once, op, *operands(image, kernel), also=("gpu",))


@pytest.mark.parametrize(
    ("fn", "kernel", "strides"),
    [
        (convs.conv, (2, 3, 32, 32), (1, 1)),
        (convs.conv, (3, 2, 13, 3), (1, 1)),
        (convs.conv, (3, 3, 13, 14), (2, 2)),
        (convs.conv, (3, 3, 16, 17), (2, 2)),
        (convs.conv_transpose, (2, 3, 13, 14), (2, 2)),
    ],
)
def test_gradients_of_gradients_equal_lax(fn, kernel, strides):
    op = partial(fn, strides=strides, padding="SAME")
    also = ("gpu",) if fn is convs.conv_transpose else ()
    assert_same_on_cpu(twice, op, *operands((2, 4, 5, kernel[2]), kernel), also=also)


def along(op, x, kernel):
    """Derivative of a nonlinear function along a direction, and the gradient of it."""

    def derivative(*args):
        return jax.jvp(lambda *args: jnp.sum(jnp.sin(op(*args))), args, (x, kernel))[1]

    return derivative(x, kernel), jax.grad(derivative, (0, 1))(x, kernel)


@pytest.mark.parametrize("fn", [convs.conv, convs.conv_transpose])
def test_forward_derivatives_equal_lax(fn):
    op = partial(fn, strides=(2, 2), padding="SAME")
    also = ("gpu",) if fn is convs.conv_transpose else ()
    assert_same_on_cpu(along, op, *operands((2, 4, 5, 13), (3, 3, 13, 14)), also=also)


def test_minimal_filtering_in_blocks_equals_lax(monkeypatch):
    monkeypatch.setattr(conv_forms, "_CONVOLVED", 3000)
    monkeypatch.setattr(conv_forms, "_CORRELATED", 3000)
    assert_same_on_cpu(once, convs.conv, *operands((6, 3, 2, 32), (2, 2, 32, 34)))


def test_upsample_conv_is_a_convolution_of_the_doubled_image():
    assert_same_on_cpu(
        once,
        convs.upsample_conv,
        *operands((2, 3, 5, 13), (3, 3, 13, 14)),
        reference=lambda x, k: convs.conv(upsample_nearest(x), k),
    )


def test_conv_pool_is_the_mean_of_a_convolution():
    assert_same_on_cpu(
        once,
        convs.conv_pool,
        *operands((2, 4, 6, 13), (3, 3, 13, 14)),
        reference=lambda x, k: avg_pool(convs.conv(x, k)),
    )


def test_conv_pool_names_an_odd_image():
    x, kernel = operands((2, 4, 5, 9), (3, 3, 9, 10))
    with pytest.raises(ValueError, match="cannot halve 4 x 5 images"):
        convs.conv_pool(x, kernel)


def test_groups_are_convolved_apart():
    x, kernel = operands((2, 5, 6, 8), (3, 3, 4, 6))
    out = convs.conv(x, kernel, feature_group_count=2)
    halves = [
        convs.conv(x[..., :4], kernel[..., :3]),
        convs.conv(x[..., 4:], kernel[..., 3:]),
    ]
    np.testing.assert_allclose(out, jnp.concatenate(halves, -1), rtol=0, atol=2e-5)


def grad_of_square(x, kernel):
    return jax.grad(lambda *args: jnp.sum(convs.conv(*args) ** 2), (0, 1))(x, kernel)


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_vmap_over_images_and_kernels_equals_a_loop(axes):
    xs, kernels = operands((3, 2, 5, 6, 9), (3, 3, 3, 9, 10))
    args = [a if axis == 0 else a[0] for a, axis in zip((xs, kernels), axes, strict=True)]
    batched = jax.vmap(grad_of_square, axes)(*args)
    for i in range(3):
        one = [a[i] if axis == 0 else a for a, axis in zip(args, axes, strict=True)]
        for actual, expected in zip(batched, grad_of_square(*one), strict=True):
            np.testing.assert_allclose(actual[i], expected, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("check_vma", [True, False])
def test_shard_map_sums_the_kernel_gradient_over_shards(check_vma):
    x, kernel = operands((8, 5, 6, 9), (3, 3, 9, 10))
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def local(x, kernel):
        dx, dkernel = grad_of_square(x, kernel)
        return dx, dkernel if check_vma else lax.psum(dkernel, "data")

    specs = P("data"), P()
    sharded = jax.shard_map(
        local, mesh=mesh, in_specs=specs, out_specs=specs, check_vma=check_vma
    )
    for actual, expected in zip(
        jax.jit(sharded)(x, kernel), grad_of_square(x, kernel), strict=True
    ):
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-3)


def test_bfloat16_weight_gradient_is_summed_in_float32():
    x = jnp.ones((16, 16, 16, 9), jnp.bfloat16)
    kernel = jnp.zeros((1, 2, 9, 10), jnp.bfloat16)
    gradient = jax.grad(lambda k: jnp.sum(convs.conv(x, k, padding="VALID")))(kernel)
    assert gradient.dtype == jnp.bfloat16
    # 16 * 16 * 15 = 3840 ones, which 8 bits of mantissa cannot count up to one by one.
    np.testing.assert_array_equal(gradient.astype(jnp.float32), 3840.0)
