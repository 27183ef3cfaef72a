"""Data: sources of images, the pipeline that batches them, checks. Imported lazily."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.data.checks import check as check
    from gan_jax.data.errors import DataError as DataError
    from gan_jax.data.errors import UnreadableImageError as UnreadableImageError
    from gan_jax.data.pipeline import Pipeline as Pipeline
    from gan_jax.data.pipeline import make_pipeline as make_pipeline
    from gan_jax.data.prepare import prepare_data as prepare_data
    from gan_jax.data.protocol import ArraySource as ArraySource
    from gan_jax.data.protocol import ImageSource as ImageSource
    from gan_jax.data.sheets import contact_sheet as contact_sheet
    from gan_jax.data.sources import open_source as open_source
    from gan_jax.data.streams import Batches as Batches
    from gan_jax.data.streams import Streams as Streams
    from gan_jax.data.streams import stream_seed as stream_seed
    from gan_jax.data.subset import Subset as Subset
    from gan_jax.data.subset import balanced as balanced
    from gan_jax.data.transform import ImageTransform as ImageTransform
    from gan_jax.data.validation import Report as Report
    from gan_jax.data.validation import validate as validate

_HOMES = {
    "ArraySource": "protocol",
    "Batches": "streams",
    "DataError": "errors",
    "ImageSource": "protocol",
    "ImageTransform": "transform",
    "Pipeline": "pipeline",
    "Report": "validation",
    "Streams": "streams",
    "Subset": "subset",
    "UnreadableImageError": "errors",
    "balanced": "subset",
    "check": "checks",
    "contact_sheet": "sheets",
    "make_pipeline": "pipeline",
    "open_source": "sources",
    "prepare_data": "prepare",
    "stream_seed": "streams",
    "validate": "validation",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted(_HOMES)
