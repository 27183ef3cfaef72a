"""Published weights as networks of this library.

Every family has a module, `gan_jax.interop.FAMILY`, imported when it is asked for, with

    import_state_dict(state_dict, network, **architecture) -> Imported

for a plain dict of numpy arrays under the original keys (`read_state_dict` makes one of a
file), "generator", "discriminator" or another network of the family, and the arguments of
the original constructor.
"""

from __future__ import annotations

import importlib
from types import ModuleType

from gan_jax.interop.export import (
    Export,
    convert,
    parse_architecture,
    read_export,
    write_export,
)
from gan_jax.interop.files import read_safetensors, read_state_dict, write_safetensors
from gan_jax.interop.state_dict import Imported

FAMILIES = {
    name: f"{__name__}.{name}"
    for name in (
        "biggan_deep_huggingface",
        "biggan_pytorch",
        "cyclegan",
        "dino",
        "inception",
        "mimicry",
        "progan",
        "srgan",
        "stargan",
        "stylegan2_ada",
        "torchvision_resnet",
    )
}
"""Modules of the families by name."""

__all__ = [
    "FAMILIES",
    "Export",
    "Imported",
    "convert",
    "parse_architecture",
    "read_export",
    "read_safetensors",
    "read_state_dict",
    "write_export",
    "write_safetensors",
]


def __getattr__(name: str) -> ModuleType:
    if name in FAMILIES:
        return importlib.import_module(FAMILIES[name])
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
