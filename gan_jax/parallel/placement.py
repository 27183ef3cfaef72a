"""Where a state lives: shardings by rule, and the ways onto the mesh and back."""

from __future__ import annotations

import math
import re
import zlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax import trees
from gan_jax.parallel.mesh import DATA_AXIS, FSDP_AXIS
from gan_jax.types import Key, PyTree

Choose = Callable[[Mesh, tuple[int, ...]], P]
"""`(mesh, shape) -> PartitionSpec` of a leaf."""


class Initialiser(Protocol):
    """What `init_state` needs of an `Algorithm`."""

    @property
    def init(self) -> Callable[[Key], Any]:
        """`(key) -> state`."""


class Rule(NamedTuple):
    """Which leaves of a state are sharded, and how.

    Attributes:
        where: a regular expression searched in the leaf's path, such as
            "players/generator/params/generator/block_0/kernel", or `(path, leaf) -> bool`.
            Optimizer moments and averages repeat the path of their parameter, so that one
            expression covers all three.
        choose: `(mesh, shape) -> PartitionSpec`.
    """

    where: str | trees.Where
    choose: Choose


def fsdp(where: str | trees.Where = "", *, min_elements: int = 2**16) -> Rule:
    """Shards large leaves: parameters, optimizer moments and averages (1910.02054).

    A leaf is split along its largest axis that the mesh axis divides: "fsdp" where the mesh
    has it, else "data". The compiler gathers parameters where they are used.

    Args:
        where: leaves concerned, as in `Rule`; default: all.
        min_elements: smaller leaves stay replicated.
    """

    def choose(mesh: Mesh, shape: tuple[int, ...]) -> P:
        axis = FSDP_AXIS if FSDP_AXIS in mesh.axis_names else DATA_AXIS
        return split_largest(mesh, shape, axis, min_elements)

    return Rule(where, choose)


def split_largest(mesh: Mesh, shape: tuple[int, ...], axis: str, min_elements: int) -> P:
    """Splits the largest dimension that mesh axis `axis` divides; of equals, the last."""
    fits = [i for i, size in enumerate(shape) if size % mesh.shape[axis] == 0 and size > 0]
    if not fits or math.prod(shape) < min_elements:
        return P()
    best = max(fits, key=lambda i: (shape[i], i))
    return P(*(axis if i == best else None for i in range(len(shape))))


def state_shardings(
    mesh: Mesh, abstract_state: PyTree, rules: Sequence[Rule] = ()
) -> PyTree:
    """A sharding for every leaf of a state.

    Args:
        mesh: the mesh of the run.
        abstract_state: the state, or its shapes by `jax.eval_shape(algorithm.init, key)`.
        rules: the first rule that matches a leaf decides; leaves without one, scalars and
            typed keys are replicated.

    Returns:
        `NamedSharding`s in the structure of the state.

    Raises:
        ValueError: a rule chooses what the mesh or the leaf's shape does not allow.
    """

    def one(path: str, leaf: Any) -> NamedSharding:
        if leaf.ndim == 0 or jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key):
            return NamedSharding(mesh, P())
        rule = next((rule for rule in rules if _matches(rule.where, path, leaf)), None)
        spec = P() if rule is None else rule.choose(mesh, leaf.shape)
        try:
            sharding = NamedSharding(mesh, spec)
            sharding.shard_shape(leaf.shape)
        except (ValueError, IndexError) as error:
            raise ValueError(
                f"a sharding rule gives {path!r} of shape {leaf.shape} the spec {spec}, "
                f"which does not fit the mesh {dict(mesh.shape)}"
            ) from error
        return sharding

    return trees.map_with_path(one, abstract_state)


def _matches(where: str | trees.Where, path: str, leaf: Any) -> bool:
    if isinstance(where, str):
        return re.search(where, path) is not None
    return where(path, leaf)


def init_state(
    algorithm: Initialiser, key: Key, mesh: Mesh, shardings: PyTree | None = None
) -> PyTree:
    """The initial state on the mesh, without compiling `init`.

    It is computed operation by operation on each host's own processor, since compiling an
    `init` takes as long as compiling a step, and is the same on every platform.

    Args:
        algorithm: the algorithm.
        key: a typed key, the same in every process.
        mesh: the mesh of the run.
        shardings: as of `state_shardings`; default: replicated.

    Raises:
        RuntimeError: processes computed different states.
    """
    with jax.default_device(_host_device()):
        state = algorithm.init(to_host(key))
    return global_from_host(mesh, state, shardings)


def _host_device() -> jax.Device:
    try:
        return jax.local_devices(backend="cpu")[0]
    except RuntimeError:  # JAX_PLATFORMS names the accelerator only
        return jax.local_devices()[0]


def global_from_host(mesh: Mesh, state: PyTree, shardings: PyTree | None = None) -> PyTree:
    """Puts a state that every process holds whole onto the mesh.

    Args:
        mesh: the mesh of the run.
        state: arrays of any kind, fully addressable; typed keys stay typed keys.
        shardings: a `NamedSharding` per leaf; default: replicated.

    Returns:
        Global arrays in buffers of their own, safe to donate.

    Raises:
        RuntimeError: the processes hold different states.
    """
    if shardings is None:
        shardings = jax.tree.map(lambda _: NamedSharding(mesh, P()), state)
    state = to_host(state)
    _check_same_everywhere(state)
    return jax.tree.map(_put, state, shardings)


def _put(leaf: Any, sharding: NamedSharding) -> jax.Array:
    if not _is_key(leaf):
        # A copy: on CPU, JAX would use the host's buffer itself, and a step may donate it.
        return jax.make_array_from_callback(
            leaf.shape, sharding, lambda index: np.array(leaf[index])
        )
    data = _put(np.asarray(jax.random.key_data(leaf)), sharding)
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))


def _check_same_everywhere(state: PyTree) -> None:
    """Processes that differ in seed, config or versions would train on nonsense."""
    if jax.process_count() == 1:
        return
    own = 0
    for leaf in jax.tree.leaves(state):
        data = np.asarray(jax.random.key_data(leaf) if _is_key(leaf) else leaf)
        own = zlib.crc32(data.tobytes(), own)
    everyone = np.ravel(multihost_utils.process_allgather(np.uint32(own)))
    odd = np.flatnonzero(everyone != everyone[0]).tolist()
    if odd:
        raise RuntimeError(
            f"processes {odd} hold another state than process 0; start all with the same "
            "seed, config and package versions"
        )


def to_host(tree: PyTree) -> PyTree:
    """Numpy copies of global arrays; typed keys stay typed keys, on this host's processor.

    A collective if leaves are sharded over several processes: then call it in all of them.
    """
    return jax.tree.map(_fetch, tree)


def _fetch(leaf: Any) -> Any:
    if _is_key(leaf):
        data = _fetch(jax.random.key_data(leaf))
        with jax.default_device(_host_device()):
            return jax.random.wrap_key_data(data, impl=jax.random.key_impl(leaf))
    if isinstance(leaf, jax.Array) and not (
        leaf.is_fully_addressable or leaf.is_fully_replicated
    ):
        return multihost_utils.process_allgather(leaf, tiled=True)
    return np.array(leaf)


def _is_key(leaf: Any) -> bool:
    return isinstance(leaf, jax.Array) and jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)
