"""Tools of the tests of losses."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import tracing


@pytest.fixture
def differences():
    """`(fn, *arrays) -> gradients`: central differences of a float64 function."""

    def gradients(fn, *arrays, step=1e-5):
        results = []
        for i, array in enumerate(arrays):
            slope = np.zeros(array.shape)
            for index in np.ndindex(array.shape):
                values = []
                for sign in (1.0, -1.0):
                    moved = [np.array(a, np.float64) for a in arrays]
                    moved[i][index] += sign * step
                    values.append(fn(*moved))
                slope[index] = (values[0] - values[1]) / (2.0 * step)
            results.append(slope)
        return results

    return gradients


@pytest.fixture
def on_shards():
    """`(fn, params, data) -> (value, gradient)` over 4 shards, reduced like the engine."""
    mesh = jax.make_mesh((4,), ("data",), axis_types=(jax.sharding.AxisType.Auto,))

    def evaluate(fn, params, data):
        def shard(params, data):
            with tracing.batch_axis("data"):
                results = jax.value_and_grad(fn)(tracing.varying(params), data)
                return tracing.pmean(results)

        mapped = jax.shard_map(shard, mesh=mesh, in_specs=(P(), P("data")), out_specs=P())
        return jax.jit(mapped)(params, data)

    return evaluate


@pytest.fixture(params=[jnp.float32, jnp.bfloat16], ids=["float32", "bfloat16"])
def dtype(request):
    return request.param
