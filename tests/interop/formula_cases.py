"""Reference networks whose weights are drawn by their keys: outputs of the original code of
pytorch-CycleGAN-and-pix2pix, StarGAN and two ports of SRGAN at many settings.
"""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax import interop

FILE = Path(__file__).parents[1] / "golden" / "08_image_to_image.npz"


class Case(NamedTuple):
    """A reference.

    Attributes:
        family: whose code it is.
        network: "generator" or "discriminator".
        cls: the original class.
        kwargs: arguments of its constructor.
        state_dict: its weights.
        images: what it was called with, (B, H, W, C).
        outputs: by mode, "eval" and "train", as the original gave them.
    """

    family: str
    network: str
    cls: str
    kwargs: dict[str, Any]
    state_dict: dict[str, np.ndarray]
    images: np.ndarray
    outputs: dict[str, np.ndarray]

    def imported(self, **changes):
        family = getattr(interop, self.family)
        return family.import_state_dict(
            self.state_dict, self.network, **self.kwargs | changes
        )

    def seen(self, imported):
        """Outputs of an imported network in the modes that there are."""
        apply = functools.partial(imported.module.apply, imported.variables, self.images)
        found = {"eval": apply()}
        if "train" in self.outputs:
            found["train"] = apply(train=True, mutable=["batch_stats"])[0]
        return found


@functools.cache
def _file():
    with np.load(FILE, allow_pickle=False) as file:
        arrays = {key: file[key] for key in file.files}
    return json.loads(str(arrays.pop("meta"))), arrays


def names(family):
    return [name for name, entry in _file()[0].items() if entry["family"] == family]


def load(name, by_formula):
    """A reference by its name; `by_formula` is the fixture."""
    entry, arrays = _file()[0][name], _file()[1]
    weights = {key: by_formula(key, tuple(shape)) for key, shape in entry["keys"].items()}
    for key, (scale, shift) in entry["changed"].items():
        weights[key] = weights[key] * np.float32(scale) + np.float32(shift)
    unit = entry["family"] == "srgan" and entry["network"] == "generator"
    draws = np.random.default_rng(0).uniform(0 if unit else -1, 1, entry["shape"])
    outputs = {
        key.partition("/")[2]: x for key, x in arrays.items() if key.startswith(f"{name}/")
    }
    images = draws.astype(np.float32).transpose(0, 2, 3, 1)
    about = (entry[key] for key in ("family", "network", "cls", "kwargs"))
    return Case(*about, weights, images, outputs)
