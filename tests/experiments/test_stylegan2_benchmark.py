"""The game of StyleGAN2 that is timed is the one of its configs."""

from __future__ import annotations

import jax
from ml_collections import ConfigDict

from configs import stylegan2
from experiments.benchmarks.workloads import WORKLOADS
from gan_jax import registry, trees
from gan_jax.engine import compile_game


def sizes(game):
    state = jax.eval_shape(compile_game(game).init, jax.random.key(0))
    return {name: trees.count(player.params) for name, player in state.players.items()}


def test_the_timed_game_is_cifars_in_float32_and_of_fewer_channels():
    timed = WORKLOADS["stylegan2"].game()
    config = stylegan2.get_config("cifar10")
    with config.unlocked():
        config.model.channel_max, config.recipe.augment = 256, ConfigDict()
        config.model.clamp, config.model.dtype = None, "float32"
    own = registry.resolve(config, (32, 32, 3)).program[-1].game
    assert (
        sizes(timed) == sizes(own) == {"generator": 6_107_667, "discriminator": 5_182_977}
    )
    lazy = {phase.name: phase.every for phase in timed.phases}
    assert lazy == {"disc": 1, "disc_r1": 16, "gen": 1}
    assert lazy == {phase.name: phase.every for phase in own.phases}
    assert timed.players["generator"].ema == own.players["generator"].ema
