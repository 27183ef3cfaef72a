"""Files of weights, read without executing anything that they hold."""

from __future__ import annotations

import json
import math
import pickle
import warnings
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np

from gan_jax.errors import UserError
from gan_jax.files import write_atomic

_DTYPES: dict[str, Any] = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": jnp.bfloat16,
    "I64": np.int64,
    "I32": np.int32,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
_NAMES = {np.dtype(dtype): name for name, dtype in _DTYPES.items()}
_METADATA = "__metadata__"
_MOST_HEADER = 100_000_000
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_SAFE_TORCH = (2, 6)
_PICKLE = (
    "a pickle runs code when it is read, so it is not; if you trust it, convert it where "
    'the code that wrote it is, as for StyleGAN2-ADA: python -c "import legacy, torch; '
    "torch.save(legacy.load_network_pkl(open('{0}.pkl', 'rb'))['G_ema'].state_dict(), "
    "'{0}.pt')\""
)


def read_state_dict(path: str | Path) -> dict[str, np.ndarray]:
    """The arrays of a file of weights by key.

    Args:
        path: a .npz, a .safetensors, or a .pth, .pt, .ckpt or .bin of PyTorch, which has
            to be installed for it. A state_dict within a dict, under "state_dict",
            "model_state_dict" or "model", is found; "module." before all keys is dropped.

    Raises:
        UserError: there is no such file, or none of these kinds; it is truncated or not
            what it is named; it holds anything but arrays, such as code, which is not
            executed; or PyTorch is needed and missing, or so old that it could be made to.
    """
    path = Path(path)
    reader = _READERS.get(path.suffix)
    if path.suffix == ".pkl":
        raise UserError(f"{path}: {_PICKLE.format(path.stem)}")
    if reader is None:
        raise UserError(
            f"{path}: weights are read from {', '.join(_READERS)}, not {path.suffix!r}"
        )
    if not path.is_file():
        raise UserError(f"{path}: no such file")
    found = reader(path)
    if found and all(key.startswith("module.") for key in found):
        return {key.removeprefix("module."): value for key, value in found.items()}
    return found


def read_safetensors(path: str | Path) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """The arrays of a .safetensors by name, and its text metadata.

    Raises:
        UserError: the file is truncated, or breaks the format.
    """
    content = Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    if len(content) < 8 or size > min(len(content) - 8, _MOST_HEADER):
        raise UserError(f"{path}: its header is truncated, or it is no safetensors file")
    try:
        header = json.loads(content[8 : 8 + size])
        metadata = {str(k): str(v) for k, v in header.pop(_METADATA, {}).items()}
        places = {name: _place(entry) for name, entry in header.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise UserError(f"{path}: its header is not that of a safetensors file") from None
    _check_places(path, places, len(content) - 8 - size)
    arrays = {
        name: np.frombuffer(content, dtype, math.prod(shape), 8 + size + start).reshape(
            shape
        )
        for name, (dtype, shape, start, _) in places.items()
    }
    return arrays, metadata


def write_safetensors(
    path: str | Path, arrays: Mapping[str, np.ndarray], manifest: Mapping[str, str]
) -> None:
    """Writes a .safetensors, whole or not at all.

    Args:
        path: the file; an older one is replaced.
        arrays: by name, of the types that `read_safetensors` knows.
        manifest: text about them, kept as the file's metadata.

    Raises:
        UserError: an array is of another type.
    """
    header: dict[str, Any] = {_METADATA: dict(manifest)}
    parts, start = [], 0
    for name, array in arrays.items():
        array = np.asarray(array)
        if array.dtype not in _NAMES:
            raise UserError(f"{path}: {name} has type {array.dtype}, which it cannot hold")
        end = start + array.nbytes
        header[name] = {
            "dtype": _NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [start, end],
        }
        parts.append(array.tobytes())
        start = end
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    write_atomic(path, b"".join([len(text).to_bytes(8, "little"), text, *parts]))


_Place = tuple[Any, tuple[int, ...], int, int]


def _place(entry: Mapping[str, Any]) -> _Place:
    """Type, shape, start and end of an array.

    Raises:
        ValueError, TypeError, KeyError: the entry breaks the format.
    """
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    start, end = entry["data_offsets"]
    numbers = (*shape, start, end)
    if any(type(number) is not int or number < 0 for number in numbers):
        raise ValueError("sizes and offsets are whole numbers")
    if end - start != math.prod(shape) * dtype.itemsize:
        raise ValueError("the offsets do not fit the shape")
    return dtype, shape, start, end


def _check_places(path: str | Path, places: Mapping[str, _Place], size: int) -> None:
    """Refuses arrays that overlap, leave holes or go beyond the file.

    Raises:
        UserError: they do.
    """
    spans = sorted((start, end) for _, _, start, end in places.values())
    starts, ends = [start for start, _ in spans], [0, *(end for _, end in spans)]
    if ends[-1] > size:
        raise UserError(f"{path}: truncated: {size} bytes of arrays of {ends[-1]}")
    if [*starts, size] != ends:
        raise UserError(f"{path}: its arrays overlap, or there is something between them")


def _from_safetensors(path: Path) -> dict[str, np.ndarray]:
    return read_safetensors(path)[0]


def _from_npz(path: Path) -> dict[str, np.ndarray]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (
        AttributeError, EOFError, KeyError, OSError, TypeError, ValueError,
        zipfile.BadZipFile, zlib.error,
    ) as error:  # fmt: skip
        if "allow_pickle" in str(error) and zipfile.is_zipfile(path):
            raise UserError(
                f"{path}: it holds Python objects, which could run code; nothing was read"
            ) from None
        raise UserError(f"{path}: truncated, or no .npz file") from None


def _from_torch(path: Path) -> dict[str, np.ndarray]:
    try:
        import torch
    except ImportError:
        raise UserError(
            f"{path}: reading it needs PyTorch: pip install 'gan-jax[weights]', or bring "
            "the weights as .safetensors or .npz"
        ) from None
    if tuple(map(int, torch.__version__.split(".")[:2])) < _SAFE_TORCH:
        raise UserError(
            f"{path}: PyTorch {torch.__version__} can be made to run code that a file "
            "holds; 2.6 or later cannot: pip install --upgrade torch"
        )
    try:
        with warnings.catch_warnings(action="ignore"):
            found = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise UserError(
            f"{path}: damaged, or it holds more than arrays, and reading that could run "
            "code; refused, nothing was executed"
        ) from None
    except (EOFError, KeyError, OSError, RuntimeError, ValueError):
        raise UserError(f"{path}: truncated, or no file of PyTorch's") from None
    return {
        key: _to_numpy(path, key, x, torch) for key, x in _unwrapped(path, found).items()
    }


def _unwrapped(path: Path, found: Any) -> Mapping[str, Any]:
    """The state_dict that is the file's content, or within it."""
    while isinstance(found, Mapping):
        inner = [key for key in _WRAPPERS if isinstance(found.get(key), Mapping)]
        if not inner:
            return found
        found = found[inner[0]]
    raise UserError(f"{path}: it holds a {type(found).__name__}, not a state_dict")


def _to_numpy(path: Path, key: str, value: Any, torch: Any) -> np.ndarray:
    if not isinstance(value, torch.Tensor):
        raise UserError(f"{path}: {key!r} is a {type(value).__name__}, not an array")
    wide = value.float() if value.dtype == torch.bfloat16 else value
    return wide.detach().numpy()


_READERS = {
    ".npz": _from_npz,
    ".safetensors": _from_safetensors,
    ".pth": _from_torch,
    ".pt": _from_torch,
    ".bin": _from_torch,
    ".tar": _from_torch,  # .pth.tar
    ".ckpt": _from_torch,
}
