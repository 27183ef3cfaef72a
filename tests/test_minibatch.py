"""Top-k training: which examples count."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import tracing
from gan_jax.minibatch import top_k

LOGITS = jnp.array([0.5, -1.0, 3.0, 3.0, 2.0, -5.0, 3.0, 0.0])


@pytest.mark.parametrize(
    ("share", "kept"),
    [(1.0, range(8)), (0.5, [2, 3, 4, 6]), (0.25, [2, 3]), (0.3, [2, 3, 6]), (0.0, [2])],
)
def test_the_largest_logits_share_the_gradient(share, kept):
    weights = top_k(lambda images: share)(LOGITS, jnp.float32(0.0))
    expected = np.zeros(8)
    expected[list(kept)] = 8.0 / len(kept)
    np.testing.assert_allclose(weights, expected, rtol=1e-6)


def test_the_share_follows_images_seen():
    weights = top_k(lambda images: 1.0 - images / 100.0)
    counts = [int((weights(LOGITS, jnp.float32(n)) > 0).sum()) for n in (0, 25, 50)]
    assert counts == [8, 6, 4]


def test_ranks_are_global():
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def local(logits):
        with tracing.batch_axis("data"):
            return top_k(lambda images: 0.25)(logits, jnp.float32(0.0))

    sharded = jax.jit(
        jax.shard_map(local, mesh=mesh, in_specs=P("data"), out_specs=P("data"))
    )
    whole = top_k(lambda images: 0.25)(LOGITS, jnp.float32(0.0))
    np.testing.assert_array_equal(sharded(LOGITS), whole)
