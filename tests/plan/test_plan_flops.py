"""Operations counted from jaxprs: closed forms, loops, and a whole convolutional game."""

from __future__ import annotations

import inspect
import itertools
import runpy
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax import tracing
from gan_jax.engine import compile_game
from gan_jax.methods import dcgan
from gan_jax.plan.flops import count_flops, total_flops, valid_taps
from gan_jax.plan.program import trace_step
from gan_jax.priors import normal

CONFIGS = Path(__file__).parents[2] / "configs"


def counted(fn, *shapes, dtype=jnp.float32):
    args = [jax.ShapeDtypeStruct(shape, dtype) for shape in shapes]
    return count_flops(jax.make_jaxpr(fn)(*args))


def taps_by_hand(size, window, out, stride, low, holes, spread):
    """As the definition says: every pair, on the dilated and padded axis."""
    elements = {low + i * holes for i in range(size)}
    return sum(
        p * stride + t * spread in elements for p in range(out) for t in range(window)
    )


@pytest.mark.parametrize(
    ("size", "window", "out", "stride", "low", "holes", "spread"),
    [
        (8, 3, 8, 1, 1, 1, 1),  # "same"
        (8, 3, 6, 1, 0, 1, 1),  # "valid"
        (9, 4, 5, 2, 1, 1, 1),  # strided
        (4, 4, 8, 1, 2, 2, 1),  # transposed
        (7, 3, 7, 1, 2, 1, 2),  # dilated kernel
        (6, 2, 4, 1, -1, 1, 1),  # cropped
        (5, 3, 6, 2, 3, 3, 2),  # all at once
        (2, 1, 9, 1, 8, 1, 1),  # padding only before
    ],
)
def test_taps_are_those_that_meet_an_element(size, window, out, stride, low, holes, spread):
    args = (size, window, out, stride, low, holes, spread)
    assert valid_taps(*args) == taps_by_hand(*args)


def test_a_product_of_matrices_has_two_operations_for_each_of_its_terms():
    assert counted(lambda a, b: a @ b, (3, 5), (5, 7)) == {"float32": 2.0 * 3 * 5 * 7}
    batched = counted(lambda a, b: jnp.einsum("bij,bjk->bik", a, b), (4, 3, 5), (4, 5, 7))
    assert batched == {"float32": 2.0 * 4 * 3 * 5 * 7}


def test_dtypes_are_counted_apart():
    def both(a):
        half = a.astype(jnp.bfloat16)
        return a @ a, half @ half, half @ half @ half

    assert counted(both, (4, 4)) == {"float32": 128.0, "bfloat16": 384.0}


def convolve(x, kernel, stride=1):
    return jax.lax.conv_general_dilated(
        x, kernel, (stride, stride), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def test_a_convolution_and_both_its_gradients_have_as_many_operations():
    # 3 x 3 "same" on 8 x 6: all taps but those on the border.
    want = 2.0 * 2 * 3 * 5 * (3 * 8 - 2) * (3 * 6 - 2)
    shapes = (2, 8, 6, 3), (3, 3, 3, 5)
    assert counted(convolve, *shapes) == {"float32": want}
    for argument in (0, 1):
        # Of a sum the convolution itself is not needed, and is pruned.
        gradient = jax.grad(lambda *xs: jnp.sum(convolve(*xs)), argument)
        assert counted(gradient, *shapes) == {"float32": want}


def test_strides_and_groups_leave_work_out():
    one = total_flops(counted(lambda x, k: convolve(x, k, 2), (2, 8, 8, 4), (2, 2, 4, 6)))
    assert one == 2.0 * 2 * 4 * 4 * 4 * 4 * 6

    def grouped(x, k):
        return jax.lax.conv_general_dilated(
            x, k, (1, 1), "VALID", dimension_numbers=("NHWC", "HWIO", "NHWC"),
            feature_group_count=2,
        )  # fmt: skip

    assert total_flops(counted(grouped, (2, 8, 8, 4), (1, 1, 2, 6))) == 2.0 * 2 * 64 * 2 * 6


def test_loops_count_as_often_as_they_turn():
    def looped(x):
        def inner(c, _):
            return c @ c, None

        def outer(c, _):
            return jax.lax.scan(inner, c, None, length=3)[0] @ c, None

        return jax.lax.scan(outer, x, None, length=5)[0]

    assert counted(looped, (4, 4)) == {"float32": 5 * (3 + 1) * 128.0}


def test_the_heaviest_branch_counts_and_what_nobody_reads_does_not():
    def branched(x):
        _ = x @ x @ x
        return jax.lax.cond(x[0, 0] > 0.0, lambda: x @ x @ x, lambda: x @ x)

    assert counted(branched, (4, 4)) == {"float32": 256.0}


def test_a_branch_in_a_named_scope_counts_by_its_share_once():
    def lazily(x):
        def sometimes():
            return x @ jax.lax.cond(x[0, 1] > 0.0, lambda: x @ x, lambda: x)

        with jax.named_scope("lazy"):
            y = jax.lax.cond(x[0, 0] > 0.0, sometimes, lambda: x)
        return y @ x

    jaxpr = jax.make_jaxpr(lazily)(jax.ShapeDtypeStruct((4, 4), jnp.float32))
    assert count_flops(jaxpr, {"lazy": 0.25}) == {"float32": 128.0 + 0.25 * 256.0}
    assert count_flops(jaxpr, {"other": 0.25}) == {"float32": 3 * 128.0}


def test_what_is_computed_again_counts_again():
    def net(w, x):
        return jnp.sum(jnp.tanh(jnp.tanh(x @ w) @ w))

    shapes = (4, 4), (4, 4)
    plain = total_flops(counted(jax.value_and_grad(net), *shapes))
    again = total_flops(counted(jax.value_and_grad(jax.checkpoint(net)), *shapes))
    # Two products forward, and backward two for w and one between; both forward ones again.
    assert plain == 5 * 128.0
    assert again == 7 * 128.0


def test_a_mapped_step_counts_for_all_devices():
    mesh = jax.make_mesh((8,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec("data")

    def step(x):
        return jax.shard_map(lambda x: x @ x.T, mesh=mesh, in_specs=spec, out_specs=spec)(x)

    assert counted(step, (16, 4)) == {"float32": 8 * 2.0 * 2 * 4 * 2}


# A whole step against a formula.


def dcgan_flops(batch, latent, d_turns):
    """A step of DCGAN of width 4 with 4 x 4 windows at 16 pixels.

    G: latent to 4 x 4 x 8, then to 8 x 8 x 4 and 16 x 16 x 3; D: to 8 x 8 x 4 and
    4 x 4 x 8, then one logit. A window of stride 2 over 2n pixels has 4n taps on an axis,
    two of them on padding.
    """
    fine, coarse = (4 * 8 - 2) ** 2, (4 * 4 - 2) ** 2
    dense, first, head = latent * 128, fine * 3 * 4, 128
    generator = dense + coarse * 8 * 4 + fine * 4 * 3
    discriminator = first + coarse * 4 * 8 + head
    # Real and fake images: forward, weight gradients, and input gradients but the first.
    d_turn = generator + 2 * (3 * discriminator - first)
    # Through D without its weights' gradients, through G without its input's.
    g_turn = 3 * generator - dense + 2 * discriminator
    return 2.0 * batch * (d_turns * d_turn + g_turn)


@pytest.mark.parametrize("d_turns", [1, 3])
@pytest.mark.parametrize("platform", ["cpu", "tpu"])
def test_a_step_of_dcgan_has_the_operations_of_its_layers(d_turns, platform):
    recipe = inspect.signature(dcgan).parameters["recipe"].default
    game = dcgan(
        image_shape=(16, 16, 3), width=4, kernel_size=4,
        recipe=recipe._replace(d_steps=d_turns, prior=normal(10)),
    )  # fmt: skip
    algorithm = compile_game(game)
    state = jax.eval_shape(algorithm.init, jax.random.key(0))
    images = jax.ShapeDtypeStruct((d_turns, 8, 16, 16, 3), jnp.float32)
    with tracing.platform(platform):
        jaxpr = jax.make_jaxpr(algorithm.step)(state, {"image": images})
    np.testing.assert_allclose(
        total_flops(count_flops(jaxpr)), dcgan_flops(8, 10, d_turns), rtol=1e-12
    )


class BigGAN128:
    """Multiplications of BigGAN-128 for one image, layer by layer (1809.11096, table 4).

    A 3 x 3 window over n pixels has 3n - 2 taps on an axis that are not on padding; one
    fused with doubling or halving, over n pixels of the smaller side, has 4n - 2.
    """

    def __init__(self, width):
        self.kernels = []  # of the generator, (rows, columns) as the penalty reads them
        self.generator = self._generator(width)
        self.discriminator, self.first = self._discriminator(width)

    def _matrix(self, rows, columns):
        self.kernels.append((rows, columns))
        return rows * columns

    def _generator(self, width, chunk=20, embedding=128):
        multiples, style = (16, 16, 8, 4, 2, 1), 20 + 128
        total = self._matrix(chunk, 16 * 16 * width)
        for index, (before, after) in enumerate(itertools.pairwise(multiples)):
            side, ins, outs = 4 << index, before * width, after * width
            for channels in (ins, ins, outs, outs):  # gain and bias of both norms
                total += self._matrix(style, channels)
            self._matrix(9 * ins, outs)
            self._matrix(9 * outs, outs)
            total += (4 * side - 2) ** 2 * ins * outs + (6 * side - 2) ** 2 * outs * outs
            total += side**2 * self._matrix(ins, outs)
            if 2 * side == 64:
                total += self._attention(64, outs)
                self.kernels += [(outs, outs // 8)] * 2
                self.kernels += [(outs, outs // 2), (outs // 2, outs)]
        self._matrix(9 * width, 3)
        return total + (3 * 128 - 2) ** 2 * width * 3

    def _discriminator(self, width):
        ins, total, first = 3, 0, 0
        for index, multiple in enumerate((1, 2, 4, 8, 16, 16)):
            side, outs, down = 128 >> index, multiple * width, index < 5
            coarse = side // 2 if down else side
            begin = (3 * side - 2) ** 2 * ins * outs
            if down or ins != outs:
                begin += coarse**2 * ins * outs
            last = (4 * coarse - 2) ** 2 if down else (3 * side - 2) ** 2
            total += begin + last * outs * outs
            if index == 0:
                first, total = begin, total + self._attention(64, outs)
            ins = outs
        return total, first

    @staticmethod
    def _attention(side, channels):
        places, depth, values = side**2, channels // 8, channels // 2
        linear = 2 * places * channels * (depth + values)
        return linear + places * (places // 4) * (depth + values)

    def step(self, batch, d_steps, devices):
        """Operations of a step, with the orthogonal penalty on each of the devices."""
        d_turn = self.generator + 2 * (3 * self.discriminator - self.first)
        g_turn = 3 * self.generator + 2 * self.discriminator
        # W^T W or W W^T, and once more of that size for its gradient.
        penalty = sum(2 * min(m, n) ** 2 * max(m, n) for m, n in self.kernels)
        return 2.0 * (batch * (d_steps * d_turn + g_turn) + devices * penalty)


def test_a_step_of_biggan_at_full_size_has_the_operations_of_its_layers():
    """Within 5%: beside these there are power iterations, and attention's scores once more
    in its backward pass.
    """
    config = runpy.run_path(str(CONFIGS / "biggan.py"))["get_config"]("")
    program = trace_step(config, jax.devices())
    minimum = BigGAN128(96).step(2048, d_steps=2, devices=8)
    ratio = total_flops(program.flops) / minimum
    np.testing.assert_allclose(ratio, 1.01, atol=0.01)
