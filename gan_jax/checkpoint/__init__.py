"""Checkpoints: whole states that are written atomically and verified when read."""

from gan_jax.checkpoint.digest import leaf_digests, state_digest
from gan_jax.checkpoint.read import (
    LatestDigest,
    Restored,
    best_step,
    latest_digest,
    load,
    read_record,
    saved_steps,
)
from gan_jax.checkpoint.record import CheckpointError, LeafRecord, Record
from gan_jax.checkpoint.store import Checkpointer

__all__ = [
    "CheckpointError",
    "Checkpointer",
    "LatestDigest",
    "LeafRecord",
    "Record",
    "Restored",
    "best_step",
    "latest_digest",
    "leaf_digests",
    "load",
    "read_record",
    "saved_steps",
    "state_digest",
]
