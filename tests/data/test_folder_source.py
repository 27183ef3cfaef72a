"""Folders of image files."""

import os
import shutil

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import DataError, UnreadableImageError, images, open_source


def test_sub_folders_are_classes_in_order(make_folder):
    folder, written = make_folder({"b": 2, "a": 3, "B": 1})
    source = open_source(f"folder:{folder}")
    assert source.class_names == ("B", "a", "b")
    assert source.num_classes == 3
    assert [source[i]["label"] for i in range(6)] == [0, 1, 1, 1, 2, 2]
    order = ["B/00.png", "a/00.png", "a/01.png", "a/02.png", "b/00.png", "b/01.png"]
    for index, path in enumerate(order):
        assert source.element_name(index) == str(folder / path)
        np.testing.assert_array_equal(source[index]["image"], written[path])


def test_a_flat_folder_has_no_labels(make_folder):
    folder, written = make_folder({"": 4})
    source = open_source(f"folder:{folder}")
    assert (len(source), source.num_classes, source.labels) == (4, None, None)
    assert set(source[0]) == {"image"}
    np.testing.assert_array_equal(source[2]["image"], written["02.png"])


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_channels_are_kept(make_folder, channels):
    folder, written = make_folder({"": 2}, shape=(5, 7, channels))
    source = open_source(f"folder:{folder}")
    np.testing.assert_array_equal(source[1]["image"], written["01.png"])
    assert source.header(1) == (5, 7, channels)


def test_formats_nesting_and_what_is_left_out(tmp_path):
    picture = Image.new("RGB", (4, 3), (10, 20, 30))
    (tmp_path / "cat" / "deep").mkdir(parents=True)
    for path in ("cat/1.JPG", "cat/2.jpeg", "cat/deep/3.webp", "cat/4.png"):
        picture.save(tmp_path / path)
    for path in ("cat/notes.txt", "cat/.hidden.png", "readme.md", "cat/5.gif"):
        (tmp_path / path).write_bytes(b"x")
    (tmp_path / ".cache").mkdir()
    (tmp_path / "__MACOSX").mkdir()
    source = open_source(f"folder:{tmp_path}")
    names = [os.path.relpath(source.element_name(i), tmp_path) for i in range(len(source))]
    assert names == ["cat/1.JPG", "cat/2.jpeg", "cat/4.png", "cat/deep/3.webp"]
    assert source.class_names == ("cat",)
    for index in range(4):
        found = source[index]["image"]
        assert found.shape == (3, 4, 3)
        np.testing.assert_allclose(found.astype(int), [[[10, 20, 30]] * 4] * 3, atol=3)


def test_linked_class_folders_are_followed(make_folder, tmp_path):
    folder, written = make_folder({"a": 2})
    (tmp_path / "links").mkdir()
    (tmp_path / "links" / "z").symlink_to(folder / "a")
    source = open_source(f"folder:{tmp_path / 'links'}")
    assert source.class_names == ("z",)
    np.testing.assert_array_equal(source[1]["image"], written["a/01.png"])


def test_splits(make_folder):
    folder, _ = make_folder({"train/a": 2, "train/b": 1, "test/a": 1, "test/b": 1})
    assert len(open_source(f"folder:{folder}")) == 3
    assert len(open_source(f"folder:{folder}:test")) == 2
    test = open_source(f"folder:{folder}", split="test")
    assert (len(test), test.class_names) == (2, ("a", "b"))
    with pytest.raises(DataError, match="has no folder 'val'; its folders: test, train"):
        open_source(f"folder:{folder}:val")


def test_colons_in_paths(make_folder):
    folder, _ = make_folder({"a": 2}, name="time 12:30")
    assert len(open_source(f"folder:{folder}")) == 2
    assert len(open_source(f"folder:{folder}:a")) == 2


def test_fingerprint_is_of_names_and_sizes(make_folder, tmp_path):
    folder, _ = make_folder({"a": 2, "b": 1})
    base = open_source(f"folder:{folder}").fingerprint()
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    os.utime(copy / "a" / "00.png", (1, 1))
    assert open_source(f"folder:{copy}").fingerprint() == base
    images.save_png(copy / "a" / "00.png", np.zeros((2, 2, 3), np.uint8))
    resized = open_source(f"folder:{copy}").fingerprint()
    (copy / "a" / "00.png").rename(copy / "a" / "99.png")
    renamed = open_source(f"folder:{copy}").fingerprint()
    assert len({base, resized, renamed}) == 3


def test_folders_that_hold_nothing(tmp_path):
    with pytest.raises(DataError, match="gone: no such folder"):
        open_source(f"folder:{tmp_path / 'gone'}")
    (tmp_path / "notes.txt").write_text("x")
    with pytest.raises(DataError, match=r"holds no images; expected \.png, \.jpg"):
        open_source(f"folder:{tmp_path}")


def test_empty_classes_and_loose_images_are_refused(make_folder):
    folder, _ = make_folder({"a": 1, "b": 1})
    (folder / "c").mkdir()
    with pytest.raises(DataError, match="class folder 'c' holds no images; remove it"):
        open_source(f"folder:{folder}")
    (folder / "c").rmdir()
    images.save_png(folder / "loose.png", np.zeros((2, 2, 3), np.uint8))
    with pytest.raises(
        DataError, match=r"1 images lie beside the class folders \(first: loose"
    ):
        open_source(f"folder:{folder}")


def test_unreadable_images_are_named(make_folder):
    folder, _ = make_folder({"a": 2})
    (folder / "a" / "01.png").write_bytes(b"broken")
    source = open_source(f"folder:{folder}")
    assert source[0]["label"] == 0
    with pytest.raises(
        UnreadableImageError, match=r"a/01\.png: cannot be read as an image"
    ):
        source[1]
