"""Shardings of a state by rule, and its ways onto the mesh and back."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import PartitionSpec as P

from gan_jax import parallel


def _params():
    return {
        "conv": {
            "kernel": jnp.arange(3 * 3 * 8 * 16, dtype=jnp.float32).reshape(3, 3, 8, 16)
        },
        "dense": {"kernel": jnp.ones((24, 8)), "bias": jnp.zeros(8)},
        "odd": jnp.ones((7, 9)),
    }


def _state():
    """A state of unlike leaves, with what an optimizer and an average add."""
    params = _params()
    return {
        "step": jnp.zeros((), jnp.int32),
        "key": jax.random.key(3),
        "params": params,
        "opt": {
            "mu": jax.tree.map(jnp.zeros_like, params),
            "count": jnp.zeros((), jnp.int32),
        },
        "ema": jax.tree.map(jnp.array, params),
    }


def _specs(shardings):
    return jax.tree.map(lambda sharding: sharding.spec, shardings)


def test_states_are_replicated_without_rules():
    mesh = parallel.make_mesh()
    specs = _specs(parallel.state_shardings(mesh, _state()))
    assert all(spec == P() for spec in jax.tree.leaves(specs))
    assert jax.tree.structure(specs) == jax.tree.structure(_state())


def test_fsdp_treats_params_moments_and_averages_alike():
    mesh = parallel.make_mesh()
    abstract = jax.eval_shape(_state)
    specs = _specs(
        parallel.state_shardings(mesh, abstract, [parallel.fsdp(min_elements=64)])
    )
    expected = {
        "conv": {"kernel": P(None, None, None, "data")},
        "dense": {"kernel": P("data", None), "bias": P()},
        "odd": P(),
    }
    assert specs["params"] == specs["opt"]["mu"] == specs["ema"] == expected
    assert specs["step"] == specs["key"] == specs["opt"]["count"] == P()


def test_fsdp_prefers_its_own_axis():
    mesh = parallel.make_mesh(shape={"data": 2, "fsdp": 4})
    specs = _specs(
        parallel.state_shardings(mesh, _params(), [parallel.fsdp(min_elements=1)])
    )
    assert specs["conv"]["kernel"] == P(None, None, None, "fsdp")
    assert specs["dense"] == {"kernel": P("fsdp", None), "bias": P("fsdp")}
    assert specs["odd"] == P()


@pytest.mark.parametrize(
    ("shape", "min_elements", "spec"),
    [
        ((16, 16), 1, P(None, "data")),  # equal sizes: the last
        ((64, 7), 1, P("data", None)),
        ((9, 8), 1, P(None, "data")),  # the largest does not divide
        ((16, 16), 257, P()),
        ((16, 16), 256, P(None, "data")),
        ((0, 5), 0, P()),
    ],
)
def test_split_largest(shape, min_elements, spec):
    mesh = parallel.make_mesh()
    assert parallel.split_largest(mesh, shape, "data", min_elements) == spec


def test_first_matching_rule_decides():
    mesh = parallel.make_mesh(shape={"data": 2, "model": 4})
    rules = [
        parallel.Rule(r"dense/kernel$", lambda mesh, shape: P("model")),
        parallel.Rule(lambda path, leaf: leaf.ndim == 2, lambda mesh, shape: P(None, None)),
        parallel.Rule("kernel", lambda mesh, shape: P(None, None, "model", "data")),
    ]
    specs = _specs(parallel.state_shardings(mesh, _params(), rules))
    assert specs["dense"] == {"kernel": P("model"), "bias": P()}
    assert specs["odd"] == P(None, None)
    assert specs["conv"]["kernel"] == P(None, None, "model", "data")


@pytest.mark.parametrize("spec", [P("data"), P(None, "nowhere"), P(None, None, "data")])
def test_specs_that_do_not_fit_name_the_leaf(spec):
    mesh = parallel.make_mesh()
    rule = parallel.Rule("odd", lambda mesh, shape: spec)
    with pytest.raises(ValueError, match=r"'odd' of shape \(7, 9\)"):
        parallel.state_shardings(mesh, _params(), [rule])


def test_state_goes_to_the_mesh_and_back_unchanged():
    mesh = parallel.make_mesh()
    state = _state()
    shardings = parallel.state_shardings(mesh, state, [parallel.fsdp(min_elements=64)])
    placed = parallel.global_from_host(mesh, state, shardings)
    for leaf, sharding in zip(
        jax.tree.leaves(placed), jax.tree.leaves(shardings), strict=True
    ):
        assert leaf.sharding.is_equivalent_to(sharding, leaf.ndim)
    kernel = placed["params"]["conv"]["kernel"]
    assert {s.data.shape for s in kernel.addressable_shards} == {(3, 3, 8, 2)}
    back = parallel.to_host(placed)
    assert isinstance(back["params"]["odd"], np.ndarray)
    assert back["key"] == state["key"]
    assert len(back["key"].sharding.device_set) == 1
    jax.tree.map(np.testing.assert_array_equal, back["params"], state["params"])
    jax.tree.map(np.testing.assert_array_equal, back["opt"], state["opt"])
    again = parallel.to_host(parallel.global_from_host(mesh, back))
    jax.tree.map(np.testing.assert_array_equal, again["ema"], state["ema"])


def test_donating_a_placed_state_leaves_the_host_copy_alone():
    mesh = parallel.make_mesh(shape={"data": 2})
    host = {
        "a": np.arange(4096, dtype=np.float32),
        "b": np.ones((8, 3), np.float32),
        "c": np.float32(2.0),
    }
    before = jax.tree.map(np.copy, host)
    placed = parallel.global_from_host(mesh, host)
    double = jax.jit(lambda tree: jax.tree.map(lambda x: x * 2, tree), donate_argnums=0)
    doubled = double(double(placed))
    jax.tree.map(np.testing.assert_array_equal, host, before)
    jax.tree.map(lambda x, y: np.testing.assert_array_equal(x, y * 4), doubled, before)


def test_init_state_equals_init():
    class Toy:
        @staticmethod
        def init(key):
            noise = jax.random.normal(key, (16, 4))
            return {"w": noise, "key": jax.random.fold_in(key, 1), "step": jnp.int32(0)}

    mesh = parallel.make_mesh()
    key = jax.random.key(5)
    shardings = parallel.state_shardings(
        mesh, jax.eval_shape(Toy.init, key), [parallel.fsdp(min_elements=1)]
    )
    state = parallel.init_state(Toy, key, mesh, shardings)
    expected = Toy.init(key)
    np.testing.assert_array_equal(np.asarray(state["w"]), expected["w"])
    assert parallel.to_host(state)["key"] == expected["key"]
    assert state["w"].sharding.spec == P("data", None)
    replicated = parallel.init_state(Toy, key, mesh)
    assert all(leaf.sharding.is_fully_replicated for leaf in jax.tree.leaves(replicated))
