# %% [markdown]
# # Compose a loss and train with it
#
# An adversarial loss is two functions of logits. Here: a discriminator that wants real
# logits at +1 and generated ones at -1 but forgives whatever is further out, smoothly, and
# a generator that moves along the discriminator's slope. The engine needs nothing else.

# %%
import jax
import jax.numpy as jnp
import numpy as np
import optax

import gan_jax
from gan_jax.data.synthetic_source import RING_SIGMA, open_synthetic, ring_modes
from gan_jax.methods import METHODS, Recipe
from gan_jax.metrics.modes import Modes, mode_statistics

SHARPNESS = 4.0


def smooth_hinge(margin):
    """softplus(s * margin) / s: relu where it is far from its corner."""
    return jnp.mean(jax.nn.softplus(SHARPNESS * margin)) / SHARPNESS


loss = gan_jax.AdversarialLoss(
    discriminator=lambda real, fake: smooth_hinge(1.0 - real) + smooth_hinge(1.0 + fake),
    generator=lambda real, fake: -jnp.mean(fake),
)

# %% [markdown]
# A published game takes it as it takes its own: the recipe is a value with a field `loss`.

# %%
adam = optax.adam(1e-3, b1=0.5, b2=0.999)
recipe = Recipe(
    loss=loss,
    prior=gan_jax.priors.normal(2),
    g_tx=adam,
    d_tx=adam,
    d_terms={"r1": (0.1, gan_jax.penalties.r1())},
)
game = METHODS["ns_gan"](
    image_shape=(2,), g_features=(64, 64), d_features=(64, 64), recipe=recipe
)
algorithm = gan_jax.compile_game(game)

# %% [markdown]
# A step is a pure function, so a training run is a `scan`.

# %%
points = jnp.asarray(open_synthetic("ring").arrays["image"])


def step(state, key):
    rows = jax.random.randint(key, (1, 256), 0, len(points))
    return algorithm.step(state, {"image": points[rows]})


state = algorithm.init(jax.random.key(0))
state, metrics = jax.jit(lambda s, k: jax.lax.scan(step, s, k))(
    state, jax.random.split(jax.random.key(1), 2000)
)
for name in ("disc/loss", "gen/loss", "disc/real_logits", "disc/fake_logits"):
    first, last = (
        np.asarray(metrics[name][:50]).mean(),
        np.asarray(metrics[name][-50:]).mean(),
    )
    print(f"{name:18s} {first:8.3f} -> {last:8.3f}")

# %%
samples = algorithm.sample(state, jax.random.key(2), 2000)
found = mode_statistics(np.asarray(samples), Modes(ring_modes(), 3 * RING_SIGMA))
print(f"{found.modes_found} of 8 modes, {100 * found.high_quality_share:.0f}% near one")
