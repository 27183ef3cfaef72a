"""Data: sources of images, the pipeline that batches them, and checks. Imported lazily."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax.data.check import check
    from gan_jax.data.contact_sheet import contact_sheet
    from gan_jax.data.errors import DataError, UnreadableImageError
    from gan_jax.data.pipeline import Pipeline, make_pipeline
    from gan_jax.data.prepare import prepare_data
    from gan_jax.data.protocol import ArraySource, ImageSource
    from gan_jax.data.sources import open_source
    from gan_jax.data.transform import ImageTransform
    from gan_jax.data.validate import Report, validate

# Names of modules that are names of functions too (check, contact_sheet, validate) would
# change their meaning once the module is imported, so they are set below for good.
