"""The test environment is stricter than a user: 8 virtual devices, no promotion.

Tests compile thousands of programs and run each a few times, so less is spent on making
programs fast, and a program is compiled once in a session: also for the other worker, for
tests that drop their programs, and for the processes that tests start.
"""

import atexit
import os
import shutil
import tempfile
from importlib.metadata import version

QUICK = ["--xla_backend_optimization_level=0"]
if version("jaxlib").startswith("0.10."):
    # Half the time of the rest. XLA aborts at a flag that it does not know.
    QUICK.append("--xla_cpu_use_fusion_emitters=false")
os.environ.setdefault("XLA_FLAGS", " ".join(QUICK))

if "JAX_COMPILATION_CACHE_DIR" not in os.environ:  # workers inherit it
    FOLDER = tempfile.mkdtemp(prefix="gan_jax_tests_")
    atexit.register(shutil.rmtree, FOLDER, ignore_errors=True)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": FOLDER,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        "JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES": "-1",
    }

import jax  # noqa: E402  (reads the environment)

jax.config.update("jax_num_cpu_devices", 8)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
