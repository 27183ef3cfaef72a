"""Looking inside trained and training networks: functions of arrays and callables. The
commands `gan-jax analyse NAME` are in `gan_jax.analyses`.
"""

from typing import TYPE_CHECKING

from gan_jax import lazy

if TYPE_CHECKING:
    from gan_jax.analysis.ablation import (
        Attribution,
        attribute_channels,
        placed,
        without_channels,
    )
    from gan_jax.analysis.animation import enlarged, require_av, save_gif, save_mp4
    from gan_jax.analysis.arithmetic import Arithmetic, around, latent_arithmetic
    from gan_jax.analysis.classes import class_grid, class_walk, mixed_labels
    from gan_jax.analysis.directions import Directions, along, latent_kernels, sefa
    from gan_jax.analysis.dynamics import (
        TermGradients,
        gradient_field,
        jacobian_eigenvalues,
        moving_params,
        term_gradients,
    )
    from gan_jax.analysis.embedding import EMBEDDINGS, embed
    from gan_jax.analysis.frequency import (
        RadialPower,
        Spectrum,
        log_spectrum,
        radial_power,
    )
    from gan_jax.analysis.guided import guided_gradient
    from gan_jax.analysis.layers import has_kernel, record, with_changes
    from gan_jax.analysis.mixing import in_layers, layer_parts, style_mixing
    from gan_jax.analysis.nearest import Nearest, nearest
    from gan_jax.analysis.plots import Curve, curves, points
    from gan_jax.analysis.projection import (
        Distance,
        Projection,
        layer_distance,
        noise_autocorrelation,
        pixel_distance,
        project,
        style_centres,
    )
    from gan_jax.analysis.spectra import top_singular_values
    from gan_jax.analysis.truncation import truncated_latents, truncated_styles
    from gan_jax.analysis.walks import latent_walk

__all__ = [
    "EMBEDDINGS",
    "Arithmetic",
    "Attribution",
    "Curve",
    "Directions",
    "Distance",
    "Nearest",
    "Projection",
    "RadialPower",
    "Spectrum",
    "TermGradients",
    "along",
    "around",
    "attribute_channels",
    "class_grid",
    "class_walk",
    "curves",
    "embed",
    "enlarged",
    "gradient_field",
    "guided_gradient",
    "has_kernel",
    "in_layers",
    "jacobian_eigenvalues",
    "latent_arithmetic",
    "latent_kernels",
    "latent_walk",
    "layer_distance",
    "layer_parts",
    "log_spectrum",
    "mixed_labels",
    "moving_params",
    "nearest",
    "noise_autocorrelation",
    "pixel_distance",
    "placed",
    "points",
    "project",
    "radial_power",
    "record",
    "require_av",
    "save_gif",
    "save_mp4",
    "sefa",
    "style_centres",
    "style_mixing",
    "term_gradients",
    "top_singular_values",
    "truncated_latents",
    "truncated_styles",
    "with_changes",
    "without_channels",
]

lazy.defer(__name__)
