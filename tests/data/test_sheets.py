"""Contact sheets."""

import numpy as np
import pytest

from gan_jax.data import ArraySource, DataError, contact_sheet, images, open_source


def tiles(path, columns, size=8):
    """The sheet's tiles (rows, columns, size, size, 3)."""
    sheet = images.decode(str(path))[2:, 2:]
    step = size + 2
    assert sheet.shape[1] // step == columns
    rows = [sheet[top : top + size] for top in range(0, sheet.shape[0], step)]
    return np.stack([[row[:, left : left + size] for left in range(0, columns * step, step)]
                     for row in rows])  # fmt: skip


def test_a_row_per_class_in_order(tmp_path):
    labels = np.array([1, 0, 2, 1, 0, 1, 1, 2])
    image = np.broadcast_to(
        np.arange(8, dtype=np.uint8)[:, None, None, None] * 10, (8, 8, 8, 1)
    )
    source = ArraySource("mine", np.ascontiguousarray(image), labels, num_classes=4)
    contact_sheet(source, tmp_path / "sheet.png", per_class=3, size=8)
    found = tiles(tmp_path / "sheet.png", 3)
    np.testing.assert_array_equal(
        found, found[:, :, :1, :1, :1] * np.ones((8, 8, 3), np.uint8)
    )
    expected = [[10, 40, 255], [0, 30, 50], [20, 70, 255], [255, 255, 255]]
    np.testing.assert_array_equal(found[..., 0, 0, 0], expected)


def test_without_labels_a_square(tmp_path, make_folder):
    folder, written = make_folder({"": 5}, shape=(8, 8, 3))
    (folder / "01.png").write_bytes(b"broken")
    contact_sheet(
        open_source(f"folder:{folder}"), tmp_path / "sheet.png", per_class=2, size=8
    )
    found = tiles(tmp_path / "sheet.png", 2).reshape(4, 8, 8, 3)
    for tile, name in zip(found, ["00.png", "02.png", "03.png", "04.png"], strict=True):
        np.testing.assert_array_equal(tile, written[name])


def test_classes_known_only_by_reading(tmp_path, tfds_dir, tiny_builders):
    source = open_source("tfds:tiny_shapes", data_dir=tfds_dir)
    contact_sheet(source, tmp_path / "sheet.png", per_class=2, size=8)
    found = tiles(tmp_path / "sheet.png", 2)
    for label in range(3):
        for place in range(2):
            # 6x8 pictures lie in the middle of 8x8 tiles, over white.
            expected = tiny_builders.picture(label + 3 * place)
            np.testing.assert_array_equal(found[label, place, 1:7], expected)
            np.testing.assert_array_equal(found[label, place, [0, 7]], 255)


def test_five_channels_show_three(tmp_path):
    image = np.random.default_rng(0).integers(0, 256, (1, 8, 8, 5), np.uint8)
    contact_sheet(ArraySource("five", image), tmp_path / "sheet.png", per_class=1, size=8)
    np.testing.assert_array_equal(tiles(tmp_path / "sheet.png", 1)[0, 0], image[0, ..., :3])


def test_nothing_to_show(tmp_path):
    with pytest.raises(DataError, match="holds no image that could be shown"):
        contact_sheet(
            ArraySource("empty", np.zeros((0, 8, 8, 3), np.uint8)), tmp_path / "s.png"
        )
    assert list(tmp_path.iterdir()) == []
