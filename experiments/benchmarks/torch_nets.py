"""The networks of the games in PyTorch, as the papers describe them.

1 x 1 shortcuts act on the smaller side of a resampling.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F


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

    def __init__(self, inputs: int, outputs: int, size: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, size, padding=size // 2, bias=bias)
        _add_vectors(self)

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, _normalised(self), self.bias, padding=self.padding)


class SpectralLinear(nn.Linear):
    """The same for a dense layer."""

    def __init__(self, inputs: int, outputs: int, bias: bool = True) -> None:
        super().__init__(inputs, outputs, bias=bias)
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
        self,
        inputs: int,
        features: int,
        down: bool,
        conv: Callable,
        norm: Callable | None = None,
        wide: bool = False,
    ) -> None:
        super().__init__()
        self.first, self.down = inputs == 3, down
        hidden = features if self.first or wide else inputs
        self.conv_0 = conv(inputs, hidden, 3)
        self.conv_1 = conv(hidden, features, 3)
        used = norm if norm and not self.first else None
        self.norm_0 = used(inputs) if used else nn.Identity()
        self.norm_1 = used(inputs) if used else nn.Identity()
        same = not down and inputs == features
        self.shortcut = nn.Identity() if same else conv(inputs, features, 1)

    def forward(self, x: Tensor) -> Tensor:
        h = x if self.first else F.relu(self.norm_0(x))
        h = self.conv_1(F.relu(self.norm_1(self.conv_0(h))))
        if not self.down:
            return h + self.shortcut(x)
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


# BigGAN.


class SpectralEmbedding(nn.Embedding):
    """A lookup table divided by its largest singular value."""

    def __init__(self, classes: int, features: int) -> None:
        super().__init__(classes, features)
        _add_vectors(self)

    def forward(self, y: Tensor) -> Tensor:
        return F.embedding(y, _normalised(self))


class Modulated(nn.Module):
    """Batch norm with gains, centred on 1, and biases that are maps of what is given."""

    def __init__(self, features: int, gains: nn.Module, biases: nn.Module) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(features, affine=False)
        self.gains, self.biases = gains, biases

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        gain, bias = (1 + self.gains(y))[..., None, None], self.biases(y)[..., None, None]
        if self.training:
            return torch.addcmul(bias, self.norm(x), gain)
        gain = gain * torch.rsqrt(self.norm.running_var + self.norm.eps)[:, None, None]
        return torch.addcmul(bias - gain * self.norm.running_mean[:, None, None], x, gain)


class BigGANUpBlock(nn.Module):
    """Pre-activated residual block, modulated, that doubles the resolution."""

    def __init__(
        self, inputs: int, features: int, norm: Callable[[int], nn.Module]
    ) -> None:
        super().__init__()
        self.norm_0, self.norm_1 = norm(inputs), norm(features)
        self.conv_0 = SpectralConv(inputs, features, 3)
        self.conv_1 = SpectralConv(features, features, 3)
        self.shortcut = SpectralConv(inputs, features, 1)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = F.interpolate(F.relu(self.norm_0(x, y), inplace=True), scale_factor=2)
        h = F.relu(self.norm_1(self.conv_0(h), y), inplace=True)
        return self.conv_1(h) + F.interpolate(self.shortcut(x), scale_factor=2)


class Attention(nn.Module):
    """`x + gamma * output(attention)`; keys and values are maxima of 2 x 2 blocks."""

    def __init__(self, features: int) -> None:
        super().__init__()
        depth, width = features // 8, features // 2
        self.query = SpectralConv(features, depth, 1, bias=False)
        self.key = SpectralConv(features, depth, 1, bias=False)
        self.value = SpectralConv(features, width, 1, bias=False)
        self.output = SpectralConv(width, features, 1, bias=False)
        self.gamma = nn.Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        key, value = (F.max_pool2d(layer(x), 2) for layer in (self.key, self.value))
        query, key, value = (
            part.flatten(2).mT[:, None] for part in (self.query(x), key, value)
        )
        # The fused kernel wants one depth; zeros are several times faster than none.
        zeros = (0, value.shape[3] - key.shape[3])
        query, key = F.pad(query, zeros), F.pad(key, zeros)
        seen = F.scaled_dot_product_attention(query, key, value, scale=1.0)
        seen = seen[:, 0].mT.unflatten(2, x.shape[2:])
        return x + self.gamma * self.output(seen)


class BigGANGenerator(nn.Module):
    """Projection, blocks, attention, norm, ReLU, 3 x 3, tanh.

    `embedding` is the length of a class embedding that all norms share, beside a chunk of
    the latent for every block; without, the norms have gains and biases by class.
    """

    def __init__(
        self,
        latent: int,
        features: tuple[int, ...],
        classes: int,
        embedding: int | None,
        attention: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        blocks = len(features) - 1
        self.parts = 1 if embedding is None else blocks + 1
        chunk = latent // self.parts

        def norm(channels: int) -> nn.Module:
            if embedding is None:
                tables = (nn.Embedding(classes, channels) for _ in range(2))
                return Modulated(channels, *tables)
            maps = (
                SpectralLinear(embedding + chunk, channels, bias=False) for _ in range(2)
            )
            return Modulated(channels, *maps)

        self.embed = nn.Embedding(classes, embedding) if embedding else None
        self.project = SpectralLinear(chunk, 16 * features[0])
        self.blocks = nn.ModuleList(
            BigGANUpBlock(*features[i : i + 2], norm) for i in range(blocks)
        )
        self.attention = nn.ModuleDict(
            {str(i): Attention(features[i + 1]) for i in attention}
        )
        last = features[-1]
        self.image = nn.Sequential(
            nn.BatchNorm2d(last), nn.ReLU(True), SpectralConv(last, 3, 3), nn.Tanh()
        )

    def forward(self, z: Tensor, y: Tensor) -> Tensor:
        first, *rest = z.chunk(self.parts, dim=1)
        if self.embed is None:
            styles = [y] * len(self.blocks)
        else:
            shared = self.embed(y)
            styles = [torch.cat([shared, part], dim=1) for part in rest]
        h = self.project(first).reshape(z.shape[0], -1, 4, 4)
        h = h.contiguous(memory_format=torch.channels_last)
        for i, (block, style) in enumerate(zip(self.blocks, styles, strict=True)):
            h = block(h, style)
            if str(i) in self.attention:
                h = self.attention[str(i)](h)
        return self.image(h)


class BigGANDiscriminator(nn.Module):
    """Blocks, attention, ReLU, sum over space, linear logit and projection of the class."""

    def __init__(
        self,
        features: tuple[int, ...],
        down: tuple[bool, ...],
        classes: int,
        attention: tuple[int, ...] = (),
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for i, (inputs, outputs, halve) in enumerate(
            zip((3, *features[:-1]), features, down, strict=True)
        ):
            layers.append(DownBlock(inputs, outputs, halve, SpectralConv, wide=True))
            if i in attention:
                layers.append(Attention(outputs))
        self.body = nn.Sequential(*layers, Pool(torch.sum))
        self.logit = SpectralLinear(features[-1], 1)
        self.embed = SpectralEmbedding(classes, features[-1])

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        h = self.body(x)
        return self.logit(h).flatten() + (self.embed(y) * h).sum(dim=1)
