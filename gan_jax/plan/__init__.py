"""A training step compiled for devices that are not there: does it fit, how fast is it?

    plan = make_plan(config, ["v5p:4x4x4", "h100:2x8"])
    print(text(plan))

The step is the very one that a run compiles, with shapes in place of arrays.
"""

from gan_jax.plan.chips import GPUS, TPUS, Chip
from gan_jax.plan.flops import count_flops
from gan_jax.plan.make import make_plan
from gan_jax.plan.page import page, write_page
from gan_jax.plan.render import text
from gan_jax.plan.topology import EXAMPLES, LOCAL

__all__ = [
    "EXAMPLES",
    "GPUS",
    "LOCAL",
    "TPUS",
    "Chip",
    "count_flops",
    "make_plan",
    "page",
    "text",
    "write_page",
]
