# %% [markdown]
# # Eight seeds times four penalty weights, in one program
#
# A game is built from values, so a hyperparameter may be a traced number: build the game
# inside the function that is mapped. 32 runs are then one XLA program.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import gan_jax
from gan_jax.data.synthetic_source import RING_SIGMA, open_synthetic, ring_modes
from gan_jax.methods import METHODS, Recipe
from gan_jax.metrics.modes import Modes, mode_statistics

SEEDS, STEPS = 8, 600
WEIGHTS = jnp.array([0.0, 0.01, 0.1, 1.0])
points = jnp.asarray(open_synthetic("ring").arrays["image"])
adam = optax.adam(1e-3, b1=0.5, b2=0.999)


def algorithm_of(weight):
    recipe = Recipe(
        prior=gan_jax.priors.normal(2),
        g_tx=adam,
        d_tx=adam,
        d_terms={"r1": (weight, gan_jax.penalties.r1())},
    )
    game = METHODS["ns_gan"](
        image_shape=(2,), g_features=(32, 32), d_features=(32, 32), recipe=recipe
    )
    return gan_jax.compile_game(game)


def run(key, weight):
    """A whole training run: a pure function of a key and a number."""
    algorithm = algorithm_of(weight)
    start, data, draw = jax.random.split(key, 3)

    def step(state, key):
        rows = jax.random.randint(key, (1, 128), 0, len(points))
        state, metrics = algorithm.step(state, {"image": points[rows]})
        return state, metrics["disc/r1"]

    state, slopes = jax.lax.scan(step, algorithm.init(start), jax.random.split(data, STEPS))
    return algorithm.sample(state, draw, 500), slopes[-50:].mean()


# %%
keys = jax.random.split(jax.random.key(0), SEEDS)
over_seeds = jax.vmap(run, (0, None))
samples, slopes = jax.jit(jax.vmap(over_seeds, (None, 0)))(keys, WEIGHTS)
print("samples", samples.shape, "= weights, seeds, samples, dimensions")

# %%
modes = Modes(ring_modes(), 5 * RING_SIGMA)
for weight, runs, slope in zip(WEIGHTS, samples, slopes, strict=True):
    found = [mode_statistics(np.asarray(run), modes) for run in runs]
    print(
        f"R1 weight {float(weight):5.2f}: "
        f"{np.mean([one.modes_found for one in found]):.1f} modes, "
        f"{100 * np.mean([one.high_quality_share for one in found]):3.0f}% near one, "
        f"half squared slope at the data {float(slope.mean()):.3g}"
    )
