"""Prepares a tfds data set as array_record, which needs no TensorFlow to read."""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from gan_jax.data.errors import DataError, unknown
from gan_jax.data.tfds_source import (
    FORMAT,
    TfdsName,
    data_root,
    find_prepared,
    known_names,
    parse,
    require_format,
)


def _needs_tensorflow(error: BaseException | None) -> bool:
    """Whether TensorFlow is missing anywhere in the chain of causes."""
    while error is not None:
        name = getattr(error, "name", None) or ""
        if isinstance(error, ImportError) and name.split(".")[0] == "tensorflow":
            return True
        if isinstance(error, ImportError) and "tensorflow" in str(error).lower():
            return True
        error = error.__cause__ or error.__context__
    return False


def _first_line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _failed(what: str, error: BaseException) -> DataError:
    if _needs_tensorflow(error):
        return DataError(
            f"the builder of {what} needs TensorFlow to prepare the data (training does "
            "not); run: pip install tensorflow, and prepare again"
        )
    return DataError(
        f"preparing {what} failed: {type(error).__name__}: {_first_line(error)}; nothing "
        "half-written was kept, run the same command again"
    )


def _import_builders(modules: Sequence[str]) -> None:
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError as error:
            raise DataError(f"cannot import the builder {module!r}: {error}") from error


def _builder(wanted: TfdsName, root: Path) -> Any:
    import tensorflow_datasets as tfds

    names = known_names(root)
    if wanted.name not in names:
        raise unknown("tfds data set", wanted.name, names)
    try:
        return tfds.builder(wanted.builder, data_dir=root, file_format=FORMAT)
    except Exception as error:
        if _needs_tensorflow(error):
            raise _failed(f"tfds:{wanted.builder}", error) from error
        raise DataError(f"tfds:{wanted.builder}: {_first_line(error)}") from error


def _require_absent(folder: Path) -> None:
    # tfds takes any folder of this name for finished work.
    if folder.exists():
        raise DataError(
            f"{folder} is not complete (it has no dataset_info.json); remove it and "
            "prepare the data again"
        )


def prepare_data(
    name: str,
    data_dir: str | os.PathLike[str] | None = None,
    *,
    imports: Sequence[str] = (),
) -> Path:
    """Prepares a data set once; what is interrupted leaves nothing that reads as one.

    Args:
        name: `NAME[/CONFIG][:VERSION]`, with or without `tfds:` before it.
        data_dir: where to; $TFDS_DATA_DIR or ~/tensorflow_datasets by default.
        imports: modules that define builders of one's own, each inside a package.

    Returns:
        The folder of the prepared version; at once if it was there already.

    Raises:
        DataError: an unknown name, a failed download, or TensorFlow is needed and missing.
    """
    wanted, root = parse(name), data_root(data_dir)
    _import_builders(imports)
    done = find_prepared(wanted, root)
    if done is None:
        builder = _builder(wanted, root)
        _require_absent(Path(builder.data_dir))
        try:
            builder.download_and_prepare()
        except Exception as error:
            raise _failed(f"tfds:{wanted.builder}", error) from error
        done = Path(builder.data_dir)
    require_format(done)
    return done
