"""What the study's page says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from experiments.report import ranged, table, wrapped
from experiments.super_resolution.measure import (
    BICUBIC,
    GAME,
    PIXELS,
    WAYS,
    Finished,
    Scores,
)
from experiments.super_resolution.runs import METHODS, SEEDS, make_config, pixel_steps

COLUMNS: Mapping[str, tuple[Callable[[Scores], float], str]] = {
    "PSNR": (lambda scores: scores.psnr, ".2f"),
    "SSIM": (lambda scores: scores.ssim, ".3f"),
    "perceptual": (lambda scores: scores.perceptual, ".3f"),
    "EfficientNet": (lambda scores: scores.features, ".2f"),
}
"""Columns of the table: what they show of scores, and how it is written."""


class Found(NamedTuple):
    """What was found of one kind of images.

    Attributes:
        count: of held-out images.
        side: of them.
        bicubic: scores of bicubic enlargement.
        runs: by seed.
    """

    count: int
    side: int
    bicubic: Scores
    runs: Sequence[Finished]


def page(found: Mapping[str, Found]) -> str:
    """The page.

    Args:
        found: by the names of `METHODS`.
    """
    pictures = "\n\n".join(
        f"![{METHODS[name]} enlarged](enlarged_{name}.png)" for name in found
    )
    return f"""# Images enlarged by 4, with and without a game

{_settings(found)}

{scores_table(found)}

{_columns(found)}

{summary(found)}

## Enlarged images

{pictures}

{_shown()}

{SEEN}
"""


SEEN = """## What is seen

Both networks know emoji: where bicubic enlargement blurs they draw the edges of hair, of
eyes and of stripes, and round off what the squares of the small image only hint at. What a
few pixels cannot tell, they do not: thin lines are lost, faces get the wrong mouths, and
the light grey of a frame becomes white. SRGAN is not what the paper's pictures promise. Its
edges are a little harder than those of the network it began with, but plain colours have a
chequered texture and dark parts a green tint: the layer that it compares has an eighth of
the sides and little of the colours, and the game was short.

The numbers say the same in part. In SqueezeNet SRGAN is the nearest to the truth, and worse
in pixels than the network alone, the trade of the paper; but one layer of SqueezeNet is
what it was trained on. In EfficientNet, with which nothing was trained, it is nearer than
the network alone, and bicubic enlargement, which adds no texture, is nearer than both.

On photos both networks lose to bicubic enlargement by every measure. They have seen patches
of eight photos for 1,000 steps, and a plain sky or the dark between stars, which no
training photo has, takes colours and a frame that are not there; edges of stones and roofs
are harder than bicubic ones, and wrong. There the study says that such a training is too
small, and nothing of the method."""


def _settings(found: Mapping[str, Found]) -> str:
    config = make_config("emoji", SEEDS[0])
    model, pixels = config.model, pixel_steps(config)
    side = config.data.image_shape[0]
    first = config.stages[0]["g_optimizer"]["learning_rate"]
    second = config.recipe.g_optimizer.learning_rate
    kinds = " and ".join(METHODS[name] for name in found)
    variants = " and ".join(f"`configs/srgan.py:{name}`" for name in found)
    return wrapped(
        f"SRGAN (1609.04802; {variants}) on the built-in {kinds}: {model.blocks} residual "
        f"blocks of width {model.width} (16 of 64 in the paper), crops of {side} x {side} "
        f"pixels (96), batches of {config.train.batch_size}, Adam for {pixels:,} steps at "
        f"{first:g} on the squared error of pixels, then the game for "
        f"{config.train.steps - pixels:,} steps at {second:g}; 1,000,000 at 1e-4 and "
        "200,000 in the paper. The content loss of the game is of features "
        f"({model.content}). Images are made small by an antialiased bicubic filter."
    )


def scores_table(found: Mapping[str, Found]) -> str:
    """Scores of every way and kind."""
    rows: list[tuple[object, ...]] = []
    for name, one in found.items():
        for way, title in WAYS.items():
            cells = [
                _cell([value(s) for s in _of(one, way)], form)
                for value, form in COLUMNS.values()
            ]
            rows.append((METHODS[name], title, *cells))
    return table(("", "", *COLUMNS), rows)


def _of(one: Found, way: str) -> list[Scores]:
    """Scores of a way, by seed; bicubic enlargement has none."""
    if way == BICUBIC:
        return [one.bicubic]
    return [run.scores[way] for run in one.runs]


def _cell(values: Sequence[float], form: str) -> str:
    return f"{values[0]:{form}}" if len(values) == 1 else ranged(values, form)


def _columns(found: Mapping[str, Found]) -> str:
    kinds = ", ".join(
        f"{one.count} {METHODS[name]} of {one.side} x {one.side}"
        for name, one in found.items()
    )
    minutes = [run.minutes for one in found.values() for run in one.runs]
    seeds = min(len(one.runs) for one in found.values())
    return wrapped(
        f"Means over held-out images ({kinds}), of networks the mean over {seeds} "
        "seeds and, in brackets, the lowest and the highest. PSNR, in decibels, and SSIM "
        "are better where they are larger. The perceptual distance is in SqueezeNet, one "
        "layer of which is in SRGAN's content loss; the distance of features of "
        "EfficientNet is in a network that nothing was trained with. Both are better where "
        "they are smaller. Pixels alone: the same run before the game, and so with fewer "
        f"steps. A run's steps took {sum(minutes) / len(minutes):.1f} minutes in the mean, "
        "on a core shared with much else."
    )


def summary(found: Mapping[str, Found]) -> str:
    """What every way has over the one before it."""
    sentences = []
    for name, one in found.items():
        means = {
            way: {
                column: sum(map(value, _of(one, way))) / len(_of(one, way))
                for column, (value, _) in COLUMNS.items()
            }
            for way in WAYS
        }
        bicubic, pixels, game = (means[way] for way in (BICUBIC, PIXELS, GAME))
        sentences.append(
            f"On {METHODS[name]} the network trained on pixels alone has "
            f"{pixels['PSNR'] - bicubic['PSNR']:+.2f} decibels against bicubic "
            f"enlargement, and SRGAN {game['PSNR'] - pixels['PSNR']:+.2f} against that "
            "network; SRGAN's perceptual distance is "
            f"{game['perceptual'] / pixels['perceptual']:.0%} of the network's and "
            f"{game['perceptual'] / bicubic['perceptual']:.0%} of bicubic enlargement's, "
            "its distance in EfficientNet "
            f"{game['EfficientNet'] / pixels['EfficientNet']:.0%} and "
            f"{game['EfficientNet'] / bicubic['EfficientNet']:.0%}."
        )
    return wrapped(" ".join(sentences))


def _shown() -> str:
    ways = ", ".join(WAYS.values())
    return wrapped(
        "From left to right, twice in a row: the small image with its pixels as squares, "
        f"{ways}, the truth. Held-out images of the first seed, evenly spaced in the order "
        "of the data, not chosen."
    )
