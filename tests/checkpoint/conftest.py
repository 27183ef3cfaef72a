"""A state with every kind of leaf that a game may carry."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from gan_jax.state import Average, GameState, PlayerState


def make_state(step: int = 3) -> GameState:
    """Unlike leaves: shapes, dtypes, empty, scalar, numpy, typed keys of two kinds."""
    rng = np.random.default_rng(step)
    params = {
        "net": {
            "kernel": jnp.asarray(rng.normal(size=(48, 24)).astype(np.float32)),
            "bias": jnp.asarray(rng.normal(size=(5,)), jnp.bfloat16),
            "empty": jnp.zeros((0, 4), jnp.float32),
        }
    }
    player = PlayerState(
        params=params,
        stats={"seen": jnp.asarray(step * 8, jnp.int32), "mask": jnp.array([True, False])},
        transform=(),
        opt=optax.adam(1e-3).init(params),
        ema=Average(params=params, stats={}, transform=()),
    )
    return GameState(
        step=jnp.asarray(step, jnp.int32),
        key=jax.random.key(step),
        players={"g": player},
        memory={
            "pool": np.arange(6, dtype=np.int8).reshape(2, 3),
            "keys": jax.random.split(jax.random.key(step, impl="rbg"), 3),
        },
    )


@pytest.fixture(scope="session")
def new_state() -> Any:
    return make_state


@pytest.fixture
def state() -> GameState:
    return make_state()


@pytest.fixture(scope="session")
def same() -> Any:
    """`same(a, b)`: equal structure, types and bits."""

    def raw(leaf: Any) -> np.ndarray:
        is_key = jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key)
        return np.asarray(jax.random.key_data(leaf) if is_key else leaf)

    def compare(a: Any, b: Any) -> bool:
        if jax.tree.structure(a) != jax.tree.structure(b):
            return False
        pairs = zip(jax.tree.leaves(a), jax.tree.leaves(b), strict=True)
        return all(
            x.dtype == y.dtype
            and x.shape == y.shape
            and raw(x).tobytes() == raw(y).tobytes()
            for x, y in pairs
        )

    return compare
