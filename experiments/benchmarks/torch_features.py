"""The peer of `features.py`: pytorch-fid's Inception, timed on request.

    python torch_features.py --threads N --folder DIR

It writes random weights to DIR/inception.npz and, of DIR/images.npy (uint8 NHWC), its
features to DIR/features.npy; then it answers "run FORMAT" with the seconds that the
features of all images took, FORMAT being "contiguous" or "channels_last".
"""

from __future__ import annotations

import argparse
import copy
import time
from pathlib import Path

import numpy as np
import pytorch_fid
import torch
from pytorch_fid import inception

BATCH = 32
FORMATS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


def random_weights(keys: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Weights that keep activations of the size that they have in a trained network."""
    draws = torch.Generator().manual_seed(0)
    weights = {}
    for key, old in keys.items():
        noise = torch.randn(old.shape, generator=draws)
        if key.endswith("num_batches_tracked"):
            weights[key] = old
        elif key.endswith("running_var"):
            weights[key] = torch.exp(0.2 * noise)
        elif key.endswith("weight") and old.ndim > 1:
            weights[key] = noise * (2.0 / old[0].numel()) ** 0.5
        else:
            weights[key] = 0.1 * noise + float(key.endswith("bn.weight"))
    return weights


def network() -> torch.nn.Module:
    """pytorch-fid's network, without the download of its weights."""
    plain = inception._inception_v3(num_classes=1008, aux_logits=False, weights=None)
    kind, load = type(plain), type(plain).load_state_dict
    inception.load_state_dict_from_url = lambda *args, **kwargs: {}
    kind.load_state_dict = lambda self, weights: None
    net = inception.fid_inception_v3().eval()
    kind.load_state_dict = load
    return net


def wrapped(whole: torch.nn.Module) -> torch.nn.Module:
    """What pytorch-fid takes features with: a copy of the network up to its pooling."""
    inception.fid_inception_v3 = lambda: copy.deepcopy(whole)
    return inception.InceptionV3([3]).eval()


def features(
    net: torch.nn.Module, images: np.ndarray, layout: torch.memory_format
) -> np.ndarray:
    """As pytorch-fid: [0, 1], resized and scaled within the network."""
    found = []
    for start in range(0, len(images), BATCH):
        x = torch.from_numpy(images[start : start + BATCH]).permute(0, 3, 1, 2)
        x = (x.float() / 255.0).contiguous(memory_format=layout)
        found.append(net(x)[0][:, :, 0, 0].numpy())
    return np.concatenate(found)


@torch.inference_mode()
def main() -> None:
    """Answers lines of the standard input until it ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.set_flush_denormal(True)
    images = np.load(options.folder / "images.npy")
    whole = network()
    weights = random_weights(whole.state_dict())
    whole.load_state_dict(weights)
    arrays = {key: value.numpy() for key, value in weights.items()}
    np.savez(options.folder / "inception.npz", **arrays)
    nets = {name: wrapped(whole).to(memory_format=FORMATS[name]) for name in FORMATS}
    found = features(nets["contiguous"], images, FORMATS["contiguous"])
    np.save(options.folder / "features.npy", found)
    print(f"torch {torch.__version__}, pytorch-fid {pytorch_fid.__version__}", flush=True)
    while line := input_line():
        name = line.removeprefix("run ")
        begin = time.perf_counter()
        features(nets[name], images, FORMATS[name])
        print(time.perf_counter() - begin, flush=True)


def input_line() -> str:
    """The next request; empty at the end."""
    try:
        return input()
    except EOFError:
        return ""


if __name__ == "__main__":
    main()
