"""Imported networks as .safetensors with a manifest: `gan-jax import-weights`.

Names are those of our own trees: "variables/COLLECTION/PATH" for evaluation; of networks
whose parameters are transformed also "params/PATH", before that, and of a spectral norm
"transform_state/PATH/u" and "v".
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gan_jax import trees
from gan_jax.errors import UserError
from gan_jax.interop.files import read_safetensors, read_state_dict, write_safetensors
from gan_jax.interop.state_dict import Imported
from gan_jax.types import Params, PyTree

_FORMAT = "gan_jax.interop 1"


class Export(NamedTuple):
    """What an exported file holds.

    Attributes:
        variables: as of `Imported`.
        params: as of `Imported`.
        transform_state: as of `Imported`.
        manifest: what was imported from where: "family", "network", "architecture" (JSON),
            "source", "source_sha256" and "parameters", their number.
    """

    variables: dict[str, PyTree]
    params: Params
    transform_state: PyTree
    manifest: dict[str, str]


def convert(
    family: str,
    network: str,
    source: str | Path,
    output: str | Path,
    architecture: Mapping[str, Any],
    *,
    overwrite: bool = False,
) -> tuple[Path, dict[str, str]]:
    """Imports a file of weights and exports it as `output/NETWORK.safetensors`.

    Args:
        family: one of `interop.FAMILIES`.
        network: which of the family's networks it is.
        source: the file; see `read_state_dict`.
        output: the folder, made if missing.
        architecture: arguments of the original constructor; see `parse_architecture`.
        overwrite: whether an older export may be replaced.

    Returns:
        The file and its manifest.

    Raises:
        UserError: there is an older export; or the file cannot be read, or does not hold
            the weights of such a network.
    """
    path = Path(output) / f"{network}.safetensors"
    if path.exists() and not overwrite:
        raise UserError(f"{path} exists; overwrite it with --overwrite")
    state_dict = read_state_dict(source)
    importer = importlib.import_module(f"gan_jax.interop.{family}").import_state_dict
    try:
        imported = importer(state_dict, network, **architecture)
    except UserError:
        raise
    except (AttributeError, TypeError, ValueError) as error:
        said = str(error).split("\n")[0]
        raise UserError(f"no {family} {network} has this architecture: {said}") from error
    manifest = {
        "family": family,
        "network": network,
        "architecture": json.dumps(dict(architecture), sort_keys=True),
        "source": Path(source).name,
        "source_sha256": hashlib.sha256(Path(source).read_bytes()).hexdigest(),
        "parameters": str(trees.count(imported.params)),
    }
    write_export(path, imported, manifest)
    return path, manifest


def write_export(path: str | Path, imported: Imported, manifest: Mapping[str, str]) -> None:
    """Writes an imported network, whole or not at all.

    Args:
        path: the file; an older one is replaced.
        imported: the network.
        manifest: text about it.
    """
    tree: dict[str, PyTree] = {"variables": imported.variables}
    if imported.params is not imported.variables["params"]:
        tree |= {"params": imported.params, "transform_state": imported.transform_state}
    arrays = {name: np.asarray(leaf) for name, leaf in trees.leaves_with_path(tree)}
    write_safetensors(path, arrays, {"format": _FORMAT, **manifest})


def read_export(path: str | Path) -> Export:
    """Reads what `write_export` wrote.

    Raises:
        UserError: it is no such file, or damaged.
    """
    arrays, manifest = read_safetensors(path)
    if manifest.pop("format", None) != _FORMAT:
        raise UserError(f"{path}: no export of weights; import it with import-weights")
    state: dict[str, dict[str, np.ndarray]] = {}
    tree: dict[str, Any] = {}
    for name, array in arrays.items():
        kind, _, where = name.partition("/")
        if kind == "transform_state":
            kernel, _, vector = where.rpartition("/")
            state.setdefault(kernel, {})[vector] = array
        else:
            _put(tree, name.split("/"), array)
    variables = tree["variables"]
    return Export(variables, tree.get("params", variables["params"]), state, manifest)


def _put(tree: dict[str, Any], path: list[str], leaf: np.ndarray) -> None:
    *above, last = path
    for name in above:
        tree = tree.setdefault(name, {})
    tree[last] = leaf


def parse_architecture(text: str) -> dict[str, Any]:
    """Arguments of a constructor, as the command line gives them.

    Args:
        text: "NAME=VALUE,NAME=VALUE", the values numbers, true, false, null or else words;
            or a .json file of such an object.

    Raises:
        UserError: it is neither.
    """
    if text.endswith(".json"):
        try:
            found = json.loads(Path(text).read_text())
        except (OSError, ValueError) as error:
            raise UserError(f"{text}: no readable JSON: {error}") from None
        if not isinstance(found, dict):
            raise UserError(f"{text}: the architecture must be an object, {{name: value}}")
        return found
    pairs = [word.partition("=") for word in text.split(",") if word]
    for name, equals, _ in pairs:
        if not equals:
            raise UserError(f"architecture: {name!r} has no value; write NAME=VALUE,...")
    return {name.strip(): _value(value.strip()) for name, _, value in pairs}


def _value(text: str) -> Any:
    try:
        return json.loads(text.lower() if text in ("True", "False") else text)
    except ValueError:
        return None if text == "None" else text
