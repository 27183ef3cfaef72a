# %% [markdown]
# # Take the same game to eight devices
#
# Without eight accelerators at hand, eight virtual CPU devices show the same thing. They
# have to be asked for before JAX looks at its devices.

# %%
import jax

jax.config.update("jax_num_cpu_devices", 8)

import numpy as np
import optax

import gan_jax
from gan_jax import parallel
from gan_jax.methods import METHODS, Recipe
from gan_jax.nn import BatchNorm

sgd = optax.sgd(0.05)
recipe = Recipe(prior=gan_jax.priors.uniform(8), g_tx=sgd, d_tx=sgd)
game = METHODS["dcgan"](
    image_shape=(8, 8, 1), width=8, kernel_size=4, d_norm=BatchNorm, recipe=recipe
)
images = jax.random.uniform(jax.random.key(1), (3, 1, 32, 8, 8, 1), minval=-1.0)

# %% [markdown]
# One device: the step is a pure function under `jit`.

# %%
algorithm = gan_jax.compile_game(game)
state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
for image in images:
    state, metrics = step(state, {"image": image})
alone = jax.tree.map(np.asarray, (state.players, metrics))

# %% [markdown]
# Eight: a mesh, a state and a batch that lie on it, and the same step. Batch statistics are
# those of the whole batch without a line about devices in any network.

# %%
mesh = parallel.make_mesh()
state = parallel.init_state(algorithm, jax.random.key(0), mesh)
step = parallel.jit_step(algorithm, mesh)
for image in images:
    state, metrics = step(state, parallel.shard_batch(mesh, {"image": np.asarray(image)}))
together = jax.tree.map(np.asarray, (state.players, metrics))
print(f"{mesh.size} devices, batch placed as {parallel.batch_sharding(mesh).spec}")


# %%
def distance(a, b):
    """Largest difference of two arrays, over one plus their largest value."""
    return float(np.abs(a - b).max() / (1.0 + np.abs(a).max()))


worst = max(jax.tree.leaves(jax.tree.map(distance, alone, together)))
print(f"largest difference after three steps of gradient descent: {worst:.1e}")
assert worst < 1e-6
