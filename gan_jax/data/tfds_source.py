"""Data sets of TensorFlow Datasets, read from array_record files without TensorFlow."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any, NamedTuple

from gan_jax.data import images
from gan_jax.data.errors import DataError, UnreadableImageError, unknown
from gan_jax.data.protocol import digest_lines

_SPEC = re.compile(
    r"(?P<name>\w+)(?:/(?P<config>[^:/]+))?(?::(?P<version>\d+\.\d+\.\d+))?(?::(?P<split>.+))?"
)
_VERSION = re.compile(r"\d+\.\d+\.\d+")
FORMAT = "array_record"


class TfdsName(NamedTuple):
    """The parts of `NAME[/CONFIG][:VERSION][:SPLIT]`; None where left out."""

    name: str
    config: str | None = None
    version: str | None = None
    split: str | None = None

    @property
    def builder(self) -> str:
        """What `tfds.builder` calls it."""
        config = f"/{self.config}" if self.config else ""
        version = f":{self.version}" if self.version else ""
        return f"{self.name}{config}{version}"


def parse(text: str) -> TfdsName:
    """Splits `NAME[/CONFIG][:VERSION][:SPLIT]`, with or without `tfds:` before it.

    Raises:
        DataError: it is not of this form.
    """
    match = _SPEC.fullmatch(text.removeprefix("tfds:"))
    if match is None:
        raise DataError(
            f"cannot understand the data set {text!r}; expected "
            "NAME[/CONFIG][:VERSION][:SPLIT], such as cifar10:train"
        )
    return TfdsName(**match.groupdict())


def data_root(data_dir: str | os.PathLike[str] | None) -> Path:
    """The folder of prepared data: `data_dir`, else $TFDS_DATA_DIR, else tfds's own."""
    chosen = data_dir or os.environ.get("TFDS_DATA_DIR") or "~/tensorflow_datasets"
    return Path(chosen).expanduser()


def _versions(folder: Path) -> list[Path]:
    """Complete versions below a folder, oldest first; tfds writes the info file last."""
    if not folder.is_dir():
        return []
    found = [path for path in folder.iterdir() if _VERSION.fullmatch(path.name)]
    complete = [path for path in found if (path / "dataset_info.json").is_file()]
    return sorted(complete, key=lambda path: [int(part) for part in path.name.split(".")])


def _config_folder(root: Path, wanted: TfdsName) -> Path:
    folder = root / wanted.name
    if wanted.config:
        return folder / wanted.config
    if _versions(folder) or not folder.is_dir():
        return folder
    configs = sorted(path.name for path in folder.iterdir() if _versions(path))
    if len(configs) > 1:
        raise DataError(
            f"tfds:{wanted.name} is prepared in several configurations; name one: "
            + ", ".join(f"tfds:{wanted.name}/{config}" for config in configs)
        )
    return folder / configs[0] if configs else folder


def find_prepared(wanted: TfdsName, root: Path) -> Path | None:
    """Folder of the newest complete version prepared below `root`; None if there is none.

    Raises:
        DataError: several configurations are prepared and none is named.
    """
    versions = _versions(_config_folder(root, wanted))
    if wanted.version:
        versions = [path for path in versions if path.name == wanted.version]
    return versions[-1] if versions else None


def _prepared_in_any_config(folder: Path) -> bool:
    return any(any(folder.glob(f"{depth}/dataset_info.json")) for depth in ("*", "*/*"))


def known_names(root: Path) -> list[str]:
    """Names that are prepared below `root` or that tfds can prepare."""
    import tensorflow_datasets as tfds

    folders = (path for path in root.iterdir()) if root.is_dir() else iter(())
    prepared = {path.name for path in folders if _prepared_in_any_config(path)}
    return sorted(prepared | set(tfds.list_builders(with_community_datasets=False)))


def _not_prepared(wanted: TfdsName, root: Path) -> DataError:
    names = known_names(root)
    if wanted.name not in names:
        return unknown("tfds data set", wanted.name, names)
    return DataError(
        f"tfds:{wanted.builder} is not prepared in {root}; run: gan-jax prepare-data "
        f"{wanted.builder} --data_dir={root}"
    )


def require_format(folder: Path) -> None:
    """Refuses data prepared in a format that only TensorFlow can read.

    Raises:
        DataError: it is not array_record.
    """
    info = json.loads((folder / "dataset_info.json").read_text())
    found = info.get("fileFormat", "tfrecord")
    if found != FORMAT:
        raise DataError(
            f"{folder} is prepared as {found}, which cannot be read without TensorFlow; "
            "prepare it again in another data_dir with gan-jax prepare-data"
        )


def _image_features(info: Any) -> list[str]:
    import tensorflow_datasets as tfds

    return [k for k, v in info.features.items() if isinstance(v, tfds.features.Image)]


def _pick_image(info: Any) -> str:
    found = _image_features(info)
    preferred = [*(info.supervised_keys or ())[:1], "image"]
    key = next((key for key in preferred if key in found), None)
    if key is None and len(found) != 1:
        raise DataError(
            f"tfds:{info.full_name}: cannot tell which feature is the image; image "
            f"features: {', '.join(found) or 'none'}"
        )
    return key or found[0]


def _pick_label(info: Any) -> str | None:
    import tensorflow_datasets as tfds

    found = [k for k, v in info.features.items() if isinstance(v, tfds.features.ClassLabel)]
    preferred = [*(info.supervised_keys or ())[1:2], "label"]
    key = next((key for key in preferred if key in found), None)
    return key or (found[0] if len(found) == 1 else None)


def _names(feature: Any) -> tuple[str, ...] | None:
    # Without names tfds counts: "0", "1", ...
    return tuple(feature.names) if feature.names else None


def _check_shards(name: str, split: Any) -> None:
    missing = [path for path in split.filepaths if not Path(path).is_file()]
    if missing:
        raise DataError(
            f"{name}: {len(missing)} of {len(split.filepaths)} files are missing (first: "
            f"{missing[0]}); remove {Path(missing[0]).parent} and prepare the data again"
        )


class TfdsSource:
    """One split of a prepared data set.

    Args:
        folder: of one version, as `find_prepared` gives it.
        split: a split, or a slice of one such as "train[:50%]".

    Raises:
        DataError: the format, the split or the features do not serve, or files are missing.
    """

    def __init__(self, folder: Path, split: str):
        import tensorflow_datasets as tfds

        require_format(folder)
        builder = tfds.builder_from_directory(folder)
        info = builder.info
        self.name = f"tfds:{info.full_name}:{split}"
        self._split = _find_split(info, split)
        _check_shards(self.name, self._split)
        self._image, self._label = _pick_image(info), _pick_label(info)
        label = info.features[self._label] if self._label else None
        self.num_classes = label.num_classes if label is not None else None
        self.class_names = _names(label) if label is not None else None
        self._identity = (info.full_name, split, str(self._split.shard_lengths))
        self._bytes = str(getattr(self._split, "num_bytes", ""))
        # The bytes are decoded here, so that all sources read images the same way.
        decoders = {key: tfds.decode.SkipDecoding() for key in _image_features(info)}
        self._records = builder.as_data_source(split, decoders=decoders)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> dict[str, Any]:
        name = self.element_name(index)
        try:
            record = self._records[index]
        except (RuntimeError, OSError) as error:  # what array_record raises on damage
            raise UnreadableImageError(f"{name}: cannot be read ({error})") from error
        element: dict[str, Any] = {"image": images.decode(record[self._image], name)}
        if self._label:
            element["label"] = int(record[self._label])
        return element

    def element_name(self, index: int) -> str:
        return f"{self.name}[{index}]"

    def fingerprint(self) -> str:
        """Digest of the name, version, split and the sizes that tfds recorded."""
        return digest_lines([*self._identity, self._bytes])


def _find_split(info: Any, split: str) -> Any:
    base = re.split(r"[\[+]", split)[0]
    if base not in (*info.splits, "all"):
        raise unknown(f"split of tfds:{info.full_name}", base, info.splits)
    try:
        return info.splits[split]
    except (ValueError, KeyError, AssertionError) as error:
        why = str(error).splitlines()[0]
        raise DataError(f"tfds:{info.full_name} has no split {split!r}: {why}") from error


def open_tfds(
    text: str, *, data_dir: str | os.PathLike[str] | None = None, split: str = "train"
) -> TfdsSource:
    """A prepared data set `NAME[/CONFIG][:VERSION][:SPLIT]`.

    Only the files below `data_dir` are needed, not the builder's code.

    Args:
        text: what to open.
        data_dir: folder of prepared data; by default $TFDS_DATA_DIR, else
            ~/tensorflow_datasets.
        split: taken where `text` names none.

    Raises:
        DataError: an unknown name, or the data are not prepared or not complete.
    """
    wanted, root = parse(text), data_root(data_dir)
    folder = find_prepared(wanted, root)
    if folder is None:
        raise _not_prepared(wanted, root)
    return TfdsSource(folder, wanted.split or split)
