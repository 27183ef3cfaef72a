"""Networks: generators `(z, y=None, *, train)`, discriminators `(x, y=None, *, train)`."""

from gan_jax.networks.bottleneck import BottleneckDiscriminator, BottleneckGenerator
from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
from gan_jax.networks.heads import (
    Head,
    auxiliary,
    class_logits,
    featured,
    linear,
    projection,
    proxies,
    twin_auxiliary,
)
from gan_jax.networks.labels import (
    BY_CLASS,
    Join,
    Modulation,
    by_embedding,
    by_latent,
    concatenation,
    hidden_concatenation,
)
from gan_jax.networks.mlp import MLPDiscriminator, MLPGenerator
from gan_jax.networks.resnet import (
    DISCRIMINATOR_PLANS,
    GENERATOR_PLANS,
    DiscriminatorPlan,
    GeneratorPlan,
    ResNetDiscriminator,
    ResNetGenerator,
)
from gan_jax.networks.robustness import ARCHITECTURES, Architecture

__all__ = [
    "ARCHITECTURES",
    "BY_CLASS",
    "DISCRIMINATOR_PLANS",
    "GENERATOR_PLANS",
    "Architecture",
    "BottleneckDiscriminator",
    "BottleneckGenerator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DiscriminatorPlan",
    "GeneratorPlan",
    "Head",
    "Join",
    "MLPDiscriminator",
    "MLPGenerator",
    "Modulation",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "auxiliary",
    "by_embedding",
    "by_latent",
    "class_logits",
    "concatenation",
    "featured",
    "hidden_concatenation",
    "linear",
    "projection",
    "proxies",
    "twin_auxiliary",
]
