"""Commands about what is inside the networks: classes, guided backpropagation."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax import analysis, pictures
from gan_jax.analyses import common
from gan_jax.config import choose
from gan_jax.errors import UserError
from gan_jax.numerics import to_unit
from gan_jax.trained import Trained
from gan_jax.types import Array, Outputs


def classes(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    n: int = 8,
    first: int | None = None,
    second: int | None = None,
    steps: int = 9,
    columns: int = 10,
) -> str:
    """The same latents in every class, a row each; or from one class to another.

    Args:
        workdir: of a conditional run.
        output: PNG to write.
        seed: of the latents.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        n: latents.
        first: class at the left; None, as `second`, for a column per class.
        second: class at the right.
        steps: images from one class to the other.
        columns: the most classes shown, from the first on.

    Returns:
        The path written.

    Raises:
        UserError: a flag is out of range, there is no such run, or it has no classes.
    """
    path = common.png_path(output)
    common.at_least(1, n=n, columns=columns)
    common.at_least(2, steps=steps)
    if (first is None) != (second is None):
        raise UserError("set --first and --second, or neither for all classes")
    run = common.open_pictures(workdir, step, truncation)
    count = common.conditional(run)
    for flag, label in (("first", first), ("second", second)):
        common.check_label(run, label, flag)
    latents = run.latents(jax.random.key(seed), n, common.labels_of(run, n))
    if first is None or second is None:
        grid = analysis.class_grid(common.generator(run), latents, min(count, columns))
        return common.save(path, common.rows(grid))
    ways = analysis.class_walk(run.generate, latents, first, second, steps)
    return common.save(path, common.rows(ways))


def guided(
    workdir: str,
    output: str,
    *,
    seed: int = 0,
    step: int | None = None,
    truncation: float | None = None,
    layer: str = "",
    channels: str = "",
    n: int = 6,
) -> str:
    """What the discriminator looks at, by guided backpropagation (1412.6806): real images,
    then generated ones, a row each, with the gradients of features beside them. Grey is 0;
    each gradient is scaled by its own largest value.

    Args:
        workdir: of the run.
        output: PNG to write.
        seed: of the samples.
        step: of the checkpoint; None: the newest.
        truncation: see `open_run`.
        layer: of the discriminator; empty for the logit.
        channels: of the layer, commas between; empty for the six that respond most. A
            channel counts at the place where it is largest.
        n: real images, and as many samples.

    Returns:
        The channels shown, and the path written.

    Raises:
        UserError: a flag is out of range, or there is no such run, layer or channel.
    """
    path, chosen = common.png_path(output), common.numbers("channels", channels, least=0)
    common.at_least(1, n=n)
    run = common.open_pictures(workdir, step, truncation)
    real, real_labels = run.real_images(n)
    fake, fake_labels = common.samples(run, jax.random.key(seed), n)
    images = to_unit(jnp.asarray(np.concatenate([real, fake])))
    labels = None
    if real_labels is not None and fake_labels is not None:
        labels = jnp.asarray(np.concatenate([real_labels, fake_labels]), jnp.int32)
    responses = _responses(run, layer, labels)
    values = np.asarray(jax.jit(responses)(images))
    if not chosen:
        chosen = [int(c) for c in np.argsort(-values.mean(axis=0), kind="stable")[:6]]
    if strange := [c for c in chosen if not 0 <= c < values.shape[1]]:
        raise UserError(f"--channels: no {strange[0]}; the layer has {values.shape[1]}")

    @jax.jit
    def gradient(channel: Array) -> Array:
        return analysis.guided_gradient(lambda x: responses(x)[:, channel], images)

    try:
        columns = [_signed(np.asarray(gradient(jnp.asarray(c)))) for c in chosen]
    except ValueError as error:
        raise UserError(str(error)) from None
    shown = np.stack([pictures.to_pixels(np.asarray(images)), *columns], axis=1)
    picture = common.stacked(
        common.rows(shown[: len(real)]), common.rows(shown[len(real) :])
    )
    what = f"channels {', '.join(map(str, chosen))} of {layer}" if layer else "the logit"
    return f"{what}\n{common.save(path, picture)}"


def _responses(run: Trained, layer: str, labels: Array | None) -> Callable[[Array], Array]:
    """Images (B, H, W, C) to responses (B, channels): a layer's, or the logit (B, 1)."""

    def network(images: Array) -> Array | Outputs:
        inputs = (images,) if labels is None else (images, labels)
        made: Array | Outputs = run.discriminator(*inputs, train=False)
        return made

    def responses(images: Array) -> Array:
        outputs, seen = analysis.record(network, images)
        if not layer:
            logits = outputs.logits if isinstance(outputs, Outputs) else outputs
            return logits[:, None]
        features = choose("layer of the discriminator", layer, seen)
        return features.max(axis=tuple(range(1, features.ndim - 1)))

    return responses


def _signed(gradients: np.ndarray) -> np.ndarray:
    """Gradients (n, H, W, C) as uint8, each scaled so that 0 is grey."""
    most = np.abs(gradients).max(axis=(1, 2, 3), keepdims=True)
    return pictures.to_pixels(gradients / np.maximum(most, 1e-30))
