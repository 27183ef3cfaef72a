"""Adam for players with lazy phases."""

from __future__ import annotations

import optax


def lazy_adam(
    learning_rate: optax.ScalarOrSchedule,
    every: int,
    *,
    b1: float = 0.0,
    b2: float = 0.99,
    eps: float = 1e-8,
    repeat: int = 1,
) -> optax.GradientTransformation:
    """Adam rescaled for a lazy phase, Karras et al. 2019 (arXiv 1912.04958, appendix B).

    A player whose regularisation runs as a phase of its own every k steps makes k + 1
    updates in k steps. With c = k / (k + 1) the learning rate becomes c * lr and the decay
    rates b1^c and b2^c, so that over k steps the player moves as far and remembers as long
    as with one update per step. (Weights need no care: the engine multiplies a lazy phase's
    loss by k.)

    Args:
        learning_rate: of one update per step; a schedule counts updates, as
            `schedule_in_images(..., updates_per_step=repeat + 1 / every)` expects.
        every: k, steps between two runs of the lazy phase.
        b1: decay of the first moment per unlazy update (0 in StyleGAN2).
        b2: decay of the second moment per unlazy update (0.99 in StyleGAN2).
        eps: added to the root of the second moment.
        repeat: updates of the player's main phase per step; c is then
            k * repeat / (k * repeat + 1).

    Raises:
        ValueError: `every` or `repeat` is below 1.
    """
    if every < 1 or repeat < 1:
        raise ValueError(
            f"lazy_adam needs every >= 1 and repeat >= 1, got {every} and {repeat}"
        )
    share = every * repeat / (every * repeat + 1)
    return optax.adam(_scaled(learning_rate, share), b1=b1**share, b2=b2**share, eps=eps)


def _scaled(rate: optax.ScalarOrSchedule, share: float) -> optax.ScalarOrSchedule:
    return (lambda count: share * rate(count)) if callable(rate) else share * rate
