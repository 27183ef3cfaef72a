"""Latent regression: an encoder that learns z from G(z), of a generator that is finished.

The baseline of BiGAN (1605.09782, section 4): it sees generated examples alone, and the
generator does not learn from it.
"""

from __future__ import annotations

from collections.abc import Mapping

import jax
import optax

from experiments.encoders.runs import (
    REGRESSION_BATCH,
    REGRESSION_RATE,
    REGRESSION_STEPS,
)
from gan_jax import prng
from gan_jax.engine import compile_game
from gan_jax.game import Aux, Batch, Game, Phase, Player, View, Views
from gan_jax.losses import l2
from gan_jax.methods.sides import ENCODER, GENERATOR, mean_of
from gan_jax.sampler import views_of
from gan_jax.trained import Trained
from gan_jax.types import Key, Net, PyTree, Scalar

LATENT = "latent"


def frozen(view: View) -> Net:
    """A net that begins as a view shows it, and as a spectator stays so."""
    return Net(lambda key: (view.params, view.stats), view.net.apply)


def latent_regression(run: Trained, tx: optax.GradientTransformation) -> Game:
    """The game of one player, who makes E[(E(G(z)) - z)^2] smaller.

    A batch is `{"latent": float32 (1, batch, Z)}`. Images are the generator's in evaluation
    mode, as its samples are.

    Args:
        run: of a game of pairs, whose generator is a spectator here, and whose encoder's
            architecture begins anew.
        tx: the encoder's optimizer.
    """

    def objective(
        views: Views, batch: Batch, keys: Key, memory: Mapping[str, PyTree]
    ) -> tuple[dict[str, Scalar], Aux]:
        del keys, memory
        made = views[GENERATOR](batch[LATENT], train=False)
        found, stats = views[ENCODER].with_stats(made)
        return {ENCODER: l2(batch[LATENT], mean_of(found))}, Aux({ENCODER: stats})

    return Game(
        nets={GENERATOR: frozen(run.generator), ENCODER: run.game.nets[ENCODER]},
        players={
            GENERATOR: Player((GENERATOR,), tx=None),
            ENCODER: Player((ENCODER,), tx),
        },
        phases=(Phase("regression", (ENCODER,), objective),),
        sample=run.game.sample,
    )


def regress(run: Trained, seed: int, steps: int = REGRESSION_STEPS) -> View:
    """A new encoder of a run's architecture, trained on its generator's images.

    Args:
        run: of a game of pairs.
        seed: of the weights and the latents.
        steps: of training, in which the rate falls to 0 as a cosine.
    """
    tx = optax.adam(optax.cosine_decay_schedule(REGRESSION_RATE, steps))
    game = latent_regression(run, tx)
    algorithm = compile_game(game)
    key = prng.fold_name(jax.random.key(seed), "regression")
    draw = jax.jit(lambda key: {LATENT: run.latents(key, REGRESSION_BATCH)[None]})
    step = jax.jit(algorithm.step, donate_argnums=0)
    state = algorithm.init(key)
    for index in range(steps):
        state, _ = step(state, draw(jax.random.fold_in(key, index)))
    return views_of(game, state)[ENCODER]
