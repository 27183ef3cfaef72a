"""The command that shows what an InfoGAN's codes change."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.analyses import common
from gan_jax.errors import UserError
from gan_jax.losses import CodeHeads
from gan_jax.trained import Trained
from gan_jax.types import Array

_METHOD = "infogan"


class Codes(NamedTuple):
    """The codes at the end of a run's latents: noise, categorical codes, continuous ones.

    Attributes:
        categories: values of each categorical code.
        continuous: number of continuous codes.
    """

    categories: tuple[int, ...]
    continuous: int

    def with_value(self, latents: Array, code: int, value: Array) -> Array:
        """Latents (..., Z) whose categorical code `code` is `value`, int (...)."""
        start = latents.shape[-1] - self.continuous - sum(self.categories[code:])
        end = start + self.categories[code]
        one_hot = jax.nn.one_hot(value, end - start, dtype=latents.dtype)
        return latents.at[..., start:end].set(one_hot)

    def with_number(self, latents: Array, code: int, number: Array) -> Array:
        """Latents (..., Z) whose continuous code `code` is `number`, float (...)."""
        return latents.at[..., latents.shape[-1] - self.continuous + code].set(number)


def codes_of(run: Trained) -> Codes:
    """The codes of a run.

    Raises:
        UserError: it has none.
    """
    if run.config.method != _METHOD:
        raise UserError(
            f"{run.path}: {run.config.method} has no codes; those of {_METHOD} have"
        )
    images = jax.ShapeDtypeStruct((2, *run.data.image_shape), jnp.float32)
    heads = jax.eval_shape(lambda x: run.discriminator(x, train=False), images).classes
    assert isinstance(heads, CodeHeads)
    return Codes(
        tuple(logits.shape[-1] for logits in heads.categorical),
        0 if heads.mean is None else heads.mean.shape[-1],
    )


def codes(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    code: int = 0,
    n: int = 10,
    steps: int = 9,
    reach: float = 2.0,
) -> str:
    """What the codes of an InfoGAN change (1606.03657, figure 2). Every row has a value of
    the categorical code. On the left are samples: a column has the same noise and the same
    other codes throughout. Then, for each continuous code, the first of these with that
    code from `-reach` to `reach`; training has codes from -1 to 1. Without a categorical
    code the rows are latents instead.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the latents.
        step: of the checkpoint; None: the newest.
        code: which categorical code has its values down, if there are several.
        n: samples of each value; or latents.
        steps: images along each continuous code.
        reach: where continuous codes end.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run, or it has no codes.
    """
    path = common.png_path(output)
    common.at_least(1, n=n)
    common.at_least(2, steps=steps)
    if not reach > 0.0:
        raise UserError(f"--reach must be above 0, got {reach}")
    run = common.open_pictures(workdir, step)
    found = codes_of(run)
    count = len(found.categories)
    if not 0 <= code < max(count, 1):
        raise UserError(f"--code={code}: the run has {count} categorical codes, from 0")
    make = common.of_class(run, None)
    rows = _rows(found, run.latents(jax.random.key(seed), n), code)
    blocks = [rows] if count else []
    numbers = np.linspace(-reach, reach, steps)
    blocks += [
        _along(found, rows[:, 0], index, numbers) for index in range(found.continuous)
    ]
    parts = [common.rows(common.shaped(make, block)) for block in blocks]
    return common.save(path, common.beside(*parts))


def _rows(found: Codes, latents: Array, code: int) -> Array:
    """Latents (rows, columns, Z): a row a value, or without categorical codes a latent."""
    if not found.categories:
        return latents[:, None]
    values = jnp.arange(found.categories[code])
    every = jnp.broadcast_to(latents, (len(values), *latents.shape))
    return found.with_value(every, code, jnp.broadcast_to(values[:, None], every.shape[:2]))


def _along(found: Codes, latents: Array, code: int, numbers: np.ndarray) -> Array:
    """Latents (rows, steps, Z) of those (rows, Z), a continuous code running along."""
    along = jnp.asarray(numbers, latents.dtype)
    every = jnp.repeat(latents[:, None], len(along), axis=1)
    return found.with_number(every, code, jnp.broadcast_to(along, every.shape[:2]))
