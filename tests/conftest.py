"""The test environment is stricter than a user: 8 virtual devices, no promotion."""

import os

# Tests compile many programs and run each a few times: half the compile time is worth more.
os.environ.setdefault("XLA_FLAGS", "--xla_backend_optimization_level=0")

import jax

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
