"""One picture of each analysis, of the README's first run.

python -m experiments.looking_inside.run [WORKDIR]

Takes the run at WORKDIR, or trains it first, for two minutes or so.
"""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from experiments.looks import look
from experiments.report import table, write_page
from gan_jax import loop
from gan_jax.config_files import load_config

HERE = Path(__file__).parent
SEED = 0
CONFIG = "configs/quickstart.py"
NET = "mnist_classifier"

LOOKS: dict[str, tuple[str, dict[str, Any]]] = {
    "walk": ("walk", {"seeds": "0,1,2,3,4", "label": 8}),
    "arithmetic": ("arithmetic", {"label": 3}),
    "classes": ("classes", {}),
    "between": ("classes", {"first": 3, "second": 8}),
    "truncation": ("truncation", {}),
    "standing": ("truncation", {"standing": 16}),
    "neighbours": ("neighbours", {"features": NET}),
    "guided": ("guided", {"layer": "conv_1", "n": 4}),
    "ablate": ("ablate", {"label": 0}),
    "directions": ("directions", {"label": 5}),
    "project": ("project", {"split": "test"}),
    "spectrum": ("spectrum", {}),
    "embed": ("embed", {"features": NET}),
    "features": ("features", {}),
}
"""Pictures, and the analyses and flags that make them."""

PAGE = """# Looking inside a trained run

One picture for each analysis of `gan-jax analyse`, of the run of `{config}`: a conditional
DCGAN on MNIST after {steps:,} steps.

## Walks

{walk}

![Walk](walk.png) ![The same, moving](walk.gif)

Great circles between the latents of five seeds and back, all of class 8; a row for each
way.

## Arithmetic

{arithmetic}

![Arithmetic](arithmetic.png)

Rows A, B, C: three operands, then the image of their mean. On the right A - B + C in the
middle of eight with noise of up to 0.25. In 64 dimensions the mean of three normal latents
is shorter than any that the generator was trained on, by sqrt(3).

## Classes

{classes}

![Classes](classes.png)

The same latent in each class, a row each: it holds slant and width.

{between}

![Between classes](between.png)

From 3 to 8: all that the generator computes from labels alone, here gains and biases of its
batch norms, is mixed.

## Truncation

{truncation}

![Truncation](truncation.png)

Thresholds 0.25, 0.5, 1 and 2, and none: the same random numbers at each. At the smallest
the running statistics of batch norm are not those of these latents, and contrast fades.

{standing}

![With standing statistics](standing.png)

With statistics of each row's own latents (1809.11096, appendix C) it does not.

## Nearest training images

{neighbours}

![Neighbours](neighbours.png)

Samples above, held-out digits below; beside each the nearest training digits in the
features of the digit classifier, then in pixels.

## Guided backpropagation

{guided}

![Guided backpropagation](guided.png)

Real digits above, generated ones below; what the strongest channels of the discriminator's
second convolution respond to: strokes of one direction each.

## Ablation

{ablate}

![Ablation](ablate.png)

Zeros before and after the channels that tell them from other digits are dropped; then
other digits before and after. Channels of this layer are strokes that all digits share, and
no part of it is a zero's alone: all fade.

## Directions

{directions}

![Directions](directions.png)

The strongest directions of the layer that takes the latent in (SeFa), each from -4 to 4.

## Projection

{project}

![Projection](project.png)

A digit that was never seen, the best latent for it, and those of the five next starts,
which are of all classes.

## Spectrum

{spectrum}

![Spectrum](spectrum.png)

## Features in the plane

{embed}

![t-SNE](embed.png)

## What the discriminator has learnt

{features}
"""


def main() -> None:
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        workdir = sys.argv[1] if len(sys.argv) > 1 else f"{folder}/quickstart"
        config = load_config(["", f"--config={CONFIG}"])
        if len(sys.argv) < 2:
            loop.train(config, workdir)
        trained = time.monotonic() - began
        said, seconds = {}, []
        for picture, (name, flags) in LOOKS.items():
            start = time.monotonic()
            said[picture] = look(HERE, workdir, f"{picture}.png", name, flags)
            seconds.append([picture, time.monotonic() - start])
            print(said[picture], flush=True)
    text = PAGE.format(config=CONFIG, steps=config.train.steps, **said)
    took = table(["picture", "seconds"], seconds)
    write_page(__file__, f"{text}\n## Time\n\n{_training(trained)}{took}", seed=SEED)


def _training(seconds: float) -> str:
    """A line about the time of training, if the run was not given."""
    return f"Training took {seconds:.0f} seconds.\n\n" if len(sys.argv) < 2 else ""


if __name__ == "__main__":
    main()
