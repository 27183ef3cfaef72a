"""Training curves that others published, as data.

Steps count updates of the generator. The points were read off the logs that two public
reproductions keep beside their code: A. Brock's BigGAN-PyTorch and POSTECH's
PyTorch-StudioGAN. Numbers of one generator differ by 3 to 5 between such pipelines.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

_BROCK = "ajbrock/BigGAN-PyTorch, logs"
_STUDIO = "POSTECH-CVLab/PyTorch-StudioGAN, logs"
_SAMPLES = 50_000


class Rail(NamedTuple):
    """What a healthy run keeps to.

    Attributes:
        step: by which
        below: the number must have fallen below this one.
    """

    step: int
    below: float


class Curve(NamedTuple):
    """A published training curve.

    Attributes:
        name: of the run.
        source: where it was published.
        method: as in a config.
        data: name of the data set, as of tfds.
        image_shape: (H, W, C).
        batch_size: images.
        conditional: whether on classes; None: not said.
        measure: as in a manifest.
        points: (step, value), ascending.
        split: of the reference; None: not said, or the measure has no reference.
        samples: number of samples.
        features: whose features, in words.
        settings: other fields of its config, by dotted name.
        rails: what a run must keep to.
    """

    name: str
    source: str
    method: str
    data: str
    image_shape: tuple[int, int, int]
    batch_size: int
    conditional: bool | None
    measure: str
    points: tuple[tuple[int, float], ...]
    split: str | None = None
    samples: int = _SAMPLES
    features: str = "the FID Inception"
    settings: Mapping[str, Any] = MappingProxyType({})
    rails: tuple[Rail, ...] = ()


def _rates(
    generator: float, discriminator: float, d_steps: int, b1: float
) -> dict[str, Any]:
    return {
        "recipe.d_steps": d_steps,
        "recipe.g_optimizer.learning_rate": generator,
        "recipe.d_optimizer.learning_rate": discriminator,
        "recipe.g_optimizer.b1": b1,
        "recipe.d_optimizer.b1": b1,
    }


_IMAGENET: dict[str, Any] = {
    "method": "biggan",
    "data": "imagenet2012",
    "image_shape": (128, 128, 3),
    "conditional": True,
}
_LARGE_RAILS = (Rail(10_000, 90.0), Rail(50_000, 30.0))
_CIFAR: dict[str, Any] = {
    "data": "cifar10",
    "image_shape": (32, 32, 3),
    "batch_size": 64,
    "source": _STUDIO,
    "measure": "frechet_distance",
    "settings": _rates(2e-4, 2e-4, 5, 0.5),
}

CURVES = (
    Curve(
        name="BigGAN-PyTorch BigGAN 128, batch 2048",
        source=_BROCK,
        batch_size=2048,
        measure="frechet_distance",
        points=(
            (2_000, 173.8), (4_000, 113.9), (6_000, 101.6), (8_000, 92.0), (10_000, 83.6),
            (20_000, 61.3), (30_000, 35.5), (40_000, 26.5), (50_000, 20.5), (60_000, 17.2),
            (80_000, 13.8), (100_000, 11.7), (120_000, 10.3), (138_000, 9.91),
        ),
        split="train",
        features="torchvision's Inception",
        settings=_rates(1e-4, 4e-4, 1, 0.0),
        rails=_LARGE_RAILS,
        **_IMAGENET,
    ),
    Curve(
        name="BigGAN-PyTorch BigGAN 128, batch 2048",
        source=_BROCK,
        batch_size=2048,
        measure="inception_score",
        points=(
            (2_000, 2.81), (4_000, 4.96), (6_000, 6.94), (8_000, 8.14), (10_000, 10.36),
            (20_000, 14.82), (30_000, 25.57), (40_000, 34.25), (50_000, 43.32),
            (60_000, 51.05), (80_000, 61.77), (100_000, 72.24), (120_000, 82.37),
            (138_000, 93.09),
        ),
        features="torchvision's Inception",
        settings=_rates(1e-4, 4e-4, 1, 0.0),
        **_IMAGENET,
    ),
    Curve(
        name="StudioGAN BigGAN-2048",
        source=_STUDIO,
        batch_size=2048,
        measure="frechet_distance",
        points=(
            (2_000, 137.1), (10_000, 63.2), (18_000, 45.9), (26_000, 33.3), (34_000, 25.6),
            (42_000, 21.8), (50_000, 18.7), (64_000, 15.7), (80_000, 13.4), (96_000, 12.0),
            (120_000, 10.3), (198_000, 7.89),
        ),
        split="validation",
        settings=_rates(5e-5, 2e-4, 2, 0.0),
        rails=_LARGE_RAILS,
        **_IMAGENET,
    ),
    Curve(
        name="StudioGAN BigGAN-256",
        source=_STUDIO,
        batch_size=256,
        measure="frechet_distance",
        points=(
            (2_000, 134.9), (10_000, 83.5), (50_000, 44.8), (98_000, 34.4),
            (200_000, 24.68),
        ),
        settings=_rates(5e-5, 2e-4, 2, 0.0),
        **_IMAGENET,
    ),
    Curve(
        name="StudioGAN CIFAR-10 BigGAN",
        method="biggan",
        conditional=True,
        points=(
            (2_000, 45.4), (10_000, 28.6), (18_000, 16.4), (26_000, 12.1), (34_000, 10.5),
            (50_000, 8.9), (98_000, 8.03),
        ),
        split="test",
        **_CIFAR,
    ),
    Curve(
        name="StudioGAN CIFAR-10 SNGAN",
        method="sngan",
        conditional=None,
        points=((2_000, 43.6), (10_000, 25.6), (50_000, 16.6), (90_000, 13.25)),
        **_CIFAR,
    ),
    Curve(
        name="StudioGAN CIFAR-10 WGAN-GP",
        method="wgan_gp",
        conditional=False,
        points=((2_000, 61.2), (10_000, 41.3), (50_000, 28.9), (90_000, 25.85)),
        **_CIFAR,
    ),
)  # fmt: skip
"""The curves that runs are compared with."""
