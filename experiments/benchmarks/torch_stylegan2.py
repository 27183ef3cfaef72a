"""StyleGAN2's networks in PyTorch (1912.04958; 2006.06676 on CIFAR-10), written for speed
on CPU, with the keys of the authors' code.

A modulated convolution scales its inputs and outputs, which is one convolution of the
batch. Gains of activations are factors of kernels and biases, so that they cost nothing.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

_GAIN = math.sqrt(2.0)


class Dense(nn.Module):
    """A dense layer with equalised learning rate; active ones end in a leaky ReLU."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        active: bool = False,
        lr_mult: float = 1.0,
        start: float = 0.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / lr_mult)
        self.bias = nn.Parameter(torch.full((outputs,), start))
        self.active, gain = active, _GAIN if active else 1.0
        self.weight_gain, self.bias_gain = (
            gain * lr_mult / math.sqrt(inputs),
            gain * lr_mult,
        )

    def forward(self, x: Tensor) -> Tensor:
        y = F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)
        return _leaky(y) if self.active else y


class Conv(nn.Module):
    """A convolution with equalised learning rate and leaky ReLU, which may halve."""

    def __init__(self, inputs: int, outputs: int, size: int, down: bool = False) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, size, size))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.gain, self.down = _GAIN / math.sqrt(inputs * size**2), down

    def forward(self, x: Tensor) -> Tensor:
        weight, bias = self.weight * self.gain, self.bias * _GAIN
        if self.down:
            return _leaky(F.conv2d(_smoothed(x, 2), weight, bias, stride=2))
        return _leaky(F.conv2d(x, weight, bias, padding=weight.shape[-1] // 2))


class StyledConv(nn.Module):
    """A modulated 3 x 3 convolution, noise, bias and leaky ReLU, which may double."""

    def __init__(self, inputs: int, outputs: int, latent: int, side: int, up: bool) -> None:
        super().__init__()
        self.affine = Dense(latent, inputs, start=1.0)
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.register_buffer("noise_const", torch.randn(side, side))
        self.up = up

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w)
        norms = styles.square() @ self.weight.square().sum(dim=(2, 3)).t()
        factors = torch.rsqrt(norms + 1e-8) * _GAIN
        x = x * styles[:, :, None, None]
        if self.up:
            kernel = self.weight.transpose(0, 1) * 4.0
            y = _smoothed(F.conv_transpose2d(x, kernel, stride=2), 1)
        else:
            y = F.conv2d(x, self.weight, padding=1)
        added = self._noise(len(x)) * (self.noise_strength * _GAIN)
        added = added + (self.bias * _GAIN)[:, None, None]
        return _leaky(torch.addcmul(added, y, factors[:, :, None, None]))

    def _noise(self, batch: int) -> Tensor:
        """Drawn for each image in training, else what the network keeps."""
        if not self.training:
            return self.noise_const
        return torch.randn(batch, 1, *self.noise_const.shape)


class ToRGB(nn.Module):
    """A modulated 1 x 1 convolution to an image."""

    def __init__(self, inputs: int, latent: int) -> None:
        super().__init__()
        self.affine = Dense(latent, inputs, start=1.0)
        self.weight = nn.Parameter(torch.randn(3, inputs, 1, 1))
        self.bias = nn.Parameter(torch.zeros(3))
        self.gain = 1.0 / math.sqrt(inputs)

    def forward(self, x: Tensor, w: Tensor) -> Tensor:
        styles = self.affine(w) * self.gain
        return F.conv2d(x * styles[:, :, None, None], self.weight, self.bias)


class SynthesisBlock(nn.Module):
    """Layers of one resolution, the first of which begins with a constant."""

    def __init__(self, inputs: int, width: int, latent: int, side: int) -> None:
        super().__init__()
        self.first = inputs == 0
        if self.first:
            self.const = nn.Parameter(torch.randn(width, side, side))
        else:
            self.conv0 = StyledConv(inputs, width, latent, side, up=True)
        self.conv1 = StyledConv(width, width, latent, side, up=False)
        self.torgb = ToRGB(width, latent)

    def forward(self, x: Tensor | None, image: Tensor | None, w: Tensor) -> tuple:
        if self.first:
            x = self.const[None].expand(len(w), -1, -1, -1)
            x = x.contiguous(memory_format=torch.channels_last)
        else:
            x = self.conv0(x, w)
        x = self.conv1(x, w)
        own = self.torgb(x, w)
        return x, own if image is None else _doubled(image) + own


class Synthesis(nn.Module):
    """Styles to images of 32 x 32: the sum of images of all resolutions."""

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        for side in (4, 8, 16, 32):
            inputs = 0 if side == 4 else width
            self.add_module(f"b{side}", SynthesisBlock(inputs, width, latent, side))

    def forward(self, w: Tensor) -> Tensor:
        x = image = None
        for block in self.children():
            x, image = block(x, image, w)
        return image


class Mapping(nn.Module):
    """Normalised latents to w, by two layers."""

    def __init__(self, latent: int) -> None:
        super().__init__()
        self.fc0, self.fc1 = (
            Dense(latent, latent, active=True, lr_mult=0.01) for _ in range(2)
        )
        self.register_buffer("w_avg", torch.zeros(latent))

    def forward(self, z: Tensor) -> Tensor:
        z = z * torch.rsqrt(z.square().mean(dim=1, keepdim=True) + 1e-8)
        return self.fc1(self.fc0(z))


class StyleGAN2Generator(nn.Module):
    """Latents to images of 32 x 32; a call in training that asks for it moves the running
    mean of w.
    """

    def __init__(self, width: int, latent: int) -> None:
        super().__init__()
        self.mapping, self.synthesis = Mapping(latent), Synthesis(width, latent)

    def forward(self, z: Tensor, moving: bool = False) -> Tensor:
        w = self.mapping(z)
        if moving:
            self.mapping.w_avg.lerp_(w.detach().mean(dim=0), 0.005)
        return self.synthesis(w)


class DiscriminatorBlock(nn.Module):
    """Two convolutions, of which the second halves; the first block begins with images."""

    def __init__(self, width: int, coloured: bool) -> None:
        super().__init__()
        self.fromrgb = Conv(3, width, 1) if coloured else None
        self.conv0, self.conv1 = Conv(width, width, 3), Conv(width, width, 3, down=True)

    def forward(self, x: Tensor) -> Tensor:
        x = x if self.fromrgb is None else self.fromrgb(x)
        return self.conv1(self.conv0(x))


class DiscriminatorEnd(nn.Module):
    """The deviation over groups of the batch, a convolution and two dense layers."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv = Conv(width + 1, width, 3)
        self.fc, self.out = Dense(16 * width, width, active=True), Dense(width, 1)

    def forward(self, x: Tensor, groups: int) -> Tensor:
        parts = x.unflatten(0, (-1, groups))
        deviation = (parts.var(dim=0, correction=0) + 1e-8).sqrt().mean(dim=(1, 2, 3))
        channel = deviation.repeat(len(x) // groups)[:, None, None, None]
        x = torch.cat([x, channel.expand(-1, 1, *x.shape[2:])], dim=1)
        return self.out(self.fc(self.conv(x).flatten(1))).flatten()


class StyleGAN2Discriminator(nn.Module):
    """Images of 32 x 32 to logits, "orig". Every `groups`-th image makes a group, whose
    deviation all its images see.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.b32 = DiscriminatorBlock(width, coloured=True)
        self.b16, self.b8 = (DiscriminatorBlock(width, coloured=False) for _ in range(2))
        self.b4 = DiscriminatorEnd(width)

    def forward(self, x: Tensor, groups: int = 1) -> Tensor:
        return self.b4(self.b8(self.b16(self.b32(x))), groups)


def _leaky(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2)


def _filter(x: Tensor) -> Tensor:
    """(1, 3, 3, 1) in the plane, for every channel, with sum 1."""
    taps = torch.tensor([0.125, 0.375, 0.375, 0.125])
    return torch.outer(taps, taps).expand(x.shape[1], 1, 4, 4)


def _smoothed(x: Tensor, padding: int) -> Tensor:
    """Images, padded, after the low-pass filter."""
    return F.conv2d(x, _filter(x), padding=padding, groups=x.shape[1])


def _doubled(x: Tensor) -> Tensor:
    """Images at twice the resolution, by the low-pass filter."""
    kernel = _filter(x) * 4.0
    return F.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])
