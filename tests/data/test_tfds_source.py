"""tfds data sets that the tests build, read without TensorFlow."""

import pickle
import shutil
import sys

import numpy as np
import pytest

from gan_jax.data import DataError, UnreadableImageError, open_source
from gan_jax.data.tfds_source import TfdsName, data_root, parse


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("cifar10", ("cifar10", None, None, None)),
        ("tfds:cifar10:test", ("cifar10", None, None, "test")),
        ("a/b:1.2.3:train[:50%]", ("a", "b", "1.2.3", "train[:50%]")),
        ("lsun/c_fox:train[10:20]", ("lsun", "c_fox", None, "train[10:20]")),
        ("a:1.2.3", ("a", None, "1.2.3", None)),
    ],
)
def test_names_have_parts(text, parts):
    assert parse(text) == TfdsName(*parts)


def test_data_dir_default_and_variable(monkeypatch, tmp_path):
    monkeypatch.setenv("TFDS_DATA_DIR", str(tmp_path))
    assert data_root(None) == tmp_path
    assert data_root("elsewhere").name == "elsewhere"


def test_every_element_is_what_the_builder_made(tfds_dir, tiny_builders):
    source = open_source("tfds:tiny_shapes", data_dir=tfds_dir)
    assert len(source) == 20
    assert (source.num_classes, source.class_names) == (3, ("circle", "square", "star"))
    for index in range(20):
        np.testing.assert_array_equal(source[index]["image"], tiny_builders.picture(index))
        assert source[index]["label"] == index % 3
    assert source.element_name(4) == "tfds:tiny_shapes/1.2.0:train[4]"
    assert "tensorflow" not in sys.modules


@pytest.mark.parametrize(
    ("spec", "split", "first", "count"),
    [
        ("tfds:tiny_shapes:test", "train", 20, 6),
        ("tfds:tiny_shapes", "test", 20, 6),
        ("tfds:tiny_shapes:train[:50%]", "train", 0, 10),
        ("tfds:tiny_shapes:1.2.0:train[5:9]", "train", 5, 4),
    ],
)
def test_splits_and_slices(tfds_dir, tiny_builders, spec, split, first, count):
    source = open_source(spec, data_dir=tfds_dir, split=split)
    assert len(source) == count
    np.testing.assert_array_equal(source[0]["image"], tiny_builders.picture(first))


def test_configurations(tfds_dir):
    assert len(open_source("tfds:tiny_configs/small", data_dir=tfds_dir)) == 4
    big = open_source("tfds:tiny_configs/big", data_dir=tfds_dir)
    assert (len(big), big.num_classes, set(big[0])) == (9, None, {"image"})
    with pytest.raises(
        DataError, match="name one: tfds:tiny_configs/big, tfds:tiny_configs/sm"
    ):
        open_source("tfds:tiny_configs", data_dir=tfds_dir)


def test_prepared_data_need_no_builder_code(tfds_dir, tmp_path):
    # A name that no builder is registered under: only the files are there.
    info = (tfds_dir / "tiny_shapes" / "1.2.0" / "dataset_info.json").read_text()
    target = tmp_path / "moved_shapes" / "1.2.0"
    target.mkdir(parents=True)
    for path in (tfds_dir / "tiny_shapes" / "1.2.0").iterdir():
        shutil.copy(path, target / path.name.replace("tiny_shapes", "moved_shapes"))
    (target / "dataset_info.json").write_text(info.replace("tiny_shapes", "moved_shapes"))
    assert len(open_source("tfds:moved_shapes", data_dir=tmp_path)) == 20


def test_newest_version_wins_and_incomplete_ones_do_not_count(tfds_dir, tmp_path):
    root = tmp_path / "tiny_shapes"
    shutil.copytree(tfds_dir / "tiny_shapes", root)
    shutil.copytree(root / "1.2.0", root / "1.10.0")
    info = root / "1.10.0" / "dataset_info.json"
    info.write_text(info.read_text().replace('"1.2.0"', '"1.10.0"'))
    assert open_source("tfds:tiny_shapes", data_dir=tmp_path).name.startswith(
        "tfds:tiny_shapes/1.10.0"
    )
    info.unlink()
    (root / "1.10.0").rename(root / "incomplete.ABC_1.10.0")
    (root / "2.0.0").mkdir()
    assert open_source("tfds:tiny_shapes", data_dir=tmp_path).name.startswith(
        "tfds:tiny_shapes/1.2.0"
    )
    with pytest.raises(DataError, match=r"tfds:tiny_shapes:2\.0\.0 is not prepared in"):
        open_source("tfds:tiny_shapes:2.0.0", data_dir=tmp_path)


def test_fingerprints_tell_splits_apart_and_survive_pickling(tfds_dir):
    train = open_source("tfds:tiny_shapes", data_dir=tfds_dir)
    again = pickle.loads(pickle.dumps(train))
    np.testing.assert_array_equal(again[3]["image"], train[3]["image"])
    prints = {
        open_source(f"tfds:tiny_shapes:{split}", data_dir=tfds_dir).fingerprint()
        for split in ("train", "test", "train[:6]")
    }
    assert len(prints) == 3
    assert again.fingerprint() == train.fingerprint()


def test_names_that_are_not_prepared_or_not_known(tfds_dir):
    command = "run: gan-jax prepare-data cifar10 --data_dir="
    with pytest.raises(DataError, match=f"tfds:cifar10 is not prepared in .*; {command}"):
        open_source("tfds:cifar10", data_dir=tfds_dir)
    with pytest.raises(DataError, match="'tiny_shape'; did you mean 'tiny_shapes'"):
        open_source("tfds:tiny_shape", data_dir=tfds_dir)
    with pytest.raises(DataError, match=r"split of .* 'trian'; did you mean 'train'"):
        open_source("tfds:tiny_shapes:trian", data_dir=tfds_dir)
    with pytest.raises(DataError, match="has no split 'train\\[:x\\]'") as error:
        open_source("tfds:tiny_shapes:train[:x]", data_dir=tfds_dir)
    assert "\n" not in str(error.value)
    with pytest.raises(DataError, match="cannot understand the data set 'a b'"):
        open_source("tfds:a b", data_dir=tfds_dir)


def test_tfrecord_is_refused(tfds_dir, tmp_path):
    shutil.copytree(tfds_dir / "tiny_shapes", tmp_path / "tiny_shapes")
    info = tmp_path / "tiny_shapes" / "1.2.0" / "dataset_info.json"
    info.write_text(info.read_text().replace("array_record", "tfrecord"))
    with pytest.raises(
        DataError, match="prepared as tfrecord, which cannot be read without"
    ):
        open_source("tfds:tiny_shapes", data_dir=tmp_path)


def test_missing_shards_are_named(tfds_dir, tmp_path):
    shutil.copytree(tfds_dir / "tiny_shapes", tmp_path / "tiny_shapes")
    shard = next((tmp_path / "tiny_shapes" / "1.2.0").glob("*train*"))
    shard.unlink()
    with pytest.raises(DataError, match=f"1 of 1 files are missing .first: .*{shard.name}"):
        open_source("tfds:tiny_shapes", data_dir=tmp_path)
    assert len(open_source("tfds:tiny_shapes:test", data_dir=tmp_path)) == 6


def test_damaged_records_are_unreadable_images(tfds_dir, tiny_builders, tmp_path):
    shutil.copytree(tfds_dir / "tiny_shapes", tmp_path / "tiny_shapes")
    shard = next((tmp_path / "tiny_shapes" / "1.2.0").glob("*train*"))
    data = bytearray(shard.read_bytes())
    data[data.index(b"\x89PNG") + 20] ^= 0xFF
    shard.write_bytes(bytes(data))
    source = open_source("tfds:tiny_shapes", data_dir=tmp_path)
    with pytest.raises(UnreadableImageError, match=r"train\[0\]: cannot be read .*orrupt"):
        source[0]
    for index in range(1, 20):
        np.testing.assert_array_equal(source[index]["image"], tiny_builders.picture(index))
