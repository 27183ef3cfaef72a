"""What the study's page says."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from experiments.report import table
from experiments.style.figures import Row
from experiments.style.measure import PATHS, SAMPLES, Numbers
from experiments.style.runs import ADA, CELLS, FEW, PATH, PHASE

METHODS = {
    "progan": "ProGAN",
    "stylegan": "StyleGAN",
    "stylegan2_ada": "StyleGAN2 with ADA",
}
"""The runs on emoji."""
PARTS = ("coarse", "middle", "fine")
"""Of the layers; pictures of them stand side by side."""


def page(
    numbers: Mapping[str, Numbers],
    real: Mapping[str, Mapping[str, float]],
    stages: Mapping[str, Sequence[Row]],
    said: Mapping[str, str],
    probabilities: Mapping[str, float],
) -> str:
    """The page.

    Args:
        numbers: of each run.
        real: those of "emoji" and "digits" themselves.
        stages: rows of the pictures of stages.
        said: what the analyses said, by picture.
        probabilities: last ones of the runs on few digits that augment.
    """
    emoji, digits = real["emoji"], real["digits"]
    return f"""# Growing and style, on two cores

ProGAN (`configs/progan.py:emoji`), StyleGAN (`configs/stylegan.py:emoji`) and StyleGAN2
with adaptive augmentation (`configs/stylegan2.py:emoji`) on the built-in emoji at 32
pixels, a column a category; and StyleGAN2 on {FEW} digits, with and without path length
regularisation and augmentation. Each was trained on one core. Pictures are of the
generator's average, and nothing in them was chosen; styles have no noise on emoji, where
it would be drawn as scribbles. The time at the end is of measuring and drawing.

{_methods(numbers, emoji)}

{SAMPLES:,} samples against all training images, in features of the project's own emoji
classifier (this is not an Inception distance), and the same of emoji that were held out.
It is sure of the "recognised"; "category" is the share in which it sees the category asked
for. Path lengths (1912.04958) are of {PATHS} paths, in features of SqueezeNet.

## ProGAN

![Stages of ProGAN](stages_progan.png)

{_stages(stages["progan"])}

A stage fades in over {PHASE:,} images and settles for as many, the last one for the rest.
Samples always have the size of the finest stage: the state does not change its shape.

![Samples of ProGAN](samples_progan.png)

## StyleGAN

![Stages of StyleGAN](stages_stylegan.png)

{_stages(stages["stylegan"])}

![Samples of StyleGAN](samples_stylegan.png)

### Mixing

{_mixing(said, "stylegan")}

Of the people above, the layers of the first picture (coarse) give the shape, those of the
last (fine) the colours; all other styles are those of the people on the left.

### Directions and a walk in w

{said["directions"]}

![Directions](directions.png)

{said["walk"]}

![Walk](walk.gif)

## StyleGAN2 with adaptive augmentation

![Samples of StyleGAN2](samples_stylegan2_ada.png)

### Mixing

{_mixing(said, "stylegan2")}

### Truncation in w

{said["truncation"]}

![Truncation](truncation.png)

### Projection

{said["project_w"]}

![Projection into w](project_w.png)

{said["project_w+"]}

![Projection into w+](project_w+.png)

## Few images

{_cells(numbers, probabilities, digits)}

{SAMPLES:,} samples against all 10,000 digits of the test part, in features of the project's
own digit classifier; the last row is of the {FEW} training digits themselves.

![Probability of augmentation, and the discriminator's logits](overfitting.png)

![Samples of the four runs](few.png)

Three rows of each, in the order of the table.

How to read it: one seed each, and so short a training that none of the four has learnt its
digits by heart. The probability settles below a tenth: the discriminator knows its training
images a little, and augmentation costs the generator more time here than it saves. Paths
are short where there is little variety (recall), so that lengths alone rank nothing.
"""


def _mixing(said: Mapping[str, str], run: str) -> str:
    names = [f"mix_{run}_{part}" for part in PARTS]
    pictures = [
        f"![{part.capitalize()} styles]({name}.png)"
        for part, name in zip(PARTS, names, strict=True)
    ]
    return f"{said[names[0]]}\n\n{' '.join(pictures)}"


def _methods(numbers: Mapping[str, Numbers], emoji: Mapping[str, float]) -> str:
    head = (
        "run", "images", "minutes", "Fréchet distance", "recognised", "category",
        "precision", "recall", "path length in z", "in w",
    )  # fmt: skip
    rows = []
    for name, title in METHODS.items():
        each = numbers[name]
        rows.append(
            [title, f"{each.images:,}", f"{each.minutes:.0f}", *_quality(each.values)]
            + [_share(each.values[key]) for key in ("precision", "recall")]
            + _lengths(each.values)
        )
    rows.append(["held-out emoji", "", "", *_quality(emoji), "", "", "", ""])
    return table(head, rows)


def _cells(
    numbers: Mapping[str, Numbers],
    probabilities: Mapping[str, float],
    digits: Mapping[str, float],
) -> str:
    head = (
        PATH, ADA, "images", "minutes", "Fréchet distance", "recognised", "digit",
        "precision", "recall", "path length in z", "in w", "probability at the end",
    )  # fmt: skip
    rows: list[list[object]] = []
    for name, parts in CELLS.items():
        each = numbers[name]
        rows.append(
            ["yes" if part in parts else "no" for part in (PATH, ADA)]
            + [f"{each.images:,}", f"{each.minutes:.0f}", *_quality(each.values)]
            + [_share(each.values[key]) for key in ("precision", "recall")]
            + _lengths(each.values)
            + [probabilities.get(name, "")]
        )
    rows.append([f"the {FEW} digits", "", "", "", *_quality(digits), *[""] * 5])
    return table(head, rows)


def _quality(values: Mapping[str, float]) -> list[str]:
    return [
        f"{values['frechet_distance']:.1f}",
        _share(values["recognised_share"]),
        _share(values["classifier_accuracy"]),
    ]


def _lengths(values: Mapping[str, float]) -> list[str]:
    keys = ("path_length_z", "path_length_w")
    return [f"{values[key]:.3g}" if key in values else "" for key in keys]


def _share(value: float) -> str:
    return f"{value:.0%}"


def _stages(rows: Sequence[Row]) -> str:
    head = ("row", "images seen", "pixels", "faded in")
    lines = [
        (number, f"{row.images:,}", f"{row.side} x {row.side}", _share(row.share))
        for number, row in enumerate(rows, 1)
    ]
    return table(head, lines)
