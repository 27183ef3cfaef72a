"""Features in the plane: t-SNE (van der Maaten and Hinton 2008) and UMAP (1802.03426)."""

from __future__ import annotations

from typing import Any

import numpy as np

from gan_jax.errors import UserError

EMBEDDINGS = ("tsne", "umap")


def embed(
    features: np.ndarray, method: str = "tsne", *, seed: int = 0, neighbours: int = 30
) -> np.ndarray:
    """Points in the plane such that near features are near.

    Args:
        features: float (n, d); real and generated ones together, n > `neighbours`.
        method: "tsne" (scikit-learn) or "umap" (umap-learn).
        seed: of the method; the same points for the same arguments.
        neighbours: how many count as near: t-SNE's perplexity, UMAP's n_neighbors.

    Returns:
        float32 (n, 2), centred.

    Raises:
        ValueError: another method, or too few features.
        UserError: the library is missing.
    """
    if method not in EMBEDDINGS:
        raise ValueError(f"no embedding {method!r}; there are: {', '.join(EMBEDDINGS)}")
    if features.ndim != 2 or len(features) <= neighbours or neighbours < 2:
        raise ValueError(
            f"{method} with {neighbours} neighbours needs more than {max(neighbours, 2)} "
            f"rows of features (n, d), got {features.shape}"
        )
    reducer = _reducer(method, seed, neighbours)
    points = np.asarray(reducer.fit_transform(np.asarray(features, np.float32)))
    return (points - points.mean(axis=0)).astype(np.float32)


def _reducer(method: str, seed: int, neighbours: int) -> Any:
    try:
        if method == "umap":
            import umap

            return umap.UMAP(n_neighbors=neighbours, random_state=seed, n_jobs=1)
        from sklearn.manifold import TSNE

        return TSNE(perplexity=neighbours, init="pca", random_state=seed, n_jobs=1)
    except ImportError as error:
        raise UserError(
            f"{method} needs {error.name}: pip install 'gan-jax[analysis]'"
        ) from None
