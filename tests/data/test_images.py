"""Decoding, encoding, resampling and channels of images, on files made here."""

import io

import numpy as np
import pytest
from PIL import Image

from gan_jax.data import images
from gan_jax.data.errors import DataError, UnreadableImageError

RNG = np.random.default_rng(0)


def noise(*shape):
    return np.random.default_rng(len(shape) + sum(shape)).integers(0, 256, shape, np.uint8)


def encoded(picture, **options):
    buffer = io.BytesIO()
    picture.save(buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_png_round_trip_keeps_channels_and_values(channels, tmp_path):
    image = noise(5, 9, channels)
    data = images.encode_png(image)
    np.testing.assert_array_equal(images.decode(data), image)
    assert images.header(data) == (5, 9, channels)
    images.save_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(images.decode(str(tmp_path / "a.png")), image)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_lossless_webp_keeps_values():
    image = noise(6, 5, 3)
    data = encoded(Image.fromarray(image), format="WEBP", lossless=True)
    np.testing.assert_array_equal(images.decode(data), image)


@pytest.mark.parametrize(("mode", "channels"), [("L", 1), ("RGB", 3)])
def test_jpeg_of_a_flat_picture(mode, channels):
    flat = Image.new(mode, (16, 8), 100 if mode == "L" else (100, 100, 100))
    data = encoded(flat, format="JPEG", quality=95)
    np.testing.assert_array_equal(images.decode(data), np.full((8, 16, channels), 100))
    assert images.header(data) == (8, 16, channels)


def test_palettes_become_colors_with_and_without_transparency():
    picture = Image.new("P", (2, 1))
    picture.putpalette([10, 20, 30, 40, 50, 60])
    picture.putpixel((1, 0), 1)
    rgb = images.decode(encoded(picture, format="PNG"))
    np.testing.assert_array_equal(rgb, [[[10, 20, 30], [40, 50, 60]]])
    data = encoded(picture, format="PNG", transparency=0)
    np.testing.assert_array_equal(
        images.decode(data), [[[10, 20, 30, 0], [40, 50, 60, 255]]]
    )
    assert images.header(data) == (1, 2, 4)


def test_sixteen_bit_grey_is_scaled_not_clipped():
    wide = np.array([[0, 257 * 128, 65535]], np.uint16)
    data = encoded(Image.fromarray(wide), format="PNG")
    np.testing.assert_array_equal(images.decode(data)[..., 0], [[0, 128, 255]])
    assert images.header(data) == (1, 3, 1)


def test_exif_orientation_is_applied():
    picture = Image.new("RGB", (16, 8))
    exif = picture.getexif()
    exif[0x0112] = 6
    data = encoded(picture, format="JPEG", exif=exif)
    assert images.decode(data).shape == (16, 8, 3)
    assert images.header(data) == (16, 8, 3)


@pytest.mark.parametrize("damage", ["garbage", "empty", "truncated", "flipped"])
def test_damaged_files_are_named(damage, tmp_path):
    good = images.encode_png(noise(20, 20, 3))
    flipped = bytearray(good)
    flipped[len(good) // 2] ^= 0xFF
    data = {
        "garbage": b"not an image",
        "empty": b"",
        "truncated": good[:200],
        "flipped": bytes(flipped),
    }[damage]
    path = tmp_path / "broken.png"
    path.write_bytes(data)
    with pytest.raises(
        UnreadableImageError, match=r"broken\.png: cannot be read as an image"
    ):
        images.decode(str(path))


def test_missing_files_and_bytes_are_named(tmp_path):
    with pytest.raises(UnreadableImageError, match=r"gone\.png: cannot be read"):
        images.decode(str(tmp_path / "gone.png"))
    with pytest.raises(
        UnreadableImageError, match=r"^row 3: cannot be read .*not an image"
    ):
        images.decode(b"xx", "row 3")
    with pytest.raises(UnreadableImageError, match=r"gone\.png"):
        images.header(str(tmp_path / "gone.png"))


def test_what_png_cannot_hold_is_refused():
    with pytest.raises(DataError, match=r"uint8 \(4, 4, 5\)"):
        images.encode_png(noise(4, 4, 5))
    with pytest.raises(DataError, match="float32"):
        images.encode_png(np.zeros((4, 4, 3), np.float32))


@pytest.mark.parametrize("channels", [1, 2, 3, 4, 5])
def test_resize_treats_every_channel_alone(channels):
    image = noise(9, 7, channels)
    small = images.resize(image, 4, 5)
    assert small.shape == (4, 5, channels)
    assert small.dtype == np.uint8
    for plane in range(channels):
        alone = images.resize(image[..., plane : plane + 1], 4, 5)[..., 0]
        np.testing.assert_array_equal(small[..., plane], alone)


def test_resize_of_constants_and_of_the_same_size():
    image = noise(6, 4, 3)
    assert images.resize(image, 6, 4) is image
    np.testing.assert_array_equal(
        images.resize(np.full((9, 7, 4), 77, np.uint8), 3, 11), 77
    )


def test_shrinking_antialiases():
    # One-pixel stripes average to grey; a resize that picks pixels would keep 0 or 255.
    stripes = np.tile(np.array([0, 255], np.uint8), (16, 8))[..., None]
    small = images.resize(stripes, 4, 4)
    np.testing.assert_allclose(small[:, 1:-1], 127.5, atol=3)


def test_luma_weights():
    primaries = np.array(
        [[[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 255]]], np.uint8
    )
    # 255 * (0.299, 0.587, 0.114), rounded.
    np.testing.assert_array_equal(
        images.to_channels(primaries, 1)[0, :, 0], [76, 150, 29, 255]
    )


def test_luma_agrees_with_pillow():
    image = noise(31, 33, 3)
    expected = np.asarray(Image.fromarray(image).convert("L"))
    np.testing.assert_array_equal(images.to_channels(image, 1)[..., 0], expected)


def test_alpha_is_laid_over_white():
    image = np.array([[[0, 100, 200, 0], [0, 100, 200, 255], [0, 100, 200, 51]]], np.uint8)
    # 51 / 255 is one fifth: 0.2 * color + 0.8 * 255.
    expected = [[[255, 255, 255], [0, 100, 200], [204, 224, 244]]]
    np.testing.assert_array_equal(images.to_channels(image, 3), expected)
    grey = np.array([[[0, 51]]], np.uint8)
    np.testing.assert_array_equal(images.to_channels(grey, 1), [[[204]]])
    np.testing.assert_array_equal(images.to_channels(grey, 3), [[[204, 204, 204]]])
    np.testing.assert_array_equal(images.to_channels(grey, 4), [[[0, 0, 0, 51]]])


def test_grey_and_opaque_additions():
    grey = noise(3, 4, 1)
    np.testing.assert_array_equal(images.to_channels(grey, 3), np.repeat(grey, 3, -1))
    for given, wanted in ((1, 2), (3, 4), (1, 4)):
        image = noise(3, 4, given)
        found = images.to_channels(image, wanted)
        assert found.shape == (3, 4, wanted)
        np.testing.assert_array_equal(found[..., -1], 255)
        np.testing.assert_array_equal(
            found[..., : wanted - 1], np.broadcast_to(image, (3, 4, wanted - 1))
        )


def test_channels_convert_in_stacks_and_to_themselves():
    stack = noise(2, 3, 4, 4)
    np.testing.assert_array_equal(
        images.to_channels(stack, 3)[1], images.to_channels(stack[1], 3)
    )
    assert images.to_channels(stack, 4) is stack


@pytest.mark.parametrize(("given", "wanted"), [(5, 3), (3, 5), (3, 2), (4, 2)])
def test_unknown_conversions_are_refused(given, wanted):
    with pytest.raises(DataError, match=f"images of {given} channels .* of {wanted}; set"):
        images.to_channels(noise(2, 2, given), wanted)


def test_grid_lays_out_row_by_row():
    tiles = np.stack([np.full((2, 3, 1), 10 * (i + 1), np.uint8) for i in range(3)])
    found = images.grid(tiles, 2, pad=1, fill=9)[..., 0]
    expected = [
        [9, 9, 9, 9, 9, 9, 9, 9, 9],
        [9, 10, 10, 10, 9, 20, 20, 20, 9],
        [9, 10, 10, 10, 9, 20, 20, 20, 9],
        [9, 9, 9, 9, 9, 9, 9, 9, 9],
        [9, 30, 30, 30, 9, 9, 9, 9, 9],
        [9, 30, 30, 30, 9, 9, 9, 9, 9],
        [9, 9, 9, 9, 9, 9, 9, 9, 9],
    ]
    np.testing.assert_array_equal(found, expected)
