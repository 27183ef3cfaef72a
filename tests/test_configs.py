"""Every config file: its variants resolve, at full size, to networks of known size."""

from __future__ import annotations

import math
import re
import runpy
from itertools import pairwise
from pathlib import Path

import jax
import jax.numpy as jnp
import pytest

from gan_jax import registry, trees
from gan_jax.config import default_config, flatten
from gan_jax.engine import compile_game
from gan_jax.evaluation import plan
from gan_jax.game import rounds
from gan_jax.loop import train
from gan_jax.methods.texts import WINDOWS
from gan_jax.metrics.features import thumbnails

CONFIGS = Path(__file__).parents[1] / "configs"
SHAPES = {
    "builtin:mnist": (28, 28, 1),
    "builtin:mnist:train_a": (28, 28, 1),
    "builtin:emoji_google": (64, 64, 3),
    "builtin:names_female": (11, 27),
    "synthetic:ring": (2,),
}

# Parameters of players in the order of their names, by file and variant.
COUNTS = {
    "bigan": {
        "": (1_905_665, 3_814_210),
        "ali": (5_135_297, 706_593),
        "conv": (5_135_297, 505_825),
        "emoji": (4_227_841, 911_011),
        "smoke": (27_809, 56_514),
        "ali_smoke": (8_521, 77_237),
    },
    "bigbigan": {
        "": (160_375_076, 160_022_516),
        "revnet": (160_375_076, 272_619_444),
        "small_encoder": (160_375_076, 160_022_516),
        "mnist": (1_382_211, 1_356_017),
        "emoji": (1_383_491, 1_298_451),
        "smoke": (23_667, 100_157),
    },
    "biggan": {
        "": (87_982_370, 70_433_988),
        "256": (99_225_890, 82_235_844),
        "512": (99_401_282, 82_468_068),
        "authors": (87_982_370, 70_433_988),
        "cifar10": (4_207_361, 4_304_387),
        "cifar100": (4_230_401, 4_580_867),
        "emoji": (1_055_105, 1_061_955),
        "smoke": (17_201, 26_035),
    },
    "biggan_deep": {
        "": (34_590_210, 50_244_484),
        "256": (38_247_426, 55_736_708),
        "512": (38_301_122, 56_019_780),
        "smoke": (3_289, 17_675),
    },
    "cgan": {
        "": (41_697, 378_433),
        "hidden": (50_337, 749_761),
        "acgan": (67_947, 378_433),
        "tac": (99_317, 348_801),
        "adc": (99_317, 348_801),
        "contra": (1_647_841, 348_801),
        "reac": (1_647_841, 348_801),
        "mh": (67_947, 348_801),
        "smoke": (4_281, 88_465),
    },
    "cogan": {
        "": (427_092, 7_844_614),
        "edges": (427_092, 7_844_614),
        "smoke": (4_461, 57_662),
    },
    "cyclegan": {
        "": (5_529_474, 22_756_358),
        "emoji": (335_298, 1_550_598),
        "smoke": (6_074, 17_478),
    },
    "dcgan": {
        "": (17_232_897, 18_855_043),
        "cifar10": (4_115_457, 4_926_595),
        "smoke": (17_217, 67_915),
    },
    "f_gan": {
        "smoke": (3_001, 80_625),
        **dict.fromkeys(
            (
                "",
                "kl",
                "reverse_kl",
                "neyman",
                "squared_hellinger",
                "jensen_shannon",
                "total_variation",
            ),
            (36_577, 347_073),
        ),
    },
    "gan": {
        "": (246_481, 2_503_984),
        "non_saturating": (246_481, 2_503_984),
        "smoke": (246_481, 2_503_984),
    },
    "geometric_gan": {"": (1_033_729, 1_439_299), "smoke": (17_217, 67_915)},
    "lsgan": {
        "": (4_315_649, 12_696_131),
        "cifar10": (1_033_729, 5_224_003),
        "smoke": (17_217, 541_003),
    },
    "progan": {
        "": (23_052_353, 23_044_309),
        "celebahq1024": (23_087_249, 23_079_115),
        "cifar10": (20_726_785, 20_719_628),
        "emoji": (280_161, 288_876),
        "smoke": (4_589, 4_488),
    },
    "projection_cgan": {
        "": (30_041_857, 41_990_979),
        "cifar10": (1_055_105, 4_302_083),
        "smoke": (4_505, 21_355),
    },
    "quickstart": {"": (67_873, 235_905), "smoke": (67_873, 235_905)},
    "r3gan": {
        "": (21_280_512, 20_781_952),
        "ffhq64": (22_381_440, 22_429_824),
        "ffhq256": (23_009_568, 23_057_952),
        "imagenet32": (86_548_992, 82_914_304),
        "imagenet64": (107_205_120, 103_570_432),
        "emoji": (146_240, 150_336),
        "smoke": (23_504, 24_320),
    },
    "relativistic_gan": {
        "smoke": (11_241, 76_275),
        **dict.fromkeys(("", "rsgan", "ralsgan", "rahinge"), (663_361, 1_183_619)),
    },
    "ring": {
        "": (17_025, 17_154),
        "plain": (17_025, 17_154),
        "smoke": (17_025, 17_154),
    },
    "sagan": {
        "": (39_463_618, 42_072_900),
        "cifar10": (1_075_586, 4_384_004),
        "emoji": (270_530, 380_228),
        "smoke": (4_586, 21_436),
    },
    "sngan": {
        "": (1_053_825, 4_274_435),
        "conditional": (1_055_105, 4_302_083),
        "emoji": (1_055_105, 4_302_083),
        "smoke": (4_505, 21_355),
    },
    "srgan": {
        "": (1_235_496, 23_563_649, 1_547_350),
        "mse": (23_563_649, 1_547_350),
        "emoji": (1_235_496, 359_777, 173_098),
        "photos": (1_235_496, 359_777, 173_098),
        "smoke": (5_273, 3_595),
    },
    "stylegan": {
        "": (23_087_249, 26_219_627),
        "emoji": (280_161, 293_804),
        "smoke": (4_589, 4_800),
    },
    "stylegan2": {
        "": (29_012_513, 30_370_060),
        "ffhq256": (24_001_089, 24_767_458),
        "lsun": (28_864_129, 30_034_338),
        "afhq": (28_982_849, 30_276_583),
        "cifar10": (20_720_641, 19_947_539),
        "cifar10_classes": (23_089_664, 20_215_315),
        "emoji": (327_072, 268_780),
        "mnist": (327_008, 268_331),
        "smoke": (4_262, 3_389),
    },
    "gmmn": {
        "": (1_149_904,),
        "ae": (836_640, 1_216_496),
        "smoke": (13_776,),
        "ae_smoke": (812_040, 813_400),
    },
    "gumbel_gan": {
        "": (143_937, 27_451),
        "straight_through": (143_937, 27_451),
        "smoke": (6_049, 1_003),
    },
    "improved_gan": {
        "": (1_623_397, 365_793),
        "cifar10": (3_081_829, 1_439_299),
        "history": (1_623_397, 365_793),
        "smoke": (197_089, 39_801),
    },
    "discogan": {
        "": (5_531_266, 11_027_712),
        "deep": (5_531_266, 14_306_960),
        "emoji": (190_322, 374_112),
        "smoke": (6_122, 11_152),
    },
    "pix2pix": {
        "": (2_768_705, 54_413_955),
        "emoji": (169_377, 2_345_715),
        "smoke": (3_253, 6_251),
    },
    "stargan": {
        "": (44_786_624, 8_439_936),
        "emoji": (695_520, 694_200),
        "smoke": (3_692, 11_636),
    },
    "infogan": {
        "": (3_380_525, 3_322_561),
        "categorical": (3_380_267, 3_320_513),
        "continuous": (3_379_235, 3_312_321),
        "emoji": (2_398_765, 2_340_803),
        "smoke": (62_453, 57_265),
    },
    "seqgan": {
        "": (7_043_681, 333_320),
        "names": (143_937, 27_451),
        "smoke": (6_049, 1_003),
    },
    "semi_supervised_gan": {
        "": (1_541_020, 694_784),
        "1000": (1_541_020, 694_784),
        "minibatch": (1_667_520, 694_784),
        "smoke": (26_580, 29_136),
    },
    "vaegan": {
        "": (260_865, 783_360, 520_995),
        "vae": (260_865, 783_360, 520_995),
        "mnist": (55_297, 855_232, 453_601),
        "smoke": (4_609, 70_144, 37_127),
    },
    "unrolled_gan": {"": (17_025, 49_666), "smoke": (17_025, 49_666)},
    "wgan": {
        "": (2_765_633, 3_576_707),
        "cifar10": (663_361, 1_068_931),
        "smoke": (11_241, 61_939),
    },
    "wgan_gp": {
        "": (1_055_361, 1_203_331),
        "authors": (1_053_825, 1_203_331),
        "emoji": (1_055_361, 1_203_331),
        "smoke": (4_521, 20_491),
    },
}
VARIANTS = [(name, variant) for name, known in COUNTS.items() for variant in known]


def module(name):
    return runpy.run_path(str(CONFIGS / f"{name}.py"))


def load(name, variant=""):
    return module(name)["get_config"](variant)


def program(config):
    return registry.resolve(config, SHAPES.get(config.data.source))


def test_every_file_and_every_variant_it_names_is_known_here():
    assert {path.stem for path in CONFIGS.glob("*.py")} == COUNTS.keys()
    for name, known in COUNTS.items():
        named = re.findall(r'"(\w*)"', module(name)["get_config"].__doc__)
        assert {"", *named} == known.keys(), name


def test_every_file_says_how_it_is_run():
    for name in COUNTS:
        text = module(name)["__doc__"]
        assert f"gan-jax train --config configs/{name}.py --workdir runs/" in text
        assert "Hardware: " in text


def test_every_variant_is_another_run():
    for name, known in COUNTS.items():
        configs = [load(name, variant).to_dict() for variant in known]
        assert all(a != b for i, a in enumerate(configs) for b in configs[:i]), name


@pytest.mark.parametrize(("name", "variant"), VARIANTS)
def test_locked_fields_and_golden_sizes(name, variant):
    config = load(name, variant)
    assert config.is_locked
    fields = re.compile(r"^(model|recipe\.([dg]_terms|augment)|guards\.rules)\b")
    ours = {f for f in flatten(config) if not fields.match(f)}
    assert ours == {f for f in flatten(default_config()) if not fields.match(f)}
    assert registry.make_rules(config)
    for stage in program(config).program:
        state = jax.eval_shape(compile_game(stage.game).init, jax.random.key(0))
        players = [state.players[player] for player in sorted(state.players)]
        counts = tuple(trees.count(player.params) for player in players)
        assert counts == COUNTS[name][variant]


def dcgan_sizes(width, side, channels, kernel, latent, base):
    """By the paper's table of layers: (discriminator, generator)."""
    stages = int(math.log2(side // base))
    widths = [width * min(2**i, 8) for i in range(stages)]
    d = kernel**2 * channels * widths[0] + widths[0]
    g = latent * base**2 * widths[-1] + 2 * widths[-1]
    for narrow, wide in pairwise(widths):
        d += kernel**2 * narrow * wide + 2 * wide
        g += kernel**2 * wide * narrow + 2 * narrow
    d += base**2 * widths[-1] + 1
    g += kernel**2 * widths[0] * channels + channels
    return d, g


def resnet_sizes(g_width, d_width, latent=128, norms=0, classes=0):
    """By tables 3 and 4 of 1802.05957, without biases before a batch norm."""
    g = latent * 16 * g_width + 16 * g_width
    g += 3 * (2 * 9 * g_width**2 + g_width**2)
    g += 6 * 2 * g_width * max(classes, 1) + 2 * g_width
    g += 9 * g_width * 3 + 3
    conv = 9 * d_width**2 + d_width
    d = 9 * 3 * d_width + d_width + conv + 3 * d_width + d_width
    d += 2 * conv + d_width**2 + d_width
    d += 4 * conv + norms * 2 * d_width
    d += d_width + 1 + classes * d_width
    return d, g


def stylegan2_sizes(
    side,
    base=32768,
    most=512,
    w=512,
    layers=8,
    classes=0,
    channels=3,
    residual=True,
    noise=True,
):
    """By the layers of 1912.04958 and 2006.06676: (discriminator, generator)."""
    widths = [min(base // s, most) for s in (4 << k for k in range(9)) if s <= side]
    first, last = widths[0], widths[-1]

    def styled(inputs, outputs):
        return w * inputs + inputs + 9 * inputs * outputs + outputs + noise

    g = classes * w + w * bool(classes) + (w * bool(classes) + w) * w + w
    g += (layers - 1) * (w * w + w) + 16 * first + styled(first, first)
    g += sum((w + 1 + channels) * width + channels for width in widths)
    d = channels * last + last
    for coarse, fine in pairwise(widths):
        g += styled(coarse, fine) + styled(fine, fine)
        d += 9 * fine**2 + fine + 9 * fine * coarse + coarse + residual * fine * coarse
    features = first if classes else 1
    d += 9 * (first + 1) * first + 16 * first**2 + 2 * first + (first + 1) * features
    if classes:
        d += classes * first + first + 8 * (first**2 + first)
    return d, g


def test_sizes_by_hand():
    assert COUNTS["dcgan"][""] == dcgan_sizes(128, 64, 3, 5, 100, 4)
    assert COUNTS["dcgan"]["cifar10"] == dcgan_sizes(128, 32, 3, 5, 100, 4)
    assert COUNTS["lsgan"][""] == dcgan_sizes(64, 64, 3, 5, 1024, 4)
    assert COUNTS["lsgan"]["cifar10"] == dcgan_sizes(64, 32, 3, 5, 1024, 4)
    assert COUNTS["wgan"][""] == dcgan_sizes(64, 64, 3, 4, 100, 4)
    assert COUNTS["wgan"]["cifar10"] == dcgan_sizes(64, 32, 3, 4, 100, 4)
    assert COUNTS["sngan"][""] == resnet_sizes(256, 128)
    assert COUNTS["sngan"]["conditional"] == resnet_sizes(256, 128, classes=10)
    assert COUNTS["wgan_gp"][""] == resnet_sizes(128, 128, norms=6)
    assert COUNTS["wgan_gp"]["authors"] == resnet_sizes(128, 128)

    assert COUNTS["stylegan2"][""] == stylegan2_sizes(1024)
    assert COUNTS["stylegan2"]["ffhq256"] == stylegan2_sizes(256, 16384)
    assert COUNTS["stylegan2"]["lsun"] == stylegan2_sizes(256)
    assert COUNTS["stylegan2"]["afhq"] == stylegan2_sizes(512)
    cifar = {"layers": 2, "residual": False}
    assert COUNTS["stylegan2"]["cifar10"] == stylegan2_sizes(32, **cifar)
    with_classes = stylegan2_sizes(32, classes=10, **cifar)
    assert COUNTS["stylegan2"]["cifar10_classes"] == with_classes
    small = {"base": 1024, "most": 64, "w": 64, "layers": 2, "classes": 10}
    assert COUNTS["stylegan2"]["emoji"] == stylegan2_sizes(32, noise=False, **small)
    assert COUNTS["stylegan2"]["mnist"] == stylegan2_sizes(32, channels=1, **small)

    def perceptron(*widths):
        return sum(a * b + b for a, b in pairwise(widths))

    d, g = perceptron(784, 240, 240, 1), perceptron(100, 1200, 1200, 784)
    assert COUNTS["gan"][""] == (d, g)
    d, g = perceptron(2, 128, 128, 1), perceptron(2, 128, 128, 2)
    assert COUNTS["ring"][""] == (d, g)
    assert COUNTS["gmmn"][""] == (perceptron(10, 64, 256, 256, 1024, 784),)
    d = perceptron(784 + 50, 1024, 1024, 1)
    makers = perceptron(50, 1024, 1024, 784) + perceptron(784, 1024, 1024, 50)
    # Hidden layers have gains of their batch norms more.
    assert COUNTS["bigan"][""] == (d, makers + 4 * 1024)
    # Vectors, an LSTM and logits; vectors, windows, a highway and a logit.
    g = 5000 * 32 + 4 * (2 * 32 * 32 + 32) + 32 * 5000 + 5000
    d = 5000 * 64 + sum(size * 64 * filters + filters for size, filters in WINDOWS)
    width = sum(filters for _, filters in WINDOWS)
    assert COUNTS["seqgan"][""] == (d + 2 * (width * width + width) + width + 1, g)
    # BigGAN's discriminator without its projection, H, J and three scores.
    f = COUNTS["biggan"][""][0] - 1000 * 1536 - 1537
    h = perceptron(120, *8 * [2048]) + 120 * 2048
    j = perceptron(1536 + 2048, *8 * [2048]) + (1536 + 2048) * 2048
    assert COUNTS["bigbigan"][""][0] == f + h + j + 1537 + 2 * 2049


FULL = ["dcgan", "gan", "lsgan", "quickstart", "ring", "sngan", "wgan", "wgan_gp"]
FULL_SIZE = [(name, "") for name in FULL] + [("sngan", "conditional")]


@pytest.mark.parametrize(("name", "variant"), FULL_SIZE)
def test_a_step_at_full_size_abstractly(name, variant):
    config = load(name, variant)
    run = program(config)
    for stage in run.program:
        # Scanned rounds: their body is traced once.
        algorithm = compile_game(stage.game, unroll=False)
        state = jax.eval_shape(algorithm.init, jax.random.key(0))
        shape = (rounds(stage.game), config.train.batch_size)
        batch = {"image": jax.ShapeDtypeStruct((*shape, *run.data.image_shape), jnp.uint8)}
        if len(run.data.image_shape) == 1:
            batch["image"] = jax.ShapeDtypeStruct((*shape, 2), jnp.float32)
        if run.data.num_classes is not None:
            batch["label"] = jax.ShapeDtypeStruct(shape, jnp.int32)
        after, metrics = jax.eval_shape(algorithm.step, state, batch)
        assert jax.tree.structure(after) == jax.tree.structure(state)
        for old, new in zip(jax.tree.leaves(state), jax.tree.leaves(after), strict=True):
            assert (old.shape, old.dtype) == (new.shape, new.dtype)
        assert {"disc/loss", "gen/loss", "disc/grad_norm"} <= metrics.keys()
        assert {(m.shape, str(m.dtype)) for m in metrics.values()} == {((), "float32")}
    assert rounds(run.program[-1].game) == {"sngan": 5, "wgan": 5, "wgan_gp": 5}.get(
        name, 1
    )


@pytest.fixture(scope="module")
def cache(tmp_path_factory):
    """Where classifiers are kept, so that each is trained once."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def smoke(cache, tmp_path, monkeypatch):
    """`smoke(name)`: the config and the end of a smoke run."""
    monkeypatch.setenv("GAN_JAX_CACHE", str(cache))

    def run(name):
        config = load(name, "smoke")
        config.parallel.devices = 1
        return config, train(config, tmp_path)

    return run


def test_the_smoke_run_of_ring(smoke):
    config, summary = smoke("ring")
    assert f"done at step {config.train.steps} " in summary.report
    names = {"frechet_distance", "high_quality_share", "modes_found"}
    assert summary.scores.keys() == {f"{name}/coordinates" for name in names}


def test_the_smoke_run_of_quickstart(smoke, monkeypatch):
    # Its own scores need a classifier, which is trained first.
    monkeypatch.setattr(plan, "open_features", lambda name: thumbnails())
    config, summary = smoke("quickstart")
    assert f"done at step {config.train.steps} " in summary.report
    assert summary.scores.keys() == {"frechet_distance/pixels_8x8"}


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in COUNTS if name != "ring"])
def test_every_smoke_run(name, smoke):
    config, summary = smoke(name)
    assert f"done at step {config.train.steps} " in summary.report
    if not config.score.every:  # images of images, pairs and texts have no such scores
        assert summary.scores == {}
        return
    (distance,) = [v for k, v in summary.scores.items() if k.startswith("frechet")]
    assert math.isfinite(distance)
    features = {
        "builtin:emoji_google": "emoji_classifier",
        "builtin:mnist": "mnist_classifier",
        "synthetic:ring": "coordinates",
    }[config.data.source]
    assert all(key.endswith(f"/{features}") for key in summary.scores)
