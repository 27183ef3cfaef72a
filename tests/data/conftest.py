"""Data sets that the tests build themselves: folders of images and tfds builders."""

import importlib
import sys

import numpy as np
import pytest

from gan_jax.data import images

BUILDERS = '''
import numpy as np
import tensorflow_datasets as tfds
from PIL import Image

FAIL_AT = {"tiny_shapes": None}


def picture(index):
    rows, columns, channels = np.indices((6, 8, 3))
    return ((index * 7 + rows * 11 + columns * 5 + channels * 50) % 256).astype(np.uint8)


def features(**more):
    return tfds.features.FeaturesDict({
        "image": tfds.features.Image(shape=(None, None, 3)),
        "label": tfds.features.ClassLabel(names=["circle", "square", "star"]),
        **more,
    })


class TinyShapes(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.2.0")

    def _info(self):
        return self.dataset_info_from_configs(
            features=features(), supervised_keys=("image", "label"), disable_shuffling=True)

    def _split_generators(self, manager):
        return {"train": self._generate_examples(0, 20),
                "test": self._generate_examples(20, 26)}

    def _generate_examples(self, start, stop):
        for index in range(start, stop):
            if index == FAIL_AT["tiny_shapes"]:
                raise ConnectionError("connection reset by peer")
            image = Image.fromarray(picture(index))
            yield index, {"image": image, "label": index % 3}


class TinyConfigs(tfds.core.GeneratorBasedBuilder):
    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in ("small", "big")]

    def _info(self):
        return self.dataset_info_from_configs(features=tfds.features.FeaturesDict(
            {"picture": tfds.features.Image(shape=(None, None, 3))}))

    def _split_generators(self, manager):
        count = 4 if self.builder_config.name == "small" else 9
        return {"train": self._generate_examples(count)}

    def _generate_examples(self, count):
        for index in range(count):
            yield index, {"picture": Image.fromarray(picture(index))}


class TinyArrays(tfds.core.GeneratorBasedBuilder):
    """Yields arrays, which tfds encodes by TensorFlow."""

    VERSION = tfds.core.Version("1.0.0")

    def _info(self):
        return self.dataset_info_from_configs(features=features())

    def _split_generators(self, manager):
        return {"train": self._generate_examples()}

    def _generate_examples(self):
        yield 0, {"image": picture(0), "label": 0}
'''


@pytest.fixture(scope="session")
def tiny_builders(tmp_path_factory):
    """The module of builders, in a package of its own as tfds demands."""
    root = tmp_path_factory.mktemp("packages")
    package = root / "gan_jax_tiny_builders"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "builders.py").write_text(BUILDERS)
    sys.path.insert(0, str(root))
    yield importlib.import_module("gan_jax_tiny_builders.builders")
    sys.path.remove(str(root))


@pytest.fixture(scope="session")
def tfds_dir(tiny_builders, tmp_path_factory):
    """A data_dir with `tiny_shapes` and both configurations of `tiny_configs`."""
    from gan_jax.data.prepare import prepare_data

    root = tmp_path_factory.mktemp("tfds")
    for name in ("tiny_shapes", "tiny_configs/small", "tiny_configs/big"):
        prepare_data(name, root)
    return root


@pytest.fixture
def make_folder(tmp_path):
    """`(counts by class, shape, name) -> (folder, images by relative path)`."""

    def make(counts, shape=(6, 8, 3), name="pictures"):
        rng = np.random.default_rng(7)
        written = {}
        for label, count in counts.items():
            for index in range(count):
                path = f"{label}/{index:02d}.png" if label else f"{index:02d}.png"
                written[path] = rng.integers(0, 256, shape, dtype=np.uint8)
                target = tmp_path / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                images.save_png(target, written[path])
        return tmp_path / name, written

    return make
