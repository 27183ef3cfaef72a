"""The commands of `gan-jax analyse NAME --workdir DIR`: what they are called, their flags,
and where they are. Importing this imports none of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from gan_jax.errors import UserError

Kind = type[int] | type[float] | type[str] | type[bool]


class Flag(NamedTuple):
    """A flag of an analysis, an argument of its function.

    Attributes:
        name: of the flag and the argument.
        kind: int, float, str or bool.
        default: None for none.
        text: for the help.
    """

    name: str
    kind: Kind
    default: Any
    text: str


class Analysis(NamedTuple):
    """A command.

    Attributes:
        home: the module, within this package, of the function that has the command's name.
        summary: one line for the help.
        flags: in the order of the help.
    """

    home: str
    summary: str
    flags: tuple[Flag, ...]


_WORKDIR = Flag("workdir", str, None, "Directory of the run.")
_OUTPUT = Flag("output", str, None, "PNG to write.")
_STEP = Flag("step", int, None, "Of the checkpoint; by default the newest.")
_SEED = Flag("seed", int, 0, "Of latents and all other draws.")
_LABEL = Flag("label", int, None, "Class; by default the first.")
_TRUNCATION = Flag("truncation", float, None, "Latents beyond it are drawn again.")
_FEATURES = Flag("features", str, "pixels", "Feature net such as mnist_classifier.")
_SPLIT = Flag("split", str, None, "Of held-out images, for built-in data 'test'.")
_LAYERS = Flag("layers", str, "", "")
_PARTS = (
    "Such as 0-3,6, or coarse (4 to 8 pixels), middle (16 to 32), fine (64 and up); images "
    "below 64 pixels have thirds of their layers."
)
_FROM = (_WORKDIR, _OUTPUT, _STEP, _TRUNCATION)
_DRAWN = (*_FROM, _SEED)

ANALYSES: Mapping[str, Analysis] = {
    "walk": Analysis(
        "walks",
        "latent walks from seed to seed: a grid, and a GIF or MP4 film",
        (
            *_FROM,
            Flag("seeds", str, "0,1,2,3,4", "Stops; the walk returns to the first."),
            Flag("steps", int, 9, "Pictures on each way, both ends among them."),
            Flag("space", str, "z", "z; with styles also w."),
            Flag("between", str, None, "slerp or lerp; by default slerp in z, lerp in w."),
            Flag("video", str, "", "GIF or MP4 to write; by default a GIF beside output."),
            Flag("fps", float, 12.5, "Frames a second."),
            _LABEL,
        ),
    ),
    "arithmetic": Analysis(
        "latent",
        "latent arithmetic: A - B + C of means of latents",
        (
            *_DRAWN,
            Flag("a", str, "0,1,2", "Seeds whose latents are averaged."),
            Flag("b", str, "3,4,5", "The same, subtracted."),
            Flag("c", str, "6,7,8", "The same, added."),
            Flag("noise", float, 0.25, "Largest noise around the result."),
            _LABEL,
        ),
    ),
    "classes": Analysis(
        "networks",
        "the same latents in every class, or from one class to another",
        (
            *_DRAWN,
            Flag("n", int, 8, "Latents, a row each."),
            Flag("first", int, None, "Class at the left; by default a column per class."),
            Flag("second", int, None, "Class at the right."),
            Flag("steps", int, 9, "Images from one class to the other."),
            Flag("columns", int, 10, "Most classes shown."),
        ),
    ),
    "codes": Analysis(
        "codes",
        "what an InfoGAN's codes change: values down, samples and continuous codes across",
        (
            _WORKDIR,
            _OUTPUT,
            _STEP,
            _SEED,
            Flag("code", int, 0, "Categorical code whose values go down."),
            Flag("n", int, 10, "Samples of each value; without one, latents."),
            Flag("steps", int, 9, "Images along each continuous code."),
            Flag("reach", float, 2.0, "Where continuous codes end; 1 in training."),
        ),
    ),
    "reconstruct": Analysis(
        "encoded",
        "real images, and what the generator makes of their codes, G(E(x))",
        (
            _WORKDIR,
            _OUTPUT,
            _STEP,
            Flag("n", int, 10, "Training images, and as many held-out ones."),
            _SPLIT,
        ),
    ),
    "truncation": Analysis(
        "latent",
        "the same latents, or their styles, at several truncations",
        (
            _WORKDIR,
            _OUTPUT,
            _STEP,
            _SEED,
            Flag("thresholds", str, "0.25,0.5,1,2", "Of latents, in deviations."),
            Flag("psi", str, "", "Of styles, such as 1,0.7,0.5; then not of latents."),
            _LAYERS._replace(text=f"With psi: which; by default all. {_PARTS}"),
            Flag("n", int, 10, "Images in a row."),
            Flag("standing", int, None, "Batches for statistics of each row's own."),
            _LABEL._replace(text="Class; by default classes take turns."),
        ),
    ),
    "mix": Analysis(
        "latent",
        "style mixing, for runs whose generator has styles",
        (
            *_FROM,
            Flag("sources", str, "0,1,2", "Seeds of the rows."),
            Flag("others", str, "3,4,5,6", "Seeds of the columns."),
            _LAYERS._replace(
                default="coarse", text=f"Whose styles come from the columns. {_PARTS}"
            ),
            Flag("psi", float, 1.0, "Of all styles, around the mean of w."),
            _LABEL,
        ),
    ),
    "neighbours": Analysis(
        "images",
        "training images nearest to samples, and to held-out images",
        (
            *_DRAWN,
            Flag("n", int, 8, "Samples, and as many held-out images."),
            Flag("k", int, 5, "Neighbours of each."),
            _FEATURES,
            _SPLIT,
            Flag("references", int, 50_000, "Most training images compared with."),
        ),
    ),
    "guided": Analysis(
        "networks",
        "guided backpropagation of the discriminator",
        (
            *_DRAWN,
            Flag("layer", str, "", "Of the discriminator; by default the logit."),
            Flag("channels", str, "", "Such as 0,5; by default the six that respond most."),
            Flag("n", int, 6, "Real images, and as many samples."),
        ),
    ),
    "ablate": Analysis(
        "ablation",
        "drop the generator's channels that make a class",
        (
            *_DRAWN,
            Flag("layer", str, "", "Of the generator; by default the last feature map."),
            Flag("label", int, 0, "The class."),
            Flag("box", str, "", "Instead top,left,bottom,right, in pixels."),
            Flag("most", int, None, "Most channels to drop; by default all that fire."),
            Flag("features", str, "", "Feature net whose classes count, not the labels."),
            Flag("n", int, 10, "Images in a row."),
            Flag("samples", int, 500, "That the regression is fitted to."),
        ),
    ),
    "directions": Analysis(
        "latent",
        "strongest directions of the latent space (SeFa)",
        (
            *_DRAWN,
            Flag("space", str, "z", "z; with styles also w."),
            Flag("k", int, 6, "Directions, a row each."),
            Flag("distance", float, 4.0, "The farthest that a row goes."),
            Flag("steps", int, 9, "Images in a row, odd."),
            _LAYERS._replace(
                text=f"Names that take z in, or in w numbers; by default all. {_PARTS}"
            ),
            _LABEL,
        ),
    ),
    "project": Analysis(
        "projection",
        "the latent whose image is nearest to a given one",
        (
            *_DRAWN,
            Flag("image", str, "", "File of the image; by default a real one."),
            Flag("index", int, 0, "Of the real image."),
            _SPLIT._replace(text="Of the real image; by default that of training."),
            _LABEL._replace(text="Class; by default all are tried."),
            Flag("space", str, "z", "z; with styles also w, or w+ with one per layer."),
            Flag("starts", int, 20, "Searches side by side."),
            Flag("steps", int, 300, "Of each search."),
            Flag("rate", float, 0.1, "Learning rate of Adam."),
            Flag("perceptual", float, 1.0, "Weight of a distance in feature maps."),
            Flag("network", str, "discriminator", "Whose maps; or squeezenet's."),
        ),
    ),
    "spectrum": Analysis(
        "images",
        "power spectra of real and generated images",
        (*_DRAWN, Flag("n", int, 1000, "Images of each kind.")),
    ),
    "embed": Analysis(
        "images",
        "features of real and generated images in the plane",
        (
            *_DRAWN,
            Flag("method", str, "tsne", "tsne or umap."),
            _FEATURES,
            Flag("n", int, 500, "Images of each kind."),
            Flag("near", int, 30, "How many count as near (perplexity)."),
        ),
    ),
    "features": Analysis(
        "images",
        "what an L2-SVM reads out of the discriminator's features (DCGAN)",
        (
            _WORKDIR,
            _STEP,
            Flag("n", int, 2000, "Training images."),
            Flag("held", int, 1000, "Held-out images."),
            _SPLIT,
            Flag("json", bool, False, "Print JSON."),
        ),
    ),
}


def analyse(name: str, arguments: Mapping[str, Any]) -> str:
    """Runs one analysis.

    Args:
        name: in `ANALYSES`.
        arguments: values of its flags, by name.

    Returns:
        What to print: numbers, and the paths of what was written.

    Raises:
        UserError: --workdir or --output is missing, or as the analysis says.
    """
    for needed in ("workdir", "output"):
        if needed in arguments and arguments[needed] is None:
            raise UserError(f"--{needed} is missing")
    home = import_module(f"{__name__}.{ANALYSES[name].home}")
    said: str = getattr(home, name)(**arguments)
    return said
