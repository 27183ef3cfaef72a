"""Preparing data: once, whole or not at all."""

import pytest

from gan_jax.data import DataError, open_source, prepare_data


def files(root):
    return sorted(path for path in root.rglob("*") if path.is_file())


def test_prepares_once_and_is_then_free(tiny_builders, tmp_path, monkeypatch):
    folder = prepare_data("tfds:tiny_shapes", tmp_path)
    assert folder == tmp_path / "tiny_shapes" / "1.2.0"
    assert len(open_source("tfds:tiny_shapes", data_dir=tmp_path)) == 20
    # A second preparation would fail at once.
    monkeypatch.setitem(tiny_builders.FAIL_AT, "tiny_shapes", 0)
    assert prepare_data("tiny_shapes", tmp_path) == folder


def test_interrupted_preparation_leaves_nothing_that_reads_as_data(
    tiny_builders, tmp_path, monkeypatch
):
    monkeypatch.setitem(tiny_builders.FAIL_AT, "tiny_shapes", 13)
    with pytest.raises(
        DataError, match=r"preparing tfds:tiny_shapes failed: Conn.*reset by"
    ) as e:
        prepare_data("tiny_shapes", tmp_path)
    assert "run the same command again" in str(e.value)
    assert "\n" not in str(e.value)
    assert files(tmp_path) == []
    with pytest.raises(DataError, match="tfds:tiny_shapes is not prepared"):
        open_source("tfds:tiny_shapes", data_dir=tmp_path)
    monkeypatch.setitem(tiny_builders.FAIL_AT, "tiny_shapes", None)
    prepare_data("tiny_shapes", tmp_path)
    assert len(open_source("tfds:tiny_shapes", data_dir=tmp_path)) == 20


def test_killed_preparation_is_begun_again(tiny_builders, tmp_path):
    # What SIGKILL leaves: a temporary folder, and a version without its info file.
    stale = tmp_path / "tiny_shapes" / "incomplete.XYZ_1.2.0"
    stale.mkdir(parents=True)
    (stale / "tiny_shapes-train.array_record-00000-of-00001").write_bytes(b"half")
    with pytest.raises(DataError, match="is not prepared"):
        open_source("tfds:tiny_shapes", data_dir=tmp_path)
    prepare_data("tiny_shapes", tmp_path)
    assert len(open_source("tfds:tiny_shapes", data_dir=tmp_path)) == 20


def test_half_a_copy_is_named_and_not_touched(tiny_builders, tmp_path):
    half = tmp_path / "tiny_shapes" / "1.2.0"
    half.mkdir(parents=True)
    (half / "features.json").write_text("{}")
    with pytest.raises(DataError, match=r"1\.2\.0 is not complete .*remove it and prepare"):
        prepare_data("tiny_shapes", tmp_path)
    assert files(tmp_path) == [half / "features.json"]


def test_missing_tensorflow_is_one_line(tiny_builders, tmp_path):
    with pytest.raises(
        DataError, match="builder of tfds:tiny_arrays needs TensorFlow"
    ) as error:
        prepare_data("tiny_arrays", tmp_path)
    assert "pip install tensorflow" in str(error.value)
    assert "\n" not in str(error.value)
    assert files(tmp_path) == []


def test_configurations(tiny_builders, tmp_path):
    assert prepare_data("tiny_configs/big", tmp_path).parts[-3:] == (
        "tiny_configs", "big", "1.0.0",
    )  # fmt: skip
    assert len(open_source("tfds:tiny_configs", data_dir=tmp_path)) == 9
    with pytest.raises(DataError, match=r"tiny_configs/huge: .*huge") as error:
        prepare_data("tiny_configs/huge", tmp_path)
    assert "\n" not in str(error.value)


def test_builders_of_ones_own_are_imported(tiny_builders, tmp_path):
    module = "gan_jax_tiny_builders.builders"
    prepare_data("tiny_shapes", tmp_path, imports=(module,))
    with pytest.raises(DataError, match="cannot import the builder 'gan_jax_no_such'"):
        prepare_data("tiny_shapes", tmp_path, imports=("gan_jax_no_such",))


def test_unknown_names(tiny_builders, tmp_path):
    with pytest.raises(
        DataError, match="unknown tfds data set 'cifar1o'; did you mean 'cifar10"
    ):
        prepare_data("cifar1o", tmp_path)
    assert files(tmp_path) == []
