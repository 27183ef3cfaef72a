"""Networks: generators `(z, y=None, *, train)`, discriminators `(x, y=None, *, train)`."""

from typing import TYPE_CHECKING

from gan_jax import lazy

if TYPE_CHECKING:
    from gan_jax.networks.bigbigan import (
        BigBiGANDiscriminator,
        BigBiGANEncoder,
        ResidualMLP,
        bn_crelu,
    )
    from gan_jax.networks.biggan import (
        BIGGAN_PLANS,
        BigGANDiscriminator,
        BigGANGenerator,
        BigGANPlan,
        biggan_plan,
    )
    from gan_jax.networks.biggan_deep import (
        BIGGAN_DEEP_PLANS,
        BigGANDeepDiscriminator,
        BigGANDeepGenerator,
        BigGANDeepPlan,
        biggan_deep_plan,
    )
    from gan_jax.networks.bottleneck import BottleneckDiscriminator, BottleneckGenerator
    from gan_jax.networks.coupled import CoupledDiscriminator, CoupledGenerator
    from gan_jax.networks.dcgan import DCGANDiscriminator, DCGANGenerator
    from gan_jax.networks.encoders import Encoder, Flatten, JointDiscriminator
    from gan_jax.networks.heads import (
        Head,
        auxiliary,
        class_logits,
        codes,
        featured,
        flat,
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
    from gan_jax.networks.progan import (
        ProGANDiscriminator,
        ProGANGenerator,
        ProGANPlan,
        progan_plan,
    )
    from gan_jax.networks.r3gan import (
        R3GAN_PLANS,
        R3GANDiscriminator,
        R3GANGenerator,
        R3GANPlan,
        class_product,
        r3gan_plan,
    )
    from gan_jax.networks.resnet import (
        DISCRIMINATOR_PLANS,
        GENERATOR_PLANS,
        DiscriminatorPlan,
        GeneratorPlan,
        ResNetDiscriminator,
        ResNetGenerator,
        tapered_discriminator,
        tapered_generator,
    )
    from gan_jax.networks.resnet_v2 import ResNetV2
    from gan_jax.networks.revnet import RevNet
    from gan_jax.networks.robustness import ARCHITECTURES, Architecture
    from gan_jax.networks.srresnet import SRGANDiscriminator, SRResNet
    from gan_jax.networks.stargan import StarGANDiscriminator, StarGANGenerator
    from gan_jax.networks.stylegan import (
        StyleGANDiscriminator,
        StyleGANGenerator,
        StyleGANSynthesis,
    )
    from gan_jax.networks.stylegan2 import SynthesisNetwork
    from gan_jax.networks.stylegan2_discriminator import StyleGAN2Discriminator
    from gan_jax.networks.stylegan2_mapping import (
        MappingNetwork,
        StyledGenerator,
        truncated,
    )
    from gan_jax.networks.text import RecurrentGenerator, TextDiscriminator, gru, lstm
    from gan_jax.networks.translation import (
        PatchDiscriminator,
        PixelDiscriminator,
        ResNetTranslator,
        UNetGenerator,
    )

__all__ = [
    "ARCHITECTURES",
    "BIGGAN_DEEP_PLANS",
    "BIGGAN_PLANS",
    "BY_CLASS",
    "DISCRIMINATOR_PLANS",
    "GENERATOR_PLANS",
    "R3GAN_PLANS",
    "Architecture",
    "BigBiGANDiscriminator",
    "BigBiGANEncoder",
    "BigGANDeepDiscriminator",
    "BigGANDeepGenerator",
    "BigGANDeepPlan",
    "BigGANDiscriminator",
    "BigGANGenerator",
    "BigGANPlan",
    "BottleneckDiscriminator",
    "BottleneckGenerator",
    "CoupledDiscriminator",
    "CoupledGenerator",
    "DCGANDiscriminator",
    "DCGANGenerator",
    "DiscriminatorPlan",
    "Encoder",
    "Flatten",
    "GeneratorPlan",
    "Head",
    "Join",
    "JointDiscriminator",
    "MLPDiscriminator",
    "MLPGenerator",
    "MappingNetwork",
    "Modulation",
    "PatchDiscriminator",
    "PixelDiscriminator",
    "ProGANDiscriminator",
    "ProGANGenerator",
    "ProGANPlan",
    "R3GANDiscriminator",
    "R3GANGenerator",
    "R3GANPlan",
    "RecurrentGenerator",
    "ResNetDiscriminator",
    "ResNetGenerator",
    "ResNetTranslator",
    "ResNetV2",
    "ResidualMLP",
    "RevNet",
    "SRGANDiscriminator",
    "SRResNet",
    "StarGANDiscriminator",
    "StarGANGenerator",
    "StyleGAN2Discriminator",
    "StyleGANDiscriminator",
    "StyleGANGenerator",
    "StyleGANSynthesis",
    "StyledGenerator",
    "SynthesisNetwork",
    "TextDiscriminator",
    "UNetGenerator",
    "auxiliary",
    "biggan_deep_plan",
    "biggan_plan",
    "bn_crelu",
    "by_embedding",
    "by_latent",
    "class_logits",
    "class_product",
    "codes",
    "concatenation",
    "featured",
    "flat",
    "gru",
    "hidden_concatenation",
    "linear",
    "lstm",
    "progan_plan",
    "projection",
    "proxies",
    "r3gan_plan",
    "tapered_discriminator",
    "tapered_generator",
    "truncated",
    "twin_auxiliary",
]

lazy.defer(__name__)
