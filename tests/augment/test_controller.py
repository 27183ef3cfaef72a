"""The controller of p: trajectories by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import tracing
from gan_jax.augment import controller


def logits(positive, negative, zero=0):
    return jnp.float32([2.0] * positive + [-0.5] * negative + [0.0] * zero)


def run(loop, batches, images):
    state = loop.init()
    history = []
    for batch in batches:
        state = loop.update(state, batch, images)
        history.append(float(state.p))
    return state, history


def test_p_moves_every_fourth_call_by_the_images_seen():
    # r_t = 1 > 0.6: every 4 calls of 50 images p rises by 200 / 10_000.
    loop = controller(kimg=10)
    _, history = run(loop, [logits(5, 0)] * 9, 50)
    np.testing.assert_allclose(history, [0.0] * 3 + [0.02] * 4 + [0.04] * 2, atol=1e-7)


def test_the_statistic_is_over_all_calls_since_the_last_adjustment():
    # Signs of 8 of 10, then of 4 of 10 positive logits: r = 0.6, -0.2; mean 0.2 < 0.3.
    loop = controller(target=0.3, interval=2, kimg=1, start=0.5)
    state, history = run(loop, [logits(8, 2), logits(4, 6)], 10)
    np.testing.assert_allclose(history, [0.5, 0.48], atol=1e-7)
    assert (float(state.signs), float(state.images), int(state.calls)) == (0.0, 0.0, 0)
    # The next interval starts anew: 1 and 0 have the mean 0.5 > 0.3.
    state = loop.update(state, logits(10, 0), 10)
    np.testing.assert_allclose([state.signs, state.images, state.calls], [10.0, 10.0, 1])
    state = loop.update(state, logits(5, 5), 10)
    np.testing.assert_allclose(state.p, 0.5, atol=1e-7)


def test_calls_weigh_by_their_images():
    # 30 images of sign 1 and 10 of sign -1: r = 0.5 > 0.4; unweighted it would be 0.
    loop = controller(target=0.4, interval=2, kimg=1)
    state = loop.update(loop.init(), logits(3, 0), 30)
    state = loop.update(state, logits(0, 1), 10)
    np.testing.assert_allclose(state.p, 0.04, atol=1e-7)


def test_p_stays_at_the_target():
    loop = controller(target=0.5, interval=1, kimg=1, start=0.25)
    state, _ = run(loop, [logits(3, 1)], 4)
    assert float(state.p) == 0.25
    # A logit of 0 has no sign: 2 of 4 positive and none negative is 0.5 too.
    state, _ = run(loop, [logits(2, 0, 2)], 4)
    assert float(state.p) == 0.25


def test_p_stays_a_probability():
    loop = controller(interval=1, kimg=0.1, start=0.9)
    _, up = run(loop, [logits(1, 0)] * 4, 64)
    np.testing.assert_allclose(up, [1.0] * 4)
    _, down = run(loop, [logits(0, 1)] * 4, 64)
    np.testing.assert_allclose(down, [0.26, 0.0, 0.0, 0.0], atol=1e-6)


def test_the_published_speed():
    # 500 kimg from 0 to 1 at batches of 64: 4 batches move p by 256 / 500_000.
    _, history = run(controller(), [logits(4, 0)] * 4, 64)
    np.testing.assert_allclose(history[-1], 256 / 500_000, rtol=1e-6)


def test_state_is_a_fixed_point_and_logits_of_any_type_and_shape_are_read():
    loop = controller(interval=1, kimg=1)
    state = loop.init()
    update = jax.jit(loop.update)
    later = update(state, jnp.bfloat16([[3.0, 1.0], [2.0, 4.0]]), jnp.int32(4))
    assert jax.tree.map(jnp.shape, later) == jax.tree.map(jnp.shape, state)
    assert [x.dtype for x in later] == [x.dtype for x in state]
    np.testing.assert_allclose(later.p, 0.004, rtol=1e-6)


def test_shards_share_the_statistic():
    # Shards with signs 1 and -0.5: 0.25 > 0.2 for both.
    loop = controller(target=0.2, interval=1, kimg=1)
    mesh = jax.sharding.Mesh(jax.devices()[:2], ("d",))

    def update(values):
        with tracing.batch_axis("d"):
            return loop.update(loop.init(), values, 8).p

    p = jax.shard_map(update, mesh=mesh, in_specs=P("d"), out_specs=P())(
        jnp.concatenate([logits(4, 0), logits(1, 3)])
    )
    np.testing.assert_allclose(p, 0.008, rtol=1e-6)


@pytest.mark.parametrize("wrong", [{"interval": 0}, {"kimg": 0.0}, {"start": 1.5}])
def test_bad_numbers_are_refused(wrong):
    with pytest.raises(ValueError, match="interval >= 1, kimg > 0 and start"):
        controller(**wrong)
