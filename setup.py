"""Installation: `pip install .`, `pip install -e '.[test]'`."""

from pathlib import Path

from setuptools import find_packages, setup

ROOT = Path(__file__).parent


def requirements() -> list[str]:
    """The packages of requirements.txt, without its comments."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    return [line for line in (raw.split("#")[0].strip() for raw in lines) if line]


ANALYSIS = ["scikit-learn>=1.9", "scipy>=1.15"]
EXPLORE = ["nicegui>=3.18"]
VIDEO = ["av>=18.1"]
EXTRAS = {
    "test": [
        "hypothesis>=6.150",
        "pytest>=9.0",
        "pytest-xdist>=3.8",
        "selenium>=4.51",
        *ANALYSIS,
        *EXPLORE,
        *VIDEO,
    ],
    "dev": ["ruff>=0.17", "mypy>=2.4", "pre-commit>=4"],
    "experiments": ["matplotlib>=3.10", "scipy>=1.15"],
    "analysis": ANALYSIS,
    "umap": ["umap-learn>=0.5.12"],
    "explore": EXPLORE,
    # To write MP4 files.
    "video": VIDEO,
    # To check measures against other implementations.
    "peers": ["clean-fid", "prdc", "pytorch-fid", "torch-fidelity", "torch>=2.6"],
    "gpu": ["jax[cuda12]>=0.10.2"],
    "tpu": ["jax[tpu]>=0.10.2"],
    # Enough to compile for GPUs where there are none; not for running on them.
    "cuda-plan": ["jax-cuda12-plugin>=0.10.2", "jax-cuda12-pjrt>=0.10.2"],
    "wandb": ["wandb>=0.18"],
    # To read .pth files; before 2.6 one could run code that it held.
    "weights": ["torch>=2.6"],
}

setup(
    name="gan-jax",
    version="0.1.0",
    description="A functional GAN laboratory for JAX and Flax",
    long_description=(ROOT / "README.md").read_text(),
    long_description_content_type="text/markdown",
    license="Apache-2.0",
    license_files=["LICENSE", "NOTICE"],
    python_requires=">=3.11",
    packages=find_packages(include=["gan_jax", "gan_jax.*"]),
    package_data={
        "gan_jax": [
            "data/builtin/*.npz",
            "data/builtin/*.txt",
            "metrics/weights/*.npz",
            "plan/targets/*.txtpb",
            "py.typed",
        ]
    },
    install_requires=requirements(),
    extras_require=EXTRAS,
    entry_points={"console_scripts": ["gan-jax=gan_jax.cli:entry"]},
)
