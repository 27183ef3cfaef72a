"""The same games in PyTorch, and a worker that times them on request.

Every peer does the work of the method of the same name: as many parameters, discriminator
steps, passes and power iterations, in the settings in which PyTorch is fastest:
channels_last images, no graph where no gradient is needed, gradients set to None, fused
Adam. 1 x 1 shortcuts act on the smaller side of a resampling.

The worker reads lines from standard input and answers each with one line:

    load NAME SEED   ->  two integers, the parameters of generator and discriminator
    run STEPS        ->  the seconds these steps took

It imports nothing of gan_jax, so that it can run in an environment with PyTorch alone.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Game(NamedTuple):
    """A game to be played.

    Attributes:
        generator: latents to examples.
        discriminator: examples to logits (batch,).
        step: one step on data (rounds, batch, ...).
        data: (steps, rounds, batch, ...), the data of so many steps.
    """

    generator: nn.Module
    discriminator: nn.Module
    step: Callable[[Tensor], None]
    data: Tensor


# Networks.


def mlp(inputs: int, outputs: int, activation: Callable[[], nn.Module]) -> nn.Sequential:
    """Two hidden layers of 128."""
    return nn.Sequential(
        nn.Linear(inputs, 128),
        activation(),
        nn.Linear(128, 128),
        activation(),
        nn.Linear(128, outputs),
    )


class Logit(nn.Module):
    """A network whose outputs (batch, 1) are logits (batch,)."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        return self.net(x).flatten()


class Project(nn.Module):
    """A latent to images of 4 x 4."""

    def __init__(self, latent: int, features: int, bias: bool) -> None:
        super().__init__()
        self.dense = nn.Linear(latent, 16 * features, bias=bias)

    def forward(self, z: Tensor) -> Tensor:
        images = self.dense(z).reshape(z.shape[0], -1, 4, 4)
        return images.contiguous(memory_format=torch.channels_last)


def dcgan_generator(width: int) -> nn.Sequential:
    """4 x 4 to 32 x 32 by transposed 4 x 4 convolutions."""

    def up(inputs: int, outputs: int, bias: bool = False) -> nn.Module:
        return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=bias)

    w = width
    return nn.Sequential(
        Project(100, 4 * w, bias=False), nn.BatchNorm2d(4 * w), nn.ReLU(True),
        up(4 * w, 2 * w), nn.BatchNorm2d(2 * w), nn.ReLU(True),
        up(2 * w, w), nn.BatchNorm2d(w), nn.ReLU(True),
        up(w, 3, bias=True), nn.Tanh(),
    )  # fmt: skip


def dcgan_discriminator(width: int) -> nn.Module:
    """32 x 32 to 4 x 4 by 4 x 4 convolutions of stride 2."""

    def down(inputs: int, outputs: int, bias: bool = False) -> nn.Module:
        return nn.Conv2d(inputs, outputs, 4, 2, 1, bias=bias)

    w = width
    return Logit(
        nn.Sequential(
            down(3, w, bias=True), nn.LeakyReLU(0.2, True),
            down(w, 2 * w), nn.BatchNorm2d(2 * w), nn.LeakyReLU(0.2, True),
            down(2 * w, 4 * w), nn.BatchNorm2d(4 * w), nn.LeakyReLU(0.2, True),
            nn.Flatten(), nn.Linear(64 * w, 1),
        )
    )  # fmt: skip


class UpBlock(nn.Module):
    """Pre-activated residual block that doubles the resolution."""

    def __init__(self, features: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.BatchNorm2d(features) for _ in range(2))
        self.convs = nn.ModuleList(
            nn.Conv2d(features, features, 3, padding=1, bias=False) for _ in range(2)
        )
        self.shortcut = nn.Conv2d(features, features, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.norms[0](x), inplace=True), scale_factor=2)
        h = F.relu(self.norms[1](self.convs[0](h)), inplace=True)
        return self.convs[1](h) + F.interpolate(self.shortcut(x), scale_factor=2)


def resnet_generator(width: int) -> nn.Sequential:
    """4 x 4 to 32 x 32 by three blocks."""
    return nn.Sequential(
        Project(128, width, bias=True),
        *(UpBlock(width) for _ in range(3)),
        nn.BatchNorm2d(width), nn.ReLU(True), nn.Conv2d(width, 3, 3, padding=1), nn.Tanh(),
    )  # fmt: skip


class SpectralConv(nn.Conv2d):
    """A convolution divided by its largest singular value, which `iterate` improves."""

    def __init__(self, inputs: int, outputs: int, size: int) -> None:
        super().__init__(inputs, outputs, size, padding=size // 2)
        _add_vectors(self)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, _normalised(self), self.bias, padding=self.padding)


class SpectralLinear(nn.Linear):
    """The same for a dense layer."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs)
        _add_vectors(self)

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, _normalised(self), self.bias)


def _add_vectors(layer: nn.Module) -> None:
    rows, columns = layer.weight.flatten(1).shape
    layer.register_buffer("u", F.normalize(torch.randn(rows), dim=0))
    layer.register_buffer("v", F.normalize(torch.randn(columns), dim=0))


def _normalised(layer: nn.Module) -> Tensor:
    sigma = torch.dot(layer.u, torch.mv(layer.weight.flatten(1), layer.v))
    return layer.weight / sigma


@torch.no_grad()
def iterate(net: nn.Module) -> None:
    """One power iteration of every spectrally normalised layer."""
    for layer in net.modules():
        if hasattr(layer, "u"):
            matrix = layer.weight.flatten(1)
            layer.v = F.normalize(torch.mv(matrix.t(), layer.u), dim=0, eps=1e-12)
            layer.u = F.normalize(torch.mv(matrix, layer.v), dim=0, eps=1e-12)


class DownBlock(nn.Module):
    """Residual block; the first is not pre-activated."""

    def __init__(
        self, inputs: int, features: int, down: bool, conv: Callable, norm: Callable | None
    ) -> None:
        super().__init__()
        self.first, self.down = inputs == 3, down
        self.conv_0 = conv(inputs, features if self.first else inputs, 3)
        self.conv_1 = conv(features if self.first else inputs, features, 3)
        used = norm if norm and not self.first else None
        self.norm_0 = used(inputs) if used else nn.Identity()
        self.norm_1 = used(inputs) if used else nn.Identity()
        self.shortcut = conv(inputs, features, 1) if down else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.first else F.relu(self.norm_0(x))
        h = self.conv_1(F.relu(self.norm_1(self.conv_0(h))))
        if not self.down:
            return h + x
        return F.avg_pool2d(h, 2) + self.shortcut(F.avg_pool2d(x, 2))


class Pool(nn.Module):
    """ReLU, then the sum or the mean over space."""

    def __init__(self, reduce: Callable[..., Tensor]) -> None:
        super().__init__()
        self.reduce = reduce

    def forward(self, x: Tensor) -> Tensor:
        return self.reduce(F.relu(x), dim=(2, 3))


def resnet_discriminator(
    width: int, conv: Callable, linear: Callable, norm: Callable | None, pool: Callable
) -> nn.Module:
    """Four residual blocks, of which the first two halve the resolution."""
    blocks = [DownBlock(3 if i == 0 else width, width, i < 2, conv, norm) for i in range(4)]
    return Logit(nn.Sequential(*blocks, Pool(pool), linear(width, 1)))


# Games.


def _adam(net: nn.Module, rate: float, b1: float, b2: float) -> torch.optim.Adam:
    return torch.optim.Adam(net.parameters(), rate, (b1, b2), fused=True)


def _descend(loss: Tensor, tx: torch.optim.Optimizer) -> None:
    tx.zero_grad(set_to_none=True)
    loss.backward()
    tx.step()


def _freeze(net: nn.Module, frozen: bool) -> None:
    for parameter in net.parameters():
        parameter.requires_grad_(not frozen)


def _images(steps: int, rounds: int, batch: int) -> Tensor:
    """Random images in [-1, 1], each round's in channels_last."""
    data = torch.rand(steps * rounds, batch, 32, 32, 3) * 2 - 1
    return data.permute(0, 1, 4, 2, 3).unflatten(0, (steps, rounds))


def _cross_entropy(real: Tensor, fake: Tensor) -> Tensor:
    return F.softplus(-real).mean() + F.softplus(fake).mean()


def _hinge(real: Tensor, fake: Tensor) -> Tensor:
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def ring() -> Game:
    """Points in the plane, perceptrons, one step each."""
    batch = 256
    g = mlp(2, 2, nn.ReLU)
    d = Logit(mlp(2, 1, lambda: nn.LeakyReLU(0.2, True)))
    g_tx, d_tx = _adam(g, 2e-4, 0.5, 0.999), _adam(d, 2e-4, 0.5, 0.999)

    def step(data: Tensor) -> None:
        with torch.no_grad():
            fake = g(torch.randn(batch, 2))
        logits = d(torch.cat([data[0], fake]))
        _descend(_cross_entropy(*logits.split(batch)), d_tx)
        _freeze(d, True)
        _descend(F.softplus(-d(g(torch.randn(batch, 2)))).mean(), g_tx)
        _freeze(d, False)

    return Game(g, d, step, torch.randn(50, 1, batch, 2))


def dcgan() -> Game:
    """DCGAN at 32 x 32: real and fake pass apart, for the sake of batch norm."""
    batch = 64
    g, d = dcgan_generator(64), dcgan_discriminator(64)
    g_tx, d_tx = _adam(g, 2e-4, 0.5, 0.999), _adam(d, 2e-4, 0.5, 0.999)

    def latents() -> Tensor:
        return torch.rand(batch, 100) * 2 - 1

    def step(data: Tensor) -> None:
        with torch.no_grad():
            fake = g(latents())
        _descend(_cross_entropy(d(data[0]), d(fake)), d_tx)
        _freeze(d, True)
        _descend(F.softplus(-d(g(latents()))).mean(), g_tx)
        _freeze(d, False)

    return Game(g, d, step, _images(4, 1, batch))


def sngan() -> Game:
    """SNGAN at 32 x 32: five discriminator steps, twice as many fakes for the generator."""
    batch = 64
    g = resnet_generator(256)
    d = resnet_discriminator(128, SpectralConv, SpectralLinear, None, torch.sum)
    g_tx, d_tx = _adam(g, 2e-4, 0.0, 0.9), _adam(d, 2e-4, 0.0, 0.9)

    def step(data: Tensor) -> None:
        for real in data:
            iterate(d)
            with torch.no_grad():
                fake = g(torch.randn(batch, 128))
            _descend(_hinge(*d(torch.cat([real, fake])).split(batch)), d_tx)
        _freeze(d, True)
        _descend(-d(g(torch.randn(2 * batch, 128))).mean(), g_tx)
        _freeze(d, False)

    return Game(g, d, step, _images(2, 5, batch))


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
    g_tx, d_tx = _adam(g, 1e-4, 0.0, 0.9), _adam(d, 1e-4, 0.0, 0.9)

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
            _descend(distance + 10.0 * penalty(real, fake), d_tx)
        _freeze(d, True)
        _descend(-d(g(torch.randn(batch, 128))).mean(), g_tx)
        _freeze(d, False)

    return Game(g, d, step, _images(2, 5, batch))


GAMES = {"ring": ring, "dcgan": dcgan, "sngan": sngan, "wgan_gp": wgan_gp}


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
