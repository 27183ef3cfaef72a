import hashlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.checkpoint import leaf_digests, state_digest
from gan_jax.state import GameState


def _sha(text: str, data: bytes = b"") -> str:
    return hashlib.sha256(text.encode() + data).hexdigest()


def test_the_digest_is_as_documented():
    w = np.array([[1.0, -2.0, 0.5]], np.float32)
    h = jnp.array([1.5, -0.0], jnp.bfloat16)
    key = jax.random.key(7)
    words = np.array([0, 7], np.uint32)
    digests = leaf_digests(
        {"w": jnp.asarray(w), "a": {"h": h, "key": key}, "n": np.int32(4)}
    )
    assert digests == {
        "a/h": _sha("bfloat16 (2,)\n", b"\xc0\x3f\x00\x80"),
        "a/key": _sha("key<fry> (2,)\n", words.tobytes()),
        "n": _sha("int32 ()\n", b"\x04\x00\x00\x00"),
        "w": _sha("float32 (1, 3)\n", w.tobytes()),
    }
    whole = "".join(f"{path}\n{digests[path]}\n" for path in ("a/h", "a/key", "n", "w"))
    assert state_digest({"w": w, "a": {"h": h, "key": key}, "n": jnp.int32(4)}) == _sha(
        whole
    )


def test_containers_and_empty_nodes_do_not_count(state):
    def plain(node):
        if isinstance(node, GameState) or hasattr(node, "__dataclass_fields__"):
            return {name: plain(getattr(node, name)) for name in node.__dataclass_fields__}
        if hasattr(node, "_asdict"):
            return {name: plain(x) for name, x in node._asdict().items()}
        if isinstance(node, tuple):
            return {str(i): plain(x) for i, x in enumerate(node)}
        if isinstance(node, dict):
            return {name: plain(x) for name, x in reversed(node.items())}
        return node

    def prune(node):
        if isinstance(node, dict):
            pruned = {name: prune(x) for name, x in node.items()}
            return {name: x for name, x in pruned.items() if not isinstance(x, dict) or x}
        return node

    bare = prune(plain(state))
    assert "transform" not in bare["players"]["g"]
    assert jax.tree.structure(bare) != jax.tree.structure(state)
    assert leaf_digests(bare) == leaf_digests(state)
    assert state_digest(bare) == state_digest(state)


class _Pair(NamedTuple):
    a: object
    b: object


@pytest.mark.parametrize(
    "other",
    [
        {"a": jnp.array([1.0, -0.0]), "b": jnp.zeros(2), "c": jnp.arange(3)},
        {"a": jnp.array([1.0, 0.0]), "b": jnp.zeros((2, 1)), "c": jnp.arange(3)},
        {"a": jnp.array([1.0, 0.0]), "b": jnp.zeros(2), "c": jnp.arange(3.0)},
        {"a": jnp.array([1.0, 0.0]), "b": jnp.zeros(2), "d": jnp.arange(3)},
        {"a": jnp.zeros(2), "b": jnp.array([1.0, 0.0]), "c": jnp.arange(3)},
        {"a": jnp.array([1.0, 0.0]), "b": jnp.zeros(2)},
    ],
    ids=["sign of zero", "shape", "dtype", "path", "swapped", "missing"],
)
def test_every_difference_counts(other):
    base = {"a": jnp.array([1.0, 0.0]), "b": jnp.zeros(2), "c": jnp.arange(3)}
    assert state_digest(other) != state_digest(base)


def test_keys_of_another_kind_or_raw_words_differ():
    words = np.arange(4, dtype=np.uint32)
    kinds = [jax.random.wrap_key_data(words, impl=name) for name in ("rbg", "unsafe_rbg")]
    assert len({state_digest([x]) for x in (*kinds, words)}) == 3


def test_names_of_a_tuple_are_paths():
    assert list(leaf_digests(_Pair(b=jnp.ones(1), a=(jnp.ones(2),)))) == ["a/0", "b"]


@pytest.mark.parametrize("devices", [2, 8])
def test_the_layout_does_not_count(devices):
    tree = {"w": np.arange(64.0, dtype=np.float32).reshape(8, 8), "k": np.uint32([1, 2])}
    mesh = jax.make_mesh((devices,), ("data",))
    sharded = {
        "w": jax.device_put(tree["w"], NamedSharding(mesh, P(None, "data"))),
        "k": jax.device_put(tree["k"], NamedSharding(mesh, P())),
    }
    assert len(sharded["w"].addressable_shards) == devices
    assert leaf_digests(sharded) == leaf_digests(tree)


def test_order_in_memory_does_not_count():
    w = np.arange(12, dtype=np.int16).reshape(3, 4)
    assert state_digest([np.asfortranarray(w), w[::2]]) == state_digest([w, w[::2].copy()])


def test_a_digested_state_can_be_donated():
    x = jnp.arange(1000.0)
    before = state_digest([x])
    y = jax.jit(lambda x: x + 1, donate_argnums=0)(x)
    np.testing.assert_array_equal(y, np.arange(1, 1001, dtype=np.float32))
    assert state_digest([y - 1]) == before


def test_ambiguous_paths_are_refused():
    with pytest.raises(ValueError, match="two leaves have the same path: a/b"):
        leaf_digests({"a/b": jnp.ones(1), "a": {"b": jnp.ones(2)}, "c": jnp.ones(3)})
