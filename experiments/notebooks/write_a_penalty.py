# %% [markdown]
# # Write your own penalty
#
# A penalty is a function of a critic, real and generated examples, and a key. The critic is
# a closure over the discriminator's parameters, so a penalty can differentiate it in its
# inputs, and the engine differentiates the penalty in the parameters.
#
# Ours asks that the critic be flat across the segment between a real and a generated
# example, in one random direction rather than in all (a Hutchinson estimate).

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import gan_jax
from gan_jax import prng
from gan_jax.methods import METHODS, Recipe, Weighted


def directional_penalty(critic, real, fake, key):
    """E[(d . grad C(x))^2] at midpoints x, d standard normal."""
    keys = prng.per_example(key, len(real))
    direction = prng.draw(keys, lambda k: jax.random.normal(k, real.shape[1:]))
    middle = 0.5 * (real + fake)
    slope = jax.jvp(critic, (middle,), (direction,))[1]
    return jnp.mean(jnp.square(slope))


# %% [markdown]
# On a linear critic w . x the expectation is ||w||^2, which makes a check of one line.

# %%
w = jnp.array([3.0, -4.0])
x = jnp.zeros((20_000, 2))
estimate = directional_penalty(lambda inputs: inputs @ w, x, x, jax.random.key(0))
print(f"estimate {estimate:.2f}, exact {w @ w:.2f}")
assert abs(float(estimate) - 25.0) < 1.0

# %% [markdown]
# `lift` makes any penalty a function of a parameter pytree, ready for `jax.grad`.

# %%
lifted = gan_jax.lift(lambda params, inputs: inputs @ params["w"], directional_penalty)
gradient = jax.grad(lifted)({"w": w}, x, x, jax.random.key(0))
print("gradient", np.round(np.asarray(gradient["w"]), 2), "exact", 2 * np.asarray(w))

# %% [markdown]
# In a game it is a term with a weight; `every` makes it lazy, with a phase of its own.

# %%
terms = {"flat": Weighted(0.5, directional_penalty, every=4)}
recipe = Recipe(
    loss=gan_jax.losses.wasserstein, prior=gan_jax.priors.normal(2), d_terms=terms,
    g_tx=optax.adam(1e-3), d_tx=optax.adam(1e-3),
)  # fmt: skip
game = METHODS["ns_gan"](
    image_shape=(2,), g_features=(32,), d_features=(32,), recipe=recipe
)
print("phases:", [(phase.name, phase.every) for phase in game.phases])
algorithm = gan_jax.compile_game(game)
state = algorithm.init(jax.random.key(0))
batch = {"image": jax.random.normal(jax.random.key(1), (1, 64, 2))}
state, metrics = jax.jit(algorithm.step)(state, batch)
print({name: round(float(value), 4) for name, value in metrics.items() if "flat" in name})
