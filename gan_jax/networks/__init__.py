"""Networks: generators `(z, y=None, *, train)`, discriminators `(x, y=None, *, train)`."""

from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.networks.resnet import (
    DISCRIMINATOR_PLANS,
    GENERATOR_PLANS,
    DiscriminatorPlan,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
)

__all__ = [
    "DISCRIMINATOR_PLANS",
    "GENERATOR_PLANS",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DiscriminatorPlan",
    "GeneratorPlan",
    "MLPDiscriminator",
    "MLPGenerator",
    "ResNetDiscriminator",
    "ResNetGenerator",
]
