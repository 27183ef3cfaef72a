"""The report on a whole data set."""

import json

import numpy as np
import pytest

from gan_jax.data import ArraySource, images, open_source, validate


@pytest.fixture
def messy(make_folder):
    """7 images of 3 classes: one grey, one broken, one the copy of another, one larger."""
    folder, _ = make_folder({"a": 3, "b": 3, "c": 1})
    images.save_png(folder / "a" / "01.png", np.zeros((6, 8, 1), np.uint8))
    images.save_png(folder / "b" / "00.png", np.zeros((9, 8, 3), np.uint8))
    (folder / "c" / "00.png").write_bytes(b"broken")
    (folder / "b" / "02.png").write_bytes((folder / "a" / "02.png").read_bytes())
    return folder


def test_report_of_a_messy_folder(messy):
    report = validate(open_source(f"folder:{messy}"))
    assert (report.examples, report.examined, report.num_classes) == (7, 7, 3)
    assert report.histogram == {"a": 3, "b": 3, "c": 0}
    assert report.shapes == {"6x8": 5, "9x8": 1}
    assert report.channels == {"1": 1, "3": 5}
    assert report.corrupt == (str(messy / "c" / "00.png"),)
    assert report.duplicates == (
        (str(messy / "a" / "02.png"), str(messy / "b" / "02.png")),
    )
    assert not report.ok
    mixed, unreadable = report.problems
    assert mixed.startswith(f"folder:{messy} mixes numbers of channels: 1 of 1 (first: ")
    assert unreadable.startswith(f"{messy / 'c' / '00.png'}: cannot be read as an image")


def test_report_as_text_and_json(messy):
    source = open_source(f"folder:{messy}")
    report = validate(source)
    lines = report.to_text().splitlines()
    assert lines[0] == f"folder:{messy}: 7 examples, 7 examined"
    assert lines[1] == f"fingerprint: {source.fingerprint()}"
    assert lines[2:8] == [
        "sizes: 6x8 (5), 9x8 (1)",
        "channels: 1 (1), 3 (5)",
        "classes: 3",
        "  a: 3",
        "  b: 3",
        "  c: 0",
    ]
    assert lines[8:10] == ["unreadable: 1", f"  {messy / 'c' / '00.png'}"]
    assert lines[10] == "exact duplicates: 1 in 1 groups"
    assert lines[11] == f"  {messy / 'a' / '02.png'} = {messy / 'b' / '02.png'}"
    found = json.loads(json.dumps(report.to_dict()))
    assert found["ok"] is False
    assert found["histogram"] == {"a": 3, "b": 3, "c": 0}
    assert found["duplicates"] == [
        [str(messy / "a" / "02.png"), str(messy / "b" / "02.png")]
    ]


def test_long_lists_are_cut():
    image = np.zeros((40, 2, 2, 1), np.uint8)
    image[:, 0, 0, 0] = np.arange(40) // 2
    report = validate(ArraySource("pairs", image))
    assert len(report.duplicates) == 20
    lines = report.to_text(most=3).splitlines()
    start = lines.index("exact duplicates: 20 in 20 groups")
    assert lines[start + 1 : start + 5] == [
        "  pairs[0] = pairs[1]",
        "  pairs[2] = pairs[3]",
        "  pairs[4] = pairs[5]",
        "  ... 17 more",
    ]
    assert "classes: no labels" in lines
    assert report.ok


def test_equal_bytes_of_other_shapes_are_no_duplicates(tmp_path):
    for index, shape in enumerate([(2, 6, 1), (3, 4, 1), (2, 6, 1)]):
        images.save_png(tmp_path / f"{index}.png", np.zeros(shape, np.uint8))
    report = validate(open_source(f"folder:{tmp_path}"))
    assert report.duplicates == ((str(tmp_path / "0.png"), str(tmp_path / "2.png")),)


def test_configuration_is_compared():
    source = ArraySource("mine", np.arange(24, dtype=np.uint8).reshape(6, 2, 2, 1),
                         np.array([0, 1, 2, 0, 7, 1]))  # fmt: skip
    report = validate(source, num_classes=3, image_shape=(2, 2, 5))
    assert report.problems == (
        "mine[4]: label 7 is outside 0..2 (1 such labels); correct them or num_classes",
        "mine has 8 classes but num_classes is 3; set num_classes to 8",
        "images of 1 channels cannot become image_shape (2, 2, 5)",
    )
    assert report.histogram["7"] == 1
    (problem,) = validate(source, image_shape=(2,)).problems
    assert problem == (
        "mine holds examples of shape (2, 2, 1) but image_shape is (2,); set image_shape "
        "to (2, 2, 1)"
    )


def test_negative_labels_are_listed():
    source = ArraySource("mine", np.zeros((2, 2, 2, 1), np.uint8), np.array([-1, 1]))
    report = validate(source)
    assert report.histogram == {"-1": 1, "0": 0, "1": 1}
    assert report.problems[0].startswith("mine[0]: label -1 is outside 0..1")


def test_empty_sources_are_reported():
    report = validate(ArraySource("empty", np.zeros((0, 2, 2, 1), np.uint8)))
    assert report.problems == ("empty holds no examples",)
    assert report.to_text().splitlines()[0] == "empty: 0 examples, 0 examined"


def test_a_part_is_spread_over_the_whole():
    source = open_source("builtin:mnist")
    report = validate(source, num_classes=10, image_shape=(28, 28, 1), full=False)
    assert (report.examples, report.examined) == (60000, 1024)
    assert sum(report.histogram.values()) == 1024
    assert (report.ok, report.channels, report.shapes) == (
        True,
        {"1": 1024},
        {"28x28": 1024},
    )


def test_points_have_no_size():
    report = validate(
        open_source("synthetic:ring"), num_classes=8, image_shape=(2,), full=False
    )
    assert (report.ok, report.channels, report.shapes) == (True, {}, {"2": 1024})
