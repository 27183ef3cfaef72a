"""The command that looks at a run's encoder."""

from __future__ import annotations

import jax.numpy as jnp
import numpy as np

from gan_jax.analyses import common
from gan_jax.analyses.sources import held_out
from gan_jax.errors import UserError
from gan_jax.methods import ENCODING
from gan_jax.methods.sides import ENCODER, mean_of
from gan_jax.numerics import to_unit
from gan_jax.pictures import to_pixels
from gan_jax.trained import Trained
from gan_jax.types import Array


def reconstruct(
    workdir: str,
    output: str,
    *,
    step: int | None = None,
    n: int = 10,
    split: str | None = None,
) -> str:
    """Real images above, and below them what the generator makes of their codes, G(E(x)):
    of training images, then of held-out ones.

    Args:
        workdir: of a run whose encoder finds latents.
        output: PNG to write.
        step: of the checkpoint; None: the newest.
        n: images of each kind.
        split: of the held-out images; None for "test" of built-in data, none of other.

    Returns:
        The mean square error of each kind where real and generated images have one shape,
        and the path written.

    Raises:
        UserError: a flag is out of range, or there is no such run or split, or the run has
            no encoder of latents.
    """
    path = common.png_path(output)
    common.at_least(1, n=n)
    run = common.open_pictures(workdir, step)
    if run.config.method not in ENCODING:
        raise UserError(
            f"{workdir}: method {run.config.method!r} has no encoder of latents; those "
            f"that have are {', '.join(sorted(ENCODING))}"
        )
    groups = {"training": run.real_images(n)[0]}
    if (others := held_out(run, n, split)) is not None:
        groups["held-out"] = others[0]
    lines, parts = [], []
    for name, real in groups.items():
        again = np.asarray(run.generate(encode(run, to_unit(jnp.asarray(real)))))
        parts += [common.rows(real[None]), common.rows(to_pixels(again)[None])]
        if again.shape == real.shape:
            error = np.square(again - np.asarray(to_unit(jnp.asarray(real)))).mean()
            lines.append(f"{name} images: mean square error {error:.4g}")
    return "\n".join([*lines, common.save(path, common.stacked(*parts))])


def encode(run: Trained, images: Array) -> Array:
    """Codes (n, Z) of images (n, H, W, C) in [-1, 1], the means where codes are drawn."""
    return mean_of(run.view(ENCODER)(images, train=False))
