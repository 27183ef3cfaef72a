"""A run, put together from its config: data, game, mesh and compiled steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, Sharding
from ml_collections import ConfigDict

from gan_jax import parallel, registry, trees
from gan_jax.config import choose
from gan_jax.data import (
    Batches,
    ImageSource,
    ImageTransform,
    Pipeline,
    Streams,
    UnreadableImageError,
    balanced,
    check,
    make_pipeline,
    open_source,
    stream_seed,
)
from gan_jax.data.protocol import digest_lines, shape_of
from gan_jax.engine import Algorithm, compile_game
from gan_jax.errors import UserError
from gan_jax.game import Game, Program, rounds
from gan_jax.guards import Rule
from gan_jax.registry import DataSettings
from gan_jax.types import PyTree


class Session(NamedTuple):
    """Everything a run needs that is not its state.

    Attributes:
        config: the resolved config.
        program: what is played.
        data: the data settings, with the image shape filled in.
        source: where the examples come from.
        second: the same of the other domain, if there is one.
        pipeline: the batches of this process.
        mesh: the devices.
        rules: what notices trouble.
        algorithms: one per stage of the program.
        steps: one compiled step per stage, over `train.steps_per_dispatch` steps.
        abstract: shapes of the state, with shardings.
    """

    config: ConfigDict
    program: Program
    data: DataSettings
    source: ImageSource
    second: ImageSource | None
    pipeline: Batches
    mesh: Mesh
    rules: tuple[Rule, ...]
    algorithms: tuple[Algorithm, ...]
    steps: tuple[Callable[[PyTree, PyTree], tuple[PyTree, PyTree]], ...]
    abstract: PyTree

    @property
    def key(self) -> jax.Array:
        """The run's key."""
        return jax.random.key(self.config.seed)

    def fingerprint(self) -> str:
        """Digest of the data, of both domains where there are two."""
        own = self.source.fingerprint()
        if self.second is None:
            return own
        return digest_lines((own, self.second.fingerprint()))


def open_session(config: ConfigDict) -> Session:
    """Checks a config against its data and devices, and builds the run.

    Everything that can be wrong is found here, before any long work.

    Raises:
        UserError: one line that says what is wrong and how to mend it.
    """
    registry.check_numbers(config)
    rules = registry.make_rules(config)
    source = open_source(config.data.source, data_dir=config.data.data_dir)
    shape = config.data.image_shape or _source_shape(source)
    program, data = registry.resolve(config, shape)
    mesh = config_mesh(config)
    check_batch(config, mesh)
    second = None
    if data.second is not None:
        second = open_source(data.second, data_dir=data.data_dir)
    for each in (source,) if second is None else (source, second):
        check(
            each,
            image_shape=data.image_shape,
            num_classes=data.num_classes,
            transform=image_transform(data),
            max_corrupt=data.max_corrupt,
        )
    if config.score.every and len(source) < 2:
        raise UserError(
            f"{source.name} has one example, too few to score against; set score.every to 0"
        )
    pipeline = _batches(config, data, source, second)
    algorithms = tuple(config_algorithm(config, stage.game) for stage in program)
    abstract = _sharded_state(config, algorithms, mesh)
    steps = tuple(config_step(config, each, mesh, abstract) for each in algorithms)
    return Session(
        config, program, data, source, second, pipeline, mesh, rules, algorithms, steps,
        abstract,
    )  # fmt: skip


def example_shape(config: ConfigDict) -> tuple[int, ...]:
    """Shape of one example; the data are opened only if the config does not say.

    Raises:
        UserError: the source does not exist, is empty, or cannot be read.
    """
    if config.data.image_shape is not None:
        return tuple(config.data.image_shape)
    return _source_shape(open_source(config.data.source, data_dir=config.data.data_dir))


def _source_shape(source: ImageSource) -> tuple[int, ...]:
    """Shape of the first example that can be read; how many may not is checked later."""
    problem = UserError(f"{source.name} has no examples; nothing can be trained on it")
    for index in range(len(source)):
        try:
            return shape_of(source, np.shape(source[index]["image"]))
        except UnreadableImageError as error:
            problem = error
    raise problem


def image_transform(data: DataSettings, *, augment: bool = True) -> ImageTransform:
    """How images come to their shape; without random parts if not `augment`."""
    crops = {"center": False, "random": True}
    return ImageTransform(
        resize=data.resize,
        random_crop=choose("crop", data.crop, crops) and augment,
        margin=data.margin if augment else 0,
        flip=data.flip and augment,
        fill=data.fill,
        mix_channels=data.mix_channels,
    )


def _batches(
    config: ConfigDict,
    data: DataSettings,
    source: ImageSource,
    second: ImageSource | None,
) -> Batches:
    """The batches of this process, with the further streams that there are: of labelled
    examples, and of the other domain.
    """
    main = _pipeline(config, data, source, config.seed, data.workers)
    others: dict[str, Batches] = {}
    if data.labelled is not None:
        examples = balanced(source, data.labelled, config.seed)
        seed = stream_seed(config.seed, "labelled")
        # Few as they are, they stay in memory once decoded; those of workers do not.
        others["labelled"] = _pipeline(config, data, examples, seed, workers=0)
    if second is not None:
        seed = stream_seed(config.seed, "second")
        others["second"] = _pipeline(config, data, second, seed, data.workers)
    return Streams(main, others) if others else main


def _pipeline(
    config: ConfigDict, data: DataSettings, source: ImageSource, seed: int, workers: int
) -> Pipeline:
    return make_pipeline(
        source,
        image_shape=data.image_shape,
        batch_size=config.train.batch_size,
        seed=seed,
        process_index=jax.process_index(),
        process_count=jax.process_count(),
        transform=image_transform(data),
        workers=workers,
        prefetch=data.prefetch,
        max_corrupt=data.max_corrupt,
    )


def abstract_batch(
    data: DataSettings, rows: tuple[int, int], sharding: Sharding | None = None
) -> PyTree:
    """Shapes of a batch as the networks see it.

    Args:
        data: the data settings, with the image shape filled in.
        rows: (rounds, batch).
        sharding: of every leaf.
    """

    def leaf(shape: tuple[int, ...], dtype: Any) -> jax.ShapeDtypeStruct:
        return jax.ShapeDtypeStruct((*rows, *shape), dtype, sharding=sharding)

    labels, images = leaf((), jnp.int32), leaf(data.image_shape, jnp.float32)
    if len(data.image_shape) == 2:
        images = leaf(data.image_shape[:1], jnp.int32)
    batch: dict[str, Any] = {"image": images}
    if data.num_classes is not None:
        batch["label"] = labels
    if data.labelled is not None:
        batch["labelled"] = {"image": images, "label": labels}
    if data.second is not None:
        batch["second"] = {"image": images}
    return batch


def plain_pipeline(source: ImageSource, data: DataSettings, batch_size: int) -> Pipeline:
    """Examples as the networks see them but not augmented, in a fixed order, the same in
    every process.
    """
    return make_pipeline(
        source,
        image_shape=data.image_shape,
        batch_size=batch_size,
        seed=0,
        transform=image_transform(data, augment=False),
        max_corrupt=data.max_corrupt,
    )


def real_examples(
    source: ImageSource, data: DataSettings, n: int
) -> tuple[np.ndarray, np.ndarray | None]:
    """The first n examples of `plain_pipeline`.

    Args:
        source: of the examples.
        data: how they come to their shape.
        n: how many; all if there are fewer.

    Returns:
        uint8 (n, H, W, C) or float points, and int32 labels or None.
    """
    batch = plain_pipeline(source, data, min(n, len(source))).rounds(0, 1)
    labels = batch.get("label")
    return batch["image"][0], None if labels is None else labels[0]


def fixed_examples(session: Session, n: int) -> PyTree:
    """A round of data that is always the same: the first n of every domain, or fewer where
    one has fewer.

    Args:
        session: of the run.
        n: how many.

    Returns:
        "image" and perhaps "label", as `real_examples`; of the other domain in "second".
    """
    sources = [each for each in (session.source, session.second) if each is not None]
    n = min(n, *map(len, sources))
    domains: list[dict[str, Any]] = []
    for source in sources:
        images, labels = real_examples(source, session.data, n)
        domains.append({"image": images} | ({} if labels is None else {"label": labels}))
    first, *others = domains
    return first | ({"second": others[0]} if others else {})


def config_mesh(config: ConfigDict, devices: Sequence[jax.Device] | None = None) -> Mesh:
    """The mesh of a config, on given devices or on those that are there."""
    count = config.parallel.devices
    shape = None if count is None else {parallel.DATA_AXIS: count}
    return parallel.make_mesh(devices, shape)


def check_batch(config: ConfigDict, mesh: Mesh) -> None:
    """Refuses batches that cannot be split over devices and micro-batches.

    Raises:
        UserError: says which number does not divide which.
    """
    size, parts = config.train.batch_size, config.train.microbatches
    parallel.check_batch(mesh, size)
    own = size // mesh.size
    if own % parts:
        raise UserError(
            f"the {own} examples of a device cannot be split into train.microbatches "
            f"({parts}) equal parts; choose a divisor"
        )


def config_algorithm(config: ConfigDict, game: Game) -> Algorithm:
    """A game compiled for the way in which a config maps its step."""
    axis = None if config.parallel.mode == "jit" else parallel.DATA_AXIS
    return compile_game(game, axis_name=axis, microbatches=config.train.microbatches)


def abstract_state(config: ConfigDict, algorithm: Algorithm) -> PyTree:
    """Shapes of the state of an algorithm.

    Raises:
        UserError: its networks cannot be built for these data.
    """
    try:
        return jax.eval_shape(algorithm.init, jax.random.key(0))
    except (ValueError, TypeError, ArithmeticError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"method {config.method!r}: {reason}") from error


def _sharded_state(
    config: ConfigDict, algorithms: tuple[Algorithm, ...], mesh: Mesh
) -> PyTree:
    """Shapes and shardings of the state, which all stages must share."""
    states = [abstract_state(config, algorithm) for algorithm in algorithms]
    for index, state in enumerate(states[1:]):
        if not _alike(state, states[0]):
            raise UserError(
                f"stage {index + 1} of the program has another state than stage 0; stages "
                "may differ in what is minimised, not in networks, optimizers or averages"
            )
    return with_shardings(config, states[0], mesh)


def with_shardings(config: ConfigDict, state: PyTree, mesh: Mesh) -> PyTree:
    """Shapes of a state with the shardings that a config gives it."""
    size = config.parallel.fsdp_min_size
    rules = () if size is None else (parallel.fsdp(min_elements=size),)
    shardings = parallel.state_shardings(mesh, state, rules)
    return jax.tree.map(
        lambda leaf, sharding: jax.ShapeDtypeStruct(
            leaf.shape, leaf.dtype, sharding=sharding
        ),
        state,
        shardings,
    )


def _alike(a: PyTree, b: PyTree) -> bool:
    """Whether two abstract states have the same paths, shapes and types."""

    def signature(state: PyTree) -> list[Any]:
        return [(path, x.shape, x.dtype) for path, x in trees.leaves_with_path(state)]

    return signature(a) == signature(b)


def config_step(
    config: ConfigDict, algorithm: Algorithm, mesh: Mesh, abstract: PyTree
) -> Callable[..., Any]:
    """The jitted step of a config, for a state of these shapes and shardings.

    Raises:
        UserError: the mode is not known, or cannot shard parameters.
    """
    per_call = config.train.steps_per_dispatch
    shardings = jax.tree.map(lambda leaf: leaf.sharding, abstract)
    mapped = {"shard_map": parallel.shard_map_step, "pmap": parallel.pmap_step}
    if config.parallel.mode == "jit":
        return parallel.jit_step(algorithm, mesh, shardings, steps_per_call=per_call)
    if config.parallel.fsdp_min_size is not None:
        raise UserError(
            "parallel.fsdp_min_size needs parallel.mode='jit': the mapped modes replicate"
        )
    return choose("parallel mode", config.parallel.mode, {"jit": None} | mapped)(
        algorithm, mesh, steps_per_call=per_call
    )


def chunk_rounds(session: Session, stage: int) -> int:
    """Rounds of data that one dispatch of a stage reads."""
    return session.config.train.steps_per_dispatch * rounds(session.program[stage].game)
