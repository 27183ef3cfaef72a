"""Feature nets by name: what they see, what they give, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gan_jax.errors import UserError
from gan_jax.interop import convert
from gan_jax.metrics import extractors, features, perceptual
from gan_jax.metrics.weights_store import Origin, built_in

IMAGES = np.random.default_rng(0).integers(0, 256, (3, 20, 24, 3), dtype=np.uint8)
# A transformer of 224 pixels with five tokens.
TINY = {"embed_dim": 8, "num_heads": 2, "depth": 1, "patch_size": 112}


def plain(colour, side=6):
    return jnp.asarray(np.broadcast_to(np.asarray(colour, np.uint8), (1, side, side, 3)))


@pytest.mark.parametrize(
    ("prepare", "side", "expected"),
    [
        (extractors._legacy, 299, [1.0, 0.2, -1.0]),
        (extractors._clean, 299, [127 / 128, 25 / 128, -1.0]),
        (extractors._lite, 224, [1.0, 26 / 128, -127 / 128]),
        (extractors._squeezed, 227, [-104.0, 153.0 - 117.0, 255.0 - 123.0]),
        (
            extractors._normalised,
            224,
            [(1 - 0.485) / 0.229, (0.6 - 0.456) / 0.224, -0.406 / 0.225],
        ),
    ],
)
def test_what_networks_see_of_a_colour(prepare, side, expected):
    """Red 255, green 153, blue 0: also the order of channels."""
    seen = np.asarray(prepare(plain([255, 153, 0])))
    wanted = np.broadcast_to(np.asarray(expected), (1, side, side, 3))
    np.testing.assert_allclose(seen, wanted, rtol=1e-5, atol=2e-5)
    grey = np.asarray(prepare(jnp.asarray(IMAGES[..., :1])))
    tripled = np.asarray(prepare(jnp.asarray(np.repeat(IMAGES[..., :1], 3, axis=-1))))
    np.testing.assert_array_equal(grey, tripled)


@pytest.mark.parametrize(
    ("name", "width", "classes", "digest"),
    [
        ("efficientnet_lite0", 1280, None, "c93e484873fa"),
        ("squeezenet11", 512, 1000, "7ca7e32b50b3"),
    ],
)
def test_packaged_nets(name, width, classes, digest):
    recipe = extractors._BUILT_IN[name]._replace(chunk=2)
    found = built_in(name, recipe.origin)
    net = extractors._of_network(name, recipe, found)
    whole = net.outputs(IMAGES)

    @jax.jit
    def direct(variables, images):
        return found.module.apply(variables, recipe.prepare(images))

    expected = direct(found.variables, jnp.asarray(IMAGES[1:]))
    features, *logits = recipe.take(expected)
    assert whole.features.shape == (3, width)
    np.testing.assert_allclose(whole.features[1:], features, rtol=1e-4, atol=1e-4)
    if classes:
        assert whole.logits.shape == (3, classes)
        np.testing.assert_allclose(whole.logits[1:], logits[0], rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(net.features(IMAGES[:1]), whole.features[:1])
    # Pinned: other weights or another function are another net.
    opened = extractors.open_features(name)
    assert opened.fingerprint == net.fingerprint
    assert opened.fingerprint.startswith(digest)
    assert opened.num_classes == classes


def test_thumbnails_by_name():
    net = extractors.open_features("pixels_4x4")
    expected = features.thumbnails(4)
    assert (net.name, net.fingerprint) == (expected.name, expected.fingerprint)
    np.testing.assert_array_equal(net.features(IMAGES), expected.features(IMAGES))


def test_classifiers_by_name(monkeypatch):
    asked = []
    monkeypatch.setattr(
        extractors,
        "load_classifier",
        lambda name, cache_dir: asked.append((name, cache_dir)),
    )
    extractors.open_features("emoji_classifier", cache_dir="somewhere")
    assert asked == [("emoji", "somewhere")]


@pytest.fixture
def transformer(tmp_path, monkeypatch):
    """A small transformer in a file, for which "dino_vits16" is taken."""
    rng = np.random.default_rng(3)
    shapes = {"cls_token": (1, 1, 8), "pos_embed": (1, 5, 8)}
    shapes |= {"patch_embed.proj.weight": (8, 3, 112, 112), "patch_embed.proj.bias": (8,)}
    for name in ("norm", "blocks.0.norm1", "blocks.0.norm2"):
        shapes |= {f"{name}.{part}": (8,) for part in ("weight", "bias")}
    for name, (inputs, outputs) in {
        "attn.qkv": (8, 24), "attn.proj": (8, 8), "mlp.fc1": (8, 32), "mlp.fc2": (32, 8)
    }.items():  # fmt: skip
        shapes[f"blocks.0.{name}.weight"] = (outputs, inputs)
        shapes[f"blocks.0.{name}.bias"] = (outputs,)
    path = tmp_path / "small.npz"
    arrays = {k: 0.1 * rng.standard_normal(s).astype(np.float32) for k, s in shapes.items()}
    np.savez(path, **arrays)
    recipe = extractors._SUPPLIED["dino_vits16"]
    small = recipe._replace(origin=Origin("dino", "vits16", tuple(TINY.items())), chunk=2)
    monkeypatch.setattr(extractors, "_SUPPLIED", {"dino_vits16": small})
    return path


def test_weights_that_are_supplied(transformer, tmp_path):
    """Published ones, and the same after `import-weights`, are one net to the last bit."""
    net = extractors.open_features(f"dino_vits16:{transformer}")
    assert (net.name, net.resize, net.num_classes) == ("dino_vits16", "clean", None)
    values = net.features(IMAGES)
    assert values.shape == (3, 8)
    exported, _ = convert("dino", "vits16", transformer, tmp_path / "out", TINY)
    again = extractors.open_features(f"dino_vits16:{exported}")
    assert again.fingerprint == net.fingerprint
    np.testing.assert_array_equal(again.features(IMAGES), values)


def test_files_of_something_else_are_refused(transformer, tmp_path):
    exported, _ = convert("dino", "vits16", transformer, tmp_path / "out", TINY)
    with pytest.raises(UserError, match="it holds vits16 of dino, not inception of incep"):
        extractors.open_features(f"inception:{exported}")
    with pytest.raises(UserError, match="not the weights of the FID's Inception .* and"):  # noqa: RUF043
        extractors.open_features(f"inception_clean:{transformer}")
    extractors._SUPPLIED["dino_vits16"] = extractors._SUPPLIED["dino_vits16"]._replace(
        origin=Origin("dino", "vits16", (*TINY.items(), ("img_size", 336)))
    )
    with pytest.raises(UserError, match="it holds vits16 of another architecture"):
        extractors.open_features(f"dino_vits16:{exported}")
    with pytest.raises(UserError, match=r"absent\.npz: no such file"):
        extractors.open_features("inception:absent.npz")


def test_names_that_are_refused():
    with pytest.raises(UserError, match="no features 'resnet'; there are efficientnet_li"):
        extractors.open_features("resnet")
    with pytest.raises(UserError, match="no features 'pixels_8x4'"):
        extractors.open_features("pixels_8x4")
    with pytest.raises(UserError, match="swav_resnet50 needs published weights: swav_res"):
        extractors.open_features("swav_resnet50")
    with pytest.raises(UserError, match="'squeezenet11' takes no file of weights, got 's"):
        extractors.open_features("squeezenet11:weights.npz")


def test_any_function():
    def fn(images):
        flat = images.reshape(len(images), -1).astype(np.float64)
        return flat[:, :5], flat[:, :2]

    net = extractors.from_function("mine", fn, fingerprint="1", num_classes=2)
    found = net.outputs(IMAGES)
    np.testing.assert_array_equal(found.features, IMAGES.reshape(3, -1)[:, :5])
    np.testing.assert_array_equal(net.logits(IMAGES), IMAGES.reshape(3, -1)[:, :2])
    assert found.features.dtype == found.logits.dtype == np.float32
    other = extractors.from_function("mine", fn, fingerprint="2", num_classes=2)
    assert net.fingerprint != other.fingerprint
    assert set(net.fingerprint) <= set("0123456789abcdef")
    wrong = extractors.from_function("mine", fn, fingerprint="1")
    with pytest.raises(
        ValueError, match=r"mine gave logits \(3, 2\), but num_classes is N"
    ):
        wrong.outputs(IMAGES)
    wrong = extractors.from_function("mine", lambda x: x[:1, 0, 0], fingerprint="1")
    with pytest.raises(ValueError, match=r"features \(1, 3\) of 3 images, not \(3, d\)"):
        wrong.outputs(IMAGES)


def test_activations_for_perceptual_distances():
    net = extractors.squeezenet_activations()
    measured = perceptual.perceptual_distance(
        net.activations, name=net.name, fingerprint=net.fingerprint
    )
    images = jnp.asarray(IMAGES[:, :18, :18].astype(np.float32) / 127.5 - 1.0)
    maps = jax.jit(net.activations)(images)
    assert [x.shape[-1] for x in maps] == [64, 128, 256, 384, 384, 512, 512]
    # The same as the feature net's, of the same pixels.
    expected = built_in("squeezenet11", extractors._BUILT_IN["squeezenet11"].origin)
    pixels = IMAGES[:, :18, :18, ::-1].astype(np.float32) - np.float32([104, 117, 123])
    apply = jax.jit(expected.module.apply)
    direct = apply(expected.variables, jnp.asarray(pixels)).activations
    for ours, theirs in zip(maps, direct, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-3)
    distances = np.asarray(jax.jit(measured.distance)(images, images[::-1]))
    np.testing.assert_allclose(distances[1], 0.0, atol=1e-9)
    np.testing.assert_allclose(distances[0], distances[2], rtol=1e-5)
    assert distances[0] > 0.1
    with pytest.raises(ValueError, match=r"17 pixels or more a side, got \(16, 18\)"):
        net.activations(images[:, :16])
