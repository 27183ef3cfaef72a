"""gan_jax: generative adversarial networks as values composed of pure functions.

Compose a game, compile it, and map the resulting step over devices, seeds or time:

    game = gan_jax.methods.two_player(generator=..., discriminator=..., loss=...)
    algorithm = gan_jax.compile_game(game)
    state = algorithm.init(jax.random.key(0))
    state, metrics = jax.jit(algorithm.step)(state, batch)
"""

from gan_jax import (
    augment,
    losses,
    methods,
    minibatch,
    networks,
    nn,
    optim,
    penalties,
    priors,
    transforms,
)
from gan_jax.engine import Algorithm, compile_game
from gan_jax.game import (
    Aux,
    Direction,
    Ema,
    Game,
    Phase,
    Player,
    Program,
    Stage,
    ema_from_decay,
    rounds,
)
from gan_jax.penalties import lift
from gan_jax.state import GameState, PlayerState
from gan_jax.types import AdversarialLoss, Net, ParamPenalty, ParamTransform

__all__ = [
    "AdversarialLoss",
    "Algorithm",
    "Aux",
    "Direction",
    "Ema",
    "Game",
    "GameState",
    "Net",
    "ParamPenalty",
    "ParamTransform",
    "Phase",
    "Player",
    "PlayerState",
    "Program",
    "Stage",
    "augment",
    "compile_game",
    "ema_from_decay",
    "lift",
    "losses",
    "methods",
    "minibatch",
    "networks",
    "nn",
    "optim",
    "penalties",
    "priors",
    "rounds",
    "transforms",
]
