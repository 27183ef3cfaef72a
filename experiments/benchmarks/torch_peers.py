"""The same games and samplers in PyTorch, and a worker that times them on request.

Every peer does the work of the method of the same name: as many parameters, discriminator
steps, passes and power iterations, in the settings in which PyTorch is fastest:
channels_last images, no graph where no gradient is needed, gradients set to None, fused
Adam. StyleGAN2's networks, with many small operations between convolutions, are compiled
too, for which PyTorch wants a C++ compiler.

The worker reads lines from standard input and answers each with one line:

    load NAME SEED   ->  two integers, the parameters of generator and discriminator
    run STEPS        ->  the seconds these steps took
    outputs PATH     ->  PATH, an npz file with StyleGAN2's networks and what they give

It imports nothing of gan_jax, so that it can run in an environment with PyTorch alone.
"""

from __future__ import annotations

import argparse
import copy
import itertools
import sys
import time
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

# A script of an environment without gan_jax: its neighbour, not a package's module.
from torch_nets import (
    BigGANDiscriminator,
    BigGANGenerator,
    Logit,
    SpectralConv,
    SpectralLinear,
    dcgan_discriminator,
    dcgan_generator,
    iterate,
    mlp,
    resnet_discriminator,
    resnet_generator,
)
from torch_stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from torch_training import Average, Game, adam, descend, freeze, images

# Games.


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def ring() -> Game:
    """Points in the plane, perceptrons, one step each."""
    batch = 256
    g = mlp(2, 2, nn.ReLU)
    d = Logit(mlp(2, 1, lambda: nn.LeakyReLU(0.2, True)))
    g_tx, d_tx = adam(g, 2e-4, 0.5, 0.999), adam(d, 2e-4, 0.5, 0.999)

    def step(data: Tensor) -> None:
        with torch.no_grad():
            fake = g(torch.randn(batch, 2))
        logits = d(torch.cat([data[0], fake]))
        descend(_cross_entropy(*logits.split(batch)), d_tx)
        freeze(d, True)
        descend(F.softplus(-d(g(torch.randn(batch, 2)))).mean(), g_tx)
        freeze(d, False)

    return Game(g, d, step, torch.randn(50, 1, batch, 2))


def dcgan() -> Game:
    """DCGAN at 32 x 32: real and fake pass apart, for the sake of batch norm."""
    batch = 64
    g, d = dcgan_generator(64), dcgan_discriminator(64)
    g_tx, d_tx = adam(g, 2e-4, 0.5, 0.999), adam(d, 2e-4, 0.5, 0.999)

    def latents() -> Tensor:
        return torch.rand(batch, 100) * 2 - 1

    def step(data: Tensor) -> None:
        with torch.no_grad():
            fake = g(latents())
        descend(_cross_entropy(d(data[0]), d(fake)), d_tx)
        freeze(d, True)
        descend(F.softplus(-d(g(latents()))).mean(), g_tx)
        freeze(d, False)

    return Game(g, d, step, images(4, 1, batch))


def sngan() -> Game:
    """SNGAN at 32 x 32: five discriminator steps, twice as many fakes for the generator."""
    batch = 64
    g = resnet_generator(256)
    d = resnet_discriminator(128, SpectralConv, SpectralLinear, None, torch.sum)
    g_tx, d_tx = adam(g, 2e-4, 0.0, 0.9), adam(d, 2e-4, 0.0, 0.9)

    def step(data: Tensor) -> None:
        for real in data:
            iterate(d)
            with torch.no_grad():
                fake = g(torch.randn(batch, 128))
            descend(_hinge(*d(torch.cat([real, fake])).split(batch)), d_tx)
        freeze(d, True)
        descend(-d(g(torch.randn(2 * batch, 128))).mean(), g_tx)
        freeze(d, False)

    return Game(g, d, step, images(2, 5, batch))


def wgan_gp() -> Game:
    """WGAN-GP at 32 x 32: five critic steps with a gradient penalty."""
    batch = 64
    g = resnet_generator(128)
    d = resnet_discriminator(
        128,
        lambda i, o, size: nn.Conv2d(i, o, size, padding=size // 2),
        nn.Linear,
        lambda features: nn.GroupNorm(1, features),  # over all axes, as layer norm
        torch.mean,
    )
    g_tx, d_tx = adam(g, 1e-4, 0.0, 0.9), adam(d, 1e-4, 0.0, 0.9)

    def penalty(real: Tensor, fake: Tensor) -> Tensor:
        weight = torch.rand(batch, 1, 1, 1)
        mixed = (weight * real + (1 - weight) * fake).requires_grad_(True)
        (slope,) = torch.autograd.grad(d(mixed).sum(), mixed, create_graph=True)
        return (slope.flatten(1).norm(dim=1) - 1).square().mean()

    def step(data: Tensor) -> None:
        for real in data:
            with torch.no_grad():
                fake = g(torch.randn(batch, 128))
            real_logits, fake_logits = d(torch.cat([real, fake])).split(batch)
            distance = fake_logits.mean() - real_logits.mean()
            descend(distance + 10.0 * penalty(real, fake), d_tx)
        freeze(d, True)
        descend(-d(g(torch.randn(batch, 128))).mean(), g_tx)
        freeze(d, False)

    return Game(g, d, step, images(2, 5, batch))


@torch.no_grad()
def _add_orthogonal(net: nn.Module, weight: float) -> None:
    """Adds the gradient of modified orthogonal regularisation of all kernels."""
    for layer in net.modules():
        if not isinstance(layer, nn.Conv2d | nn.Linear):
            continue
        matrix = layer.weight.flatten(1)
        gram = torch.mm(matrix, matrix.t()).fill_diagonal_(0.0)
        layer.weight.grad.flatten(1).addmm_(gram, matrix, alpha=4.0 * weight)


def _biggan(
    g: nn.Module,
    d: nn.Module,
    data: Tensor,
    *,
    latent: int,
    classes: int,
    g_rate: float,
    orthogonal: float,
) -> Game:
    """BigGAN: real and fake in one pass; the generator is averaged."""
    batch = data.shape[2]
    g_tx, d_tx = adam(g, g_rate, 0.0, 0.999), adam(d, 2e-4, 0.0, 0.999)
    average = Average(g)

    def step(data: Tensor) -> None:
        for real in data:
            iterate(d)
            y = torch.randint(classes, (batch,))
            with torch.no_grad():
                fake = g(torch.randn(batch, latent), y)
            logits = d(torch.cat([real, fake]), torch.cat([y, y]))
            descend(_hinge(*logits.split(batch)), d_tx)
        iterate(g)
        freeze(d, True)
        y = torch.randint(classes, (batch,))
        g_tx.zero_grad(set_to_none=True)
        (-d(g(torch.randn(batch, latent), y), y).mean()).backward()
        if orthogonal:
            _add_orthogonal(g, orthogonal)
        g_tx.step()
        freeze(d, False)
        average.move()

    return Game(g, d, step, data)


def _biggan_cifar_nets() -> tuple[nn.Module, nn.Module]:
    g = BigGANGenerator(128, (256,) * 4, 10, None)
    return g, BigGANDiscriminator((256,) * 4, (True, True, False, False), 10)


def _biggan_128_nets() -> tuple[nn.Module, nn.Module]:
    """A sixth of the published width; attention at 64 x 64."""
    features = (256, 256, 128, 64, 32, 16)
    down = (*(True,) * 5, False)
    g = BigGANGenerator(120, features, 1000, 128, attention=(3,))
    return g, BigGANDiscriminator((*features[:0:-1], 256), down, 1000, attention=(0,))


def biggan_cifar() -> Game:
    """BigGAN at 32 x 32: four discriminator steps."""
    nets, data = _biggan_cifar_nets(), images(1, 4, 50)
    return _biggan(*nets, data, latent=128, classes=10, g_rate=2e-4, orthogonal=0.0)


def biggan_128() -> Game:
    """BigGAN at 128 x 128: two discriminator steps, orthogonal regularisation."""
    nets, data = _biggan_128_nets(), images(2, 2, 8, 128)
    return _biggan(*nets, data, latent=120, classes=1000, g_rate=5e-5, orthogonal=1e-4)


def _stylegan2_nets() -> tuple[nn.Module, nn.Module]:
    """At most 256 channels."""
    return StyleGAN2Generator(256, 512), StyleGAN2Discriminator(256)


def stylegan2() -> Game:
    """StyleGAN2 at 32 x 32: R1 every 16 steps; the generator is averaged."""
    batch, every = 16, 16
    g, d = _stylegan2_nets()
    g_tx, d_tx = adam(g, 2.5e-3, 0.0, 0.99), adam(d, 2.5e-3, 0.0, 0.99)
    average, turns = Average(g), itertools.count()
    fast_g, fast_d = torch.compile(g), torch.compile(d)  # without second derivatives

    def penalty(real: Tensor) -> Tensor:
        real = real.detach().requires_grad_(True)
        (slope,) = torch.autograd.grad(d(real).sum(), real, create_graph=True)
        return slope.square().sum(dim=(1, 2, 3)).mean()

    def step(data: Tensor) -> None:
        real = data[0]
        with torch.no_grad():
            fake = fast_g(torch.randn(batch, 512))
        descend(_cross_entropy(fast_d(real), fast_d(fake)), d_tx)
        if next(turns) % every == 0:
            descend(0.005 * every * penalty(real), d_tx)
        freeze(d, True)
        fake = fast_g(torch.randn(batch, 512), moving=True)
        descend(F.softplus(-fast_d(fake)).mean(), g_tx)
        freeze(d, False)
        average.move()

    return Game(g, d, step, images(2, 1, batch))


def _sampler(nets: tuple[nn.Module, nn.Module], generate: Callable[[], Tensor]) -> Game:
    """Images from the generator in evaluation mode."""
    nets[0].eval()

    def step(data: Tensor) -> None:
        with torch.inference_mode():
            generate()

    return Game(*nets, step, torch.zeros(1))


def sample_sngan() -> Game:
    """Samples of SNGAN's generator."""
    g = resnet_generator(256)
    d = resnet_discriminator(128, SpectralConv, SpectralLinear, None, torch.sum)
    return _sampler((g, d), lambda: g(torch.randn(64, 128)))


def sample_biggan_128() -> Game:
    """Samples of BigGAN's generator at 128 x 128."""
    g, d = _biggan_128_nets()
    return _sampler((g, d), lambda: g(torch.randn(8, 120), torch.randint(1000, (8,))))


def sample_stylegan2() -> Game:
    """Samples of StyleGAN2's generator, with the noise that it keeps."""
    g, d = _stylegan2_nets()
    fast_g = torch.compile(g)
    return _sampler((g, d), lambda: fast_g(torch.randn(64, 512)))


GAMES = {
    "ring": ring,
    "dcgan": dcgan,
    "sngan": sngan,
    "wgan_gp": wgan_gp,
    "biggan_cifar": biggan_cifar,
    "biggan_128": biggan_128,
    "stylegan2": stylegan2,
    "sample_sngan": sample_sngan,
    "sample_biggan_128": sample_biggan_128,
    "sample_stylegan2": sample_stylegan2,
}


# The worker.


def load(name: str, seed: int) -> Game:
    """A game in PyTorch's fastest memory format."""
    torch.manual_seed(seed)
    game = GAMES[name]()
    for net in (game.generator, game.discriminator):
        net.to(memory_format=torch.channels_last)
    return game


def size(net: nn.Module) -> int:
    """Number of trained scalars."""
    return sum(parameter.numel() for parameter in net.parameters())


def outputs(game: Game, path: str) -> None:
    """Writes copies of StyleGAN2's networks, whose biases are moved away from zero, and
    what they make of random latents: images, their logits, and the slopes of these.
    """
    g, d = copy.deepcopy(game.generator).eval(), copy.deepcopy(game.discriminator)
    with torch.no_grad():
        for parameter in (*g.parameters(), *d.parameters()):
            if parameter.ndim < 2:
                parameter.add_(torch.randn(parameter.shape), alpha=0.1)
    latents = torch.randn(4, 512)
    fake = g(latents).detach().requires_grad_(True)
    logits = d(fake)
    (slopes,) = torch.autograd.grad(logits.sum(), fake)
    arrays = {"latents": latents, "images": fake, "logits": logits, "slopes": slopes}
    for name, net in {"generator": g, "discriminator": d}.items():
        arrays |= {f"{name}.{key}": leaf for key, leaf in net.state_dict().items()}
    np.savez(path, **{key: leaf.detach().numpy() for key, leaf in arrays.items()})


def serve(lines: Iterable[str]) -> None:
    """Answers requests until the input ends."""
    game = None
    for line in lines:
        match line.split():
            case ["load", name, seed]:
                game = load(name, int(seed))
                answer = f"{size(game.generator)} {size(game.discriminator)}"
            case ["run", steps]:
                begin = time.perf_counter()
                for i in range(int(steps)):
                    game.step(game.data[i % len(game.data)])
                answer = repr(time.perf_counter() - begin)
            case ["outputs", path]:
                outputs(game, path)
                answer = path
        print(answer, flush=True)


def main() -> None:
    """Prints PyTorch's version, then serves standard input."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, required=True)
    torch.set_num_threads(parser.parse_args().threads)
    torch.set_flush_denormal(True)
    print(torch.__version__, flush=True)
    serve(sys.stdin)


if __name__ == "__main__":
    main()
