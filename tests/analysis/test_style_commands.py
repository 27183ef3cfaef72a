"""`gan-jax analyse` on runs whose generators have styles: StyleGAN's and StyleGAN2's."""

from __future__ import annotations

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax import traverse_util
from PIL import Image

from gan_jax import pictures, tracing
from gan_jax.analyses import ANALYSES, analyse, projection, styled
from gan_jax.errors import UserError
from gan_jax.methods.style_objectives import halves
from gan_jax.trained import open_run
from tests.analysis.styled_run import LAYERS, SIDE, W, write_run


@pytest.fixture(scope="module", autouse=True)
def accelerator():
    """The formulations that compile faster."""
    with tracing.platform("gpu"):
        yield


@pytest.fixture(scope="module")
def workdir(tmp_path_factory):
    """A run of StyleGAN2."""
    return write_run(tmp_path_factory.mktemp("stylegan2"), "stylegan2")


@pytest.fixture(scope="module")
def grown(tmp_path_factory):
    """A run of StyleGAN."""
    return write_run(tmp_path_factory.mktemp("stylegan"), "stylegan")


class Parts:
    """A run's halves, compiled on five rows of latents or styles."""

    def __init__(self, workdir):
        self.run = open_run(workdir)
        two = halves(self.run.generator)
        self.mean = np.asarray(two.mean, np.float64)
        self.mapping = jax.jit(partial(two.mapping, train=False))
        self.synthesis = jax.jit(partial(two.synthesis, train=False))

    def styles(self, latents, label):
        rows = jnp.asarray(latents)[np.arange(5) % len(latents)]
        return np.asarray(self.mapping(rows, jnp.full((5,), label)))[: len(latents)]

    def of_seeds(self, seeds, label):
        labels = jnp.full((1,), label, jnp.int32)
        drawn = [self.run.latents(jax.random.key(seed), 1, labels) for seed in seeds]
        return self.styles(np.concatenate(drawn), label)

    def pixels(self, ws):
        rows = np.asarray(ws, np.float32)[np.arange(5) % len(ws)]
        made = pictures.to_pixels(np.asarray(self.synthesis(rows)))
        return made[: len(ws), :, :, 0].astype(float)


@pytest.fixture(scope="module")
def parts(workdir):
    return Parts(workdir)


@pytest.fixture
def look(workdir, tmp_path):
    """`look(name, **flags) -> (what was said, the picture)`."""

    def run(name, **changed):
        values = {flag.name: flag.default for flag in ANALYSES[name].flags}
        path = tmp_path / f"{name}.png"
        values |= {"workdir": str(workdir), "output": str(path)} | changed
        said = analyse(name, values)
        with Image.open(path) as image:
            return said, np.asarray(image)

    return run


def cell(picture, row, column):
    y, x = 2 + row * (SIDE + 2), 2 + column * (SIDE + 2)
    return picture[y : y + SIDE, x : x + SIDE]


def close(a, b):
    """Equal to the rounding of one level: other programs add in another order."""
    np.testing.assert_allclose(np.asarray(a, float), np.asarray(b, float), atol=1.0)


def check_mixtures(parts, picture, taken, psi):
    rows, columns = parts.of_seeds([0, 1], 1), parts.of_seeds([2], 1)
    rows, columns = (parts.mean + psi * (ws - parts.mean) for ws in (rows, columns))
    mixed = rows.copy()
    mixed[:, taken] = columns[:, taken]
    left, above, middle = (parts.pixels(ws) for ws in (rows, columns, mixed))
    assert picture.shape == (2 + 3 * (SIDE + 2), 2 + 2 * (SIDE + 2))
    assert (cell(picture, 0, 0) == 255).all()
    close(cell(picture, 0, 1), above[0])
    for row in range(2):
        close(cell(picture, row + 1, 0), left[row])
        close(cell(picture, row + 1, 1), middle[row])


def test_mixtures(parts, look):
    said, picture = look("mix", sources="0,1", others="2", layers="0,2-3", label=1)
    assert said.endswith("mix.png")
    check_mixtures(parts, picture, [0, 2, 3], 1.0)


def test_mixtures_of_a_generator_that_grows(grown, look):
    flags = {"sources": "0,1", "others": "2", "layers": "middle", "label": 1}
    _, picture = look("mix", workdir=str(grown), psi=0.5, **flags)
    check_mixtures(Parts(grown), picture, [1, 2], 0.5)


def test_styles_are_truncated_in_some_layers(parts, look):
    _, picture = look("truncation", psi="1,-0.5", layers="1-2", n=5, seed=7, label=2)
    assert picture.shape == (2 + 3 * (SIDE + 2), 2 + 5 * (SIDE + 2))
    labels = jnp.full((5,), 2, jnp.int32)
    ws = parts.styles(parts.run.latents(jax.random.key(7), 5, labels), 2)
    for row, psi in enumerate((1.0, -0.5, 0.0)):
        pulled = ws.astype(np.float64)
        pulled[:, 1:3] = parts.mean + psi * (pulled[:, 1:3] - parts.mean)
        for column, image in enumerate(parts.pixels(pulled)):
            close(cell(picture, row, column), image)


def test_directions_are_those_of_the_layers_that_are_named(parts, look):
    said, picture = look(
        "directions", space="w", k=1, steps=5, distance=3.0, layers="0-1", label=1, seed=3
    )
    names, strengths = said.splitlines()[:2]
    layers = {
        "synthesis/block_4/conv_1/affine",
        "synthesis/block_4/to_rgb/affine",
        "synthesis/block_8/conv_0/affine",
    }
    assert set(names.removeprefix("layers ").split(", ")) == layers
    # An equalised learning rate: kernels are used at 1 / sqrt(fan in) of what they are.
    kernels = [
        traverse_util.flatten_dict(parts.run.generator.params, sep="/")[f"{layer}/kernel"]
        for layer in sorted(layers)
    ]
    joined = np.concatenate([np.asarray(a, np.float64) for a in kernels], 1) / np.sqrt(W)
    values, vectors = np.linalg.eigh(joined @ joined.T)
    found = float(strengths.removeprefix("strengths "))
    np.testing.assert_allclose(found, np.sqrt(values[-1]), rtol=5e-3)
    axis = vectors[:, -1] * np.sign(vectors[np.abs(vectors[:, -1]).argmax(), -1])
    labels = jnp.ones((2,), jnp.int32)
    ws = parts.styles(parts.run.latents(jax.random.key(3), 2, labels), 1)[:1]
    moved = np.repeat(ws, 5, axis=0).astype(np.float64)
    moved[:, :2] += np.linspace(-3.0, 3.0, 5)[:, None, None] * axis
    for column, image in enumerate(parts.pixels(moved)):
        close(cell(picture, 0, column), image)


def test_a_walk_in_w_is_straight_and_filmed(parts, look, tmp_path):
    av = pytest.importorskip("av")
    film = tmp_path / "new" / "walk.mp4"
    said, picture = look(
        "walk", space="w", seeds="4,7", steps=3, label=1, video=str(film), fps=10.0
    )
    assert said == f"{tmp_path}/walk.png\n{film}"
    four, seven = parts.of_seeds([4, 7], 1)
    images = parts.pixels(np.stack([four, (four + seven) / 2.0, seven]))
    for column in range(3):
        close(cell(picture, 0, column), images[column])
        close(cell(picture, 1, column), images[2 - column])
    with av.open(str(film)) as opened:
        stream = opened.streams.video[0]
        assert (stream.average_rate, stream.width, stream.height) == (10, 128, 128)
        frames = [frame.to_ndarray(format="gray") for frame in opened.decode(video=0)]
    assert len(frames) == 4
    for frame, image in zip(frames, images[[0, 1, 2, 1]], strict=True):
        places = frame.reshape(SIDE, 16, SIDE, 16)[:, 4:12, :, 4:12].mean(axis=(1, 3))
        np.testing.assert_allclose(places, image, atol=6.0)


def test_a_generated_image_is_found_again(parts, look, tmp_path):
    target = parts.pixels(parts.of_seeds([9], 2))[0].astype(np.uint8)
    Image.fromarray(target).save(tmp_path / "target.png")
    said, picture = look(
        "project",
        image=str(tmp_path / "target.png"),
        space="w+",
        starts=3,
        steps=150,
        perceptual=0.0,
    )
    losses, labels = (line.split(" ", 1)[1].split(",") for line in said.splitlines()[:2])
    assert [float(x) for x in losses] == sorted(float(x) for x in losses)
    # But for the noise.
    np.testing.assert_allclose(float(losses[0]), 0.0, atol=1e-2)
    assert sorted(int(x) for x in labels) == [0, 1, 2]
    np.testing.assert_array_equal(picture[20:100:10, 20:100:10, 0], target)


def test_a_search_begins_at_the_mean_of_w_of_its_class(parts):
    labels = jnp.asarray([0, 2], jnp.int32)
    begin = projection._in_styles(parts.run, jax.random.key(0), 2, labels, wide=True)
    assert begin.starts.shape == (2, LAYERS, W)
    means = []
    for label in (0, 2):
        y = jnp.full((1000,), label, jnp.int32)
        z = parts.run.latents(jax.random.key(5), 1000, y)
        means.append(np.asarray(parts.mapping(z, y)).mean(axis=0))
    # Of 3,333 and of 1,000 latents: four standard errors of values of about 1.
    np.testing.assert_allclose(begin.starts, means, atol=4 * 0.04)
    # With the noise that is kept, images are the generator's own.
    sides = sorted(plane.shape for plane in jax.tree.leaves(begin.planes))
    assert sides == [(2, 4, 4), (2, 8, 8), (2, 8, 8)]
    made = jax.jit(begin.generate)(begin.starts, begin.planes)
    rows = jnp.asarray(begin.starts)[np.arange(5) % 2]
    np.testing.assert_allclose(made, parts.synthesis(rows)[:2], rtol=1e-4, atol=1e-5)


def test_a_distance_of_pixels_and_a_networks_maps(parts, monkeypatch):
    class Fake:
        distance = staticmethod(lambda a, b: jnp.abs(a - b).max(axis=(1, 2, 3)))

    monkeypatch.setattr(projection, "squeezenet_distance", Fake)
    images = jnp.zeros((2, SIDE, SIDE, 1)).at[1, 0, 0, 0].set(0.8)
    distance = projection._distance(parts.run, 0.5, "squeezenet")
    expected = [0.0, 0.8**2 / SIDE**2 + 0.5 * 0.8]
    np.testing.assert_allclose(distance(images, images[0]), expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("text", "count", "layers"),
    [
        ("0-3,6", 8, [0, 1, 2, 3, 6]),
        ("coarse", 18, [0, 1, 2, 3]),
        ("middle,0", 18, [0, 4, 5, 6, 7]),
        (" fine , 8", 10, [8, 9]),
        ("coarse", 8, [0, 1, 2]),
        ("2,1-2", 4, [1, 2]),
    ],
)
def test_layers_by_number_and_word(text, count, layers):
    assert styled.layers_in(text, count) == layers


MISTAKES = [
    ("mix", {"layers": "4"}, "--layers=4: styles are of layers 0 to 3"),
    ("mix", {"layers": "2-1"}, "--layers=2-1: styles are of layers 0 to 3"),
    ("mix", {"layers": "course"}, "expected layers such as 0-3,6, or coarse, middle"),
    ("mix", {"layers": ","}, "--layers=,: none of the layers 0 to 3"),
    ("mix", {"psi": float("nan")}, "--psi=nan: expected numbers such as 1,0.5"),
    ("truncation", {"psi": "1,x"}, "--psi=1,x: expected numbers such as 1,0.5"),
    ("truncation", {"layers": "1"}, "--layers=1 is of styles: give --psi too"),
    ("truncation", {"psi": "1", "standing": 2}, "--standing is of --thresholds"),
    ("directions", {"space": "x"}, "--space=x: no such space; there are: w, z"),
    ("directions", {}, "if it has styles, give --space=w"),
    ("directions", {"space": "w", "k": 5}, "--k=5: the latent has 4 dimensions"),
    ("walk", {"video": "a.avi"}, "--video=a.avi: expected the name of a GIF or MP4 file"),
    ("walk", {"fps": 0.0}, "--fps must be above 0 and at most 100, got 0.0"),
    ("project", {"space": "w++"}, "did you mean 'w+'?"),
    ("project", {"network": "vgg"}, "expected discriminator or squeezenet"),
]


@pytest.mark.parametrize(("name", "changed", "said"), MISTAKES)
def test_mistakes_about_styles_are_one_line(workdir, tmp_path, name, changed, said):
    values = {flag.name: flag.default for flag in ANALYSES[name].flags}
    values |= {"workdir": str(workdir), "output": str(tmp_path / "picture.png")} | changed
    with pytest.raises(UserError) as caught:
        analyse(name, values)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
