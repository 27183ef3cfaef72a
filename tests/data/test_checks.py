"""What training refuses before it begins, each with its line."""

import numpy as np
import pytest

from gan_jax.data import ArraySource, DataError, ImageTransform, check, images, open_source
from gan_jax.data.checks import spread

SHAPE = (6, 8, 3)
IMAGES = np.random.default_rng(0).integers(0, 256, (6, *SHAPE), np.uint8)


def refused(source, message, **options):
    with pytest.raises(DataError, match=message) as error:
        check(source, **{"image_shape": SHAPE, **options})
    assert "\n" not in str(error.value)


def test_spread_takes_both_ends_evenly():
    assert spread(5, 10) == [0, 1, 2, 3, 4]
    assert spread(101, 5) == [0, 25, 50, 75, 100]
    assert spread(1, 5) == [0]


def test_good_data_pass(make_folder, tfds_dir):
    folder, _ = make_folder({"a": 2, "b": 2})
    check(open_source(f"folder:{folder}"), image_shape=(4, 4, 1), num_classes=2)
    check(
        open_source("tfds:tiny_shapes", data_dir=tfds_dir), image_shape=SHAPE, num_classes=3
    )
    check(open_source("synthetic:grid"), image_shape=(2,), num_classes=25)
    check(open_source("builtin:mnist"), image_shape=(32, 32, 1))


def test_zero_examples():
    refused(ArraySource("empty", IMAGES[:0]), "^empty holds no examples$")


@pytest.mark.parametrize("label", [3, 255, -1])
def test_label_outside_the_range(label):
    labels = np.array([0, 1, 2, 0, label, 1])
    message = rf"^mine\[4\]: label {label} is outside 0\.\.2 \(1 such labels\); correct"
    refused(ArraySource("mine", IMAGES, labels), message, num_classes=3)


def test_negative_labels_without_a_configured_number_of_classes():
    refused(
        ArraySource("mine", IMAGES, np.array([0, 1, -1, 0, -1, 1])), r"mine\[2\]: label -1"
    )


def test_labels_found_only_by_reading():
    class Late:
        name, num_classes, class_names = "late", 3, None

        def __len__(self):
            return 4

        def __getitem__(self, index):
            return {"image": IMAGES[index], "label": -1 if index == 2 else index}

        def element_name(self, index):
            return f"late {index}"

    refused(Late(), r"^late 2: label -1 is outside 0\.\.3 \(1 such", num_classes=4)


def test_another_number_of_classes(make_folder):
    folder, _ = make_folder({"a": 2, "b": 2})
    message = "has 2 classes but num_classes is 5; set num_classes to 2"
    refused(open_source(f"folder:{folder}"), message, num_classes=5)


def test_labels_wanted_but_absent(make_folder):
    folder, _ = make_folder({"": 2})
    message = "has no labels but num_classes is 5; use labelled data"
    refused(open_source(f"folder:{folder}"), message, num_classes=5)


def test_unreadable_image(make_folder):
    folder, _ = make_folder({"a": 3})
    (folder / "a" / "01.png").write_bytes(b"broken")
    source = open_source(f"folder:{folder}")
    refused(source, r"a/01\.png: cannot be read as an image")
    check(source, image_shape=SHAPE, max_corrupt=1)


def test_damage_behind_a_good_header_is_found_too(make_folder):
    folder, _ = make_folder({"a": 3}, shape=(30, 30, 3))
    path = folder / "a" / "02.png"
    path.write_bytes(path.read_bytes()[:1000])
    source = open_source(f"folder:{folder}")
    assert source.header(2) == (30, 30, 3)
    refused(source, r"a/02\.png: cannot be read as an image")


def test_nothing_readable(make_folder):
    folder, _ = make_folder({"a": 2})
    for index in range(2):
        (folder / "a" / f"0{index}.png").write_bytes(b"broken")
    refused(
        open_source(f"folder:{folder}"),
        "no image that was tried can be read",
        max_corrupt=9,
    )


def test_mixed_channels(make_folder):
    folder, _ = make_folder({"a": 3})
    images.save_png(folder / "a" / "01.png", np.zeros((6, 8, 1), np.uint8))
    source = open_source(f"folder:{folder}")
    message = (
        r"mixes numbers of channels: 1 of 1 \(first: .*01\.png\), 2 of 3 \(first: .*00\.png"
    )
    refused(source, message)
    check(source, image_shape=SHAPE, transform=ImageTransform(mix_channels=True))


def test_channels_that_cannot_be_converted():
    five = ArraySource("five", np.zeros((2, 6, 8, 5), np.uint8))
    refused(
        five,
        r"^five\[0\] has 5 channels but image_shape is \(6, 8, 3\); set its channels to 5",
    )
    check(five, image_shape=(6, 8, 5))


def test_shapes_that_do_not_fit():
    cropped = {"image_shape": (7, 8, 3), "transform": ImageTransform(resize="none")}
    message = r"mine\[0\]: an image of 6x8 is smaller than 7x8"
    refused(ArraySource("mine", IMAGES), message, **cropped)
    refused(open_source("synthetic:ring"), r"shape \(2,\) but image_shape is \(6, 8, 3\)")
    message = r"shape \(6, 8, 3\) but image_shape is \(2,\)"
    refused(ArraySource("mine", IMAGES), message, image_shape=(2,))
