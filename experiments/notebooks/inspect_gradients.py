# %% [markdown]
# # Inspect a game's gradients
#
# Which terms of a loss pull at a player, how hard, and do they agree? And does the game,
# seen as a vector field, turn or settle? Both questions take a game, a state and a batch.

# %%
import jax
import numpy as np

import gan_jax
from gan_jax.analysis import (
    gradient_field,
    jacobian_eigenvalues,
    moving_params,
    term_gradients,
)
from gan_jax.data.synthetic_source import open_synthetic
from gan_jax.methods import METHODS, Recipe
from gan_jax.methods.two_player import DISCRIMINATOR

points = open_synthetic("ring").arrays["image"]
batch = {"image": points[:256][None]}


def look(gamma):
    """The game with an R1 weight, after some steps."""
    terms = {"r1": (gamma, gan_jax.penalties.r1())} if gamma else {}
    recipe = Recipe(prior=gan_jax.priors.normal(2), d_terms=terms)
    game = METHODS["ns_gan"](
        image_shape=(2,), g_features=(8, 8), d_features=(8, 8), recipe=recipe
    )
    algorithm = gan_jax.compile_game(game)
    state, step = algorithm.init(jax.random.key(0)), jax.jit(algorithm.step)
    for _ in range(50):
        state, _ = step(state, batch)
    return game, state


# %%
game, state = look(gamma=10.0)
pulls = term_gradients(game, state, batch, DISCRIMINATOR)
for name, norm in zip(pulls.names, pulls.norms, strict=True):
    print(f"{name:20s} gradient norm {float(norm):.4f}")
print("cosines\n", np.round(np.asarray(pulls.cosines), 3))

# %% [markdown]
# The Jacobian of the joint gradient field, by Arnoldi iteration: no matrix is formed. Real
# parts above zero attract, imaginary parts rotate; a penalty adds to the former.

# %%
for gamma in (0.0, 10.0):
    game, state = look(gamma)
    values = jacobian_eigenvalues(
        gradient_field(game, state, batch),
        moving_params(game, state),
        jax.random.key(1),
        iterations=20,
    )
    print(f"R1 weight {gamma:4.1f}: largest eigenvalues", np.round(values[:4], 3))
