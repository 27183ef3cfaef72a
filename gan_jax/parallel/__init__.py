"""Meshes, shardings, and the three ways to run a step on many devices.

The primary way is `jit_step`: `jit` over globally sharded arrays. The program is written
for the whole batch, so batch statistics, relativistic means and kernel distances are global
by themselves, and the compiler inserts the communication:

    mesh = make_mesh()                                    # every device on the axis "data"
    rules = (fsdp(),)                                     # or (): everything replicated
    shardings = state_shardings(mesh, jax.eval_shape(algorithm.init, key), rules)
    state = init_state(algorithm, key, mesh, shardings)
    step = jit_step(algorithm, mesh, shardings)
    for batch in prefetch_to_device(host_batches, mesh):
        state, metrics = step(state, batch)

`shard_map_step` and `pmap_step` run an algorithm compiled with `axis_name=DATA_AXIS`. They
take and return the same global arrays as `jit_step`, so they can be exchanged freely.
`seeds_step` plays several seeds of one method in one program.

With several processes (`gan_jax.distributed`) every process runs these same lines, and each
gives `shard_batch` only its own rows of the global batch, those of `process_rows`.
"""

from gan_jax.parallel.mesh import (
    DATA_AXIS,
    FSDP_AXIS,
    MODEL_AXIS,
    batch_sharding,
    check_batch,
    make_mesh,
    prefetch_to_device,
    process_rows,
    shard_batch,
)
from gan_jax.parallel.placement import (
    Rule,
    fsdp,
    global_from_host,
    init_state,
    split_largest,
    state_shardings,
    to_host,
)
from gan_jax.parallel.seeds import init_seeds, seeds_sharding, seeds_step
from gan_jax.parallel.steps import Step, jit_step, pmap_step, shard_map_step

__all__ = [
    "DATA_AXIS",
    "FSDP_AXIS",
    "MODEL_AXIS",
    "Rule",
    "Step",
    "batch_sharding",
    "check_batch",
    "fsdp",
    "global_from_host",
    "init_seeds",
    "init_state",
    "jit_step",
    "make_mesh",
    "pmap_step",
    "prefetch_to_device",
    "process_rows",
    "seeds_sharding",
    "seeds_step",
    "shard_batch",
    "shard_map_step",
    "split_largest",
    "state_shardings",
    "to_host",
]
