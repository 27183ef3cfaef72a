"""Many runs of one method in one program, which differ in their seeds alone.

The seeds are split over the devices of a mesh; no device waits for another:

    mesh = make_mesh()
    states = init_seeds(algorithm, jax.random.split(jax.random.key(0), 8), mesh)
    step = seeds_step(algorithm, mesh)
    for batch in batches:                                 # leaves (8, rounds, batch, ...)
        states, metrics = step(states, jax.device_put(batch, seeds_sharding(mesh)))

The seeds of one device are computed side by side (`vmap`) where that fills it better, and
one after the other on CPU, where one already does and where convolutions of several seeds
become slow grouped ones.
"""

from __future__ import annotations

from typing import Any, Protocol

import jax
import jax.numpy as jnp
from jax.sharding import Mesh, NamedSharding
from jax.sharding import PartitionSpec as P

from gan_jax.parallel.mesh import DATA_AXIS
from gan_jax.parallel.placement import Initialiser
from gan_jax.parallel.steps import Step, Stepper, check_data_only, several_steps
from gan_jax.types import Key, PyTree, Scalar


class Runner(Initialiser, Stepper, Protocol):
    """What this module needs of an `Algorithm`: `init` and `step`."""


def seeds_sharding(mesh: Mesh) -> NamedSharding:
    """Of arrays with a leading axis of seeds: these are split over "data"."""
    return NamedSharding(mesh, P(DATA_AXIS))


def init_seeds(algorithm: Runner, keys: Key, mesh: Mesh) -> PyTree:
    """The initial states of several runs.

    Args:
        algorithm: the algorithm.
        keys: typed keys (seeds,).
        mesh: a mesh of the axis "data" alone, over devices of this process; its size
            divides the number of seeds.

    Returns:
        A state whose leaves have a leading axis of seeds, split over the mesh: state i is
        that of `algorithm.init(keys[i])`.

    Raises:
        ValueError: the mesh has other axes, or does not divide the seeds.
    """
    check_data_only(mesh, "init_seeds")
    if len(keys) % mesh.size:
        raise ValueError(f"{len(keys)} seeds cannot be split over {mesh.size} devices")

    def stack(*leaves: Any) -> Any:
        return jax.device_put(jnp.stack(leaves), seeds_sharding(mesh))

    return jax.tree.map(stack, *(algorithm.init(key) for key in keys))


def seeds_step(
    algorithm: Runner,
    mesh: Mesh,
    *,
    donate: bool = True,
    steps_per_call: int = 1,
    unroll: int = 1,
    vectorise: bool | None = None,
) -> jax.stages.Wrapped:
    """A step of several runs as one program.

    Args:
        algorithm: compiled without `axis_name`.
        mesh: as for `init_seeds`.
        donate: as for `jit_step`.
        steps_per_call: steps in one dispatch, as for `jit_step`.
        unroll: as for `jit_step`.
        vectorise: whether the seeds of one device are computed side by side. None: except
            on CPU.

    Returns:
        A jitted `(states, batch) -> (states, metrics)`: states as of `init_seeds`, batch
        leaves (seeds, steps_per_call * rounds, batch, ...), metrics (seeds,).

    Raises:
        ValueError: the mesh has other axes, or a count is below 1.
    """
    check_data_only(mesh, "seeds_step")
    step = several_steps(algorithm, mesh, steps_per_call, unroll)
    if vectorise is None:
        vectorise = mesh.devices.flat[0].platform != "cpu"
    mapped = jax.shard_map(
        jax.vmap(step) if vectorise else _one_by_one(step),
        mesh=mesh,
        in_specs=P(DATA_AXIS),
        out_specs=P(DATA_AXIS),
    )
    return jax.jit(mapped, donate_argnums=(0,) if donate else ())


def _one_by_one(step: Step) -> Step:
    def run(states: PyTree, batch: PyTree) -> tuple[PyTree, dict[str, Scalar]]:
        return jax.lax.map(lambda pair: step(*pair), (states, batch))

    return run
