"""Where the weights of feature nets are: in the package, in files given, in the cache."""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import logging
import urllib.request
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from gan_jax.errors import UserError
from gan_jax.files import write_atomic
from gan_jax.interop.export import read_export, write_export
from gan_jax.interop.files import read_safetensors, read_state_dict
from gan_jax.interop.state_dict import Imported
from gan_jax.metrics import cache

_LOG = logging.getLogger(__name__)
_FOLDER = Path(__file__).parent / "weights"
_SECONDS = 30.0


class Origin(NamedTuple):
    """Which importer makes a network of ours out of published weights.

    Attributes:
        family: module of `gan_jax.interop`.
        network: of that family.
        architecture: arguments of the importer, of what is not in the weights.
    """

    family: str
    network: str
    architecture: tuple[tuple[str, Any], ...] = ()


class Published(NamedTuple):
    """A file that its authors publish.

    Attributes:
        url: where.
        digest: the first hexadecimal digits of its SHA-256, as its name has them.
    """

    url: str
    digest: str

    @property
    def name(self) -> str:
        """Of the file."""
        return self.url.rsplit("/", 1)[1]


INCEPTION = Published(
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/"
    "pt_inception-2015-12-05-6726825d.pth",
    "6726825d",
)


def built_in(name: str, origin: Origin) -> Imported:
    """A network whose weights come with the package."""
    with np.load(_FOLDER / f"{name}.npz", allow_pickle=False) as stored:
        return _imported({key: stored[key] for key in stored.files}, origin)


def from_file(path: str | Path, origin: Origin) -> Imported:
    """A network from a file.

    Args:
        path: of published weights, see `interop.read_state_dict`, or of what
            `gan-jax import-weights` made of them.
        origin: what is expected in it.

    Raises:
        UserError: it cannot be read, or holds the weights of something else.
    """
    path = Path(path).expanduser()
    if path.suffix == ".safetensors" and path.is_file():
        _, manifest = read_safetensors(path)
        if "family" in manifest:
            return _exported(path, origin)
    return _imported(read_state_dict(path), origin)


def published(
    file: Published, origin: Origin, otherwise: str, cache_dir: str | Path | None = None
) -> Imported:
    """A network from the cache, or downloaded into it now and verified.

    What was imported is kept beside the file as NETWORK.safetensors, which is read without
    PyTorch from then on; a file of that name made elsewhere does as well.

    Args:
        file: what is published.
        origin: what it holds.
        otherwise: what can be done without it, for the error.
        cache_dir: see `cache.cache_directory`; the folder "weights" in it is used.

    Raises:
        UserError: it cannot be downloaded, is not what was published, or PyTorch is needed
            and missing.
    """
    folder = cache.cache_directory(cache_dir) / "weights"
    converted, original = folder / f"{origin.network}.safetensors", folder / file.name
    if converted.is_file():
        return from_file(converted, origin)
    if not original.is_file():
        _download(file, original, otherwise)
    _verify(file, original.read_bytes(), original)
    imported = from_file(original, origin)
    manifest = {"family": origin.family, "network": origin.network, "source": file.name}
    try:
        write_export(converted, imported, manifest)
    except OSError as error:
        _LOG.warning("cannot keep %s in the cache: %s", converted.name, error)
    return imported


def _download(file: Published, path: Path, otherwise: str) -> None:
    """Raises UserError where that is not possible, saying how else to get the file."""
    where = f"get {file.url} and put it into {path.parent}; {otherwise}"
    if path.suffix == ".pth" and importlib.util.find_spec("torch") is None:
        raise UserError(
            f"reading {file.name} takes PyTorch once (pip install 'gan-jax[weights]'): "
            f"{where}"
        )
    _LOG.warning("downloading %s once; it is kept in the cache", file.url)
    try:
        with urllib.request.urlopen(file.url, timeout=_SECONDS) as response:
            content = response.read()
    except OSError as error:
        reason = getattr(error, "reason", error)
        raise UserError(f"cannot download {file.name} ({reason}): {where}") from None
    _verify(file, content, file.url)
    write_atomic(path, content)


def _verify(file: Published, content: bytes, where: str | Path) -> None:
    found = hashlib.sha256(content).hexdigest()
    if not found.startswith(file.digest):
        raise UserError(
            f"{where} is not the published file: its SHA-256 begins with "
            f"{found[: len(file.digest)]}, not {file.digest}; delete it and get it anew"
        )


def _imported(state_dict: dict[str, np.ndarray], origin: Origin) -> Imported:
    importer = importlib.import_module(f"gan_jax.interop.{origin.family}")
    found: Imported = importer.import_state_dict(
        state_dict, origin.network, **dict(origin.architecture)
    )
    return found


def _exported(path: Path, origin: Origin) -> Imported:
    """Our own file, into the module that the importer would build."""
    export = read_export(path)
    made = export.manifest.get("family"), export.manifest.get("network")
    if made != (origin.family, origin.network):
        raise UserError(
            f"{path}: it holds {made[1]} of {made[0]}, not {origin.network} of "
            f"{origin.family}"
        )
    importer = importlib.import_module(f"gan_jax.interop.{origin.family}")
    module, shapes = importer.build(origin.network, **dict(origin.architecture))
    variables = jax.tree.map(jnp.asarray, export.variables)
    if jax.tree.map(jnp.shape, variables) != jax.tree.map(lambda x: x.shape, shapes):
        raise UserError(f"{path}: it holds {made[1]} of another architecture")
    return Imported(module, variables, variables["params"], {})
