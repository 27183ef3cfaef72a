"""What simple classifiers read out of features: linear, nearest neighbours, L2-SVM.

Each is fitted to features and labels of a training set, its one hyper-parameter is chosen
on a part of that set which was held back, and it is fitted again to the whole; the accuracy
is that on a test set which nothing was chosen by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from gan_jax.errors import UserError
from gan_jax.metrics import checks
from gan_jax.metrics.neighbours import nearest_neighbours

LINEAR_STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)
SVM_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
NEIGHBOURS = (1, 5, 10, 20)

_PASSES = 1000
_MANY = 10


class Probe(NamedTuple):
    """What a classifier read out of features.

    Attributes:
        accuracy: share of the test set that is classified rightly.
        chosen: the hyper-parameter: C, the inverse strength of the regularisation beside
            sums over examples, or the number of neighbours.
        validation_accuracy: with it, on the part of the training set held back.
        predictions: labels given to the test set, int (m,).
    """

    accuracy: float
    chosen: float
    validation_accuracy: float
    predictions: np.ndarray


class _Data(NamedTuple):
    features: np.ndarray
    labels: np.ndarray


Fit = Callable[[float, _Data], Callable[[np.ndarray], np.ndarray]]
"""`(hyper-parameter, data) -> (features -> labels)`."""


def linear_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    *,
    strengths: Sequence[float] = LINEAR_STRENGTHS,
    validation: float = 0.2,
    seed: int = 0,
) -> Probe:
    """Multinomial logistic regression with an L2 penalty, on standardised features.

    Args:
        train_features: float (n, d).
        train_labels: int (n,).
        test_features: float (m, d).
        test_labels: int (m,).
        strengths: candidates for scikit-learn's C; of equally good ones the first is taken.
        validation: share of each class held back to choose C.
        seed: of what is held back.

    Returns:
        The probe.

    Raises:
        ValueError: unlike shapes, values that are not finite, or a single class.
        UserError: scikit-learn is not installed.
    """
    fitted = _scikit_learn("a linear probe")
    from sklearn.linear_model import LogisticRegression

    def fit(strength: float, data: _Data) -> Callable[[np.ndarray], np.ndarray]:
        return fitted(LogisticRegression(C=strength, max_iter=_PASSES), data)

    train, test = _data(train_features, train_labels, test_features, test_labels)
    return _probe(fit, strengths, train, test, validation, seed)


def svm_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    *,
    strengths: Sequence[float] = SVM_STRENGTHS,
    validation: float = 0.2,
    seed: int = 0,
) -> Probe:
    """Linear L2-SVM: squared hinge losses of one class against the rest and an L2 penalty,
    on standardised features, as DCGAN measures its discriminator's (1511.06434, section 5).

    scikit-learn warns of candidates whose problem is not solved after 1000 passes, as is
    usual of a large C for classes that a plane separates.

    Args:
        train_features: float (n, d).
        train_labels: int (n,).
        test_features: float (m, d).
        test_labels: int (m,).
        strengths: candidates for C; of equally good ones the first is taken.
        validation: share of each class held back to choose C.
        seed: of what is held back, and of the solver.

    Returns:
        The probe.

    Raises:
        ValueError: unlike shapes, values that are not finite, or a single class.
        UserError: scikit-learn is not installed.
    """
    fitted = _scikit_learn("an L2-SVM")
    from sklearn.svm import LinearSVC

    def fit(strength: float, data: _Data) -> Callable[[np.ndarray], np.ndarray]:
        rows, width = data.features.shape
        model = LinearSVC(
            C=strength,
            # The primal problem takes less only where examples are very many.
            dual=rows < _MANY * width,
            max_iter=_PASSES,
            random_state=seed,
        )
        return fitted(model, data)

    train, test = _data(train_features, train_labels, test_features, test_labels)
    return _probe(fit, strengths, train, test, validation, seed)


def nearest_neighbour_probe(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
    *,
    neighbours: Sequence[int] = NEIGHBOURS,
    metric: str = "cosine",
    temperature: float | None = None,
    validation: float = 0.2,
    seed: int = 0,
) -> Probe:
    """The vote of the nearest training examples, which are found exactly.

    Args:
        train_features: float (n, d).
        train_labels: int (n,).
        test_features: float (m, d).
        test_labels: int (m,).
        neighbours: candidates for their number; of equally good ones the first is taken.
        metric: "cosine" or "euclidean".
        temperature: T of votes weighted by exp(cosine / T), 0.07 in DINO (2104.14294,
            appendix F.1); None for equal votes, of which a draw goes to the class whose
            first voter is nearest.
        validation: share of each class held back to choose the number.
        seed: of what is held back.

    Returns:
        The probe.

    Raises:
        ValueError: unlike shapes, values that are not finite, a single class, more
            neighbours than examples, or a temperature for Euclidean distances.
    """
    if metric not in ("cosine", "euclidean"):
        raise ValueError(f"metric is 'cosine' or 'euclidean', got {metric!r}")
    if temperature is not None and (metric != "cosine" or not temperature > 0.0):
        raise ValueError(
            f"votes are weighted by cosines over a temperature > 0, got {metric!r} and "
            f"{temperature}"
        )

    def fit(count: float, data: _Data) -> Callable[[np.ndarray], np.ndarray]:
        classes, labels = np.unique(data.labels, return_inverse=True)

        def predict(features: np.ndarray) -> np.ndarray:
            queries, references = features, data.features
            if metric == "cosine":
                queries, references = directions(queries), directions(references)
            found = nearest_neighbours(queries, references, count=int(count))
            # Of vectors of length 1.
            cosines = 1.0 - 0.5 * found.squares
            chosen = votes(labels[found.indices], cosines, len(classes), temperature)
            return classes[chosen]

        return predict

    train, test = _data(train_features, train_labels, test_features, test_labels)
    return _probe(fit, neighbours, train, test, validation, seed)


def votes(
    labels: np.ndarray,
    cosines: np.ndarray,
    num_classes: int,
    temperature: float | None = None,
) -> np.ndarray:
    """What neighbours vote for.

    Args:
        labels: of the neighbours, int (m, k), the nearest first.
        cosines: float (m, k), their weights' logarithms times the temperature.
        num_classes: labels are below.
        temperature: of weights exp(cosine / temperature); None for equal votes.

    Returns:
        Labels, int (m,). Of classes with equally many votes it is the one whose first voter
        is nearest; with weights the lowest.
    """
    m, k = labels.shape
    weights = np.ones((m, k))
    if temperature is not None:
        # Relative to the nearest, which changes no vote and overflows nowhere.
        weights = np.exp((cosines - cosines[:, :1]) / temperature)
    total, first = np.zeros((m, num_classes)), np.full((m, num_classes), k)
    everyone = np.arange(m)
    for place in reversed(range(k)):
        total[everyone, labels[:, place]] += weights[:, place]
        first[everyone, labels[:, place]] = place
    if temperature is not None:
        return total.argmax(axis=1)
    return (total * (k + 1) - first).argmax(axis=1)


def directions(features: np.ndarray) -> np.ndarray:
    """Rows scaled to length 1, float32 (n, d).

    Raises:
        ValueError: a row is 0.
    """
    lengths = np.sqrt(np.einsum("nd,nd->n", features, features, dtype=np.float64))
    if not lengths.all():
        raise ValueError(
            f"row {int(np.argmin(lengths))} is 0 and has no direction: cosines need one; "
            "metric='euclidean' does not"
        )
    return (features / lengths[:, None]).astype(np.float32)


def _probe(
    fit: Fit,
    candidates: Sequence[float],
    train: _Data,
    test: _Data,
    validation: float,
    seed: int,
) -> Probe:
    """Chooses by what was held back, fits to everything, and tests."""
    held = held_back(train.labels, validation, seed)
    kept, rest = _rows(train, ~held), _rows(train, held)
    scores = [_accuracy(fit(each, kept)(rest.features), rest.labels) for each in candidates]
    best = int(np.argmax(scores))
    predictions = fit(candidates[best], train)(test.features)
    accuracy = _accuracy(predictions, test.labels)
    return Probe(accuracy, candidates[best], scores[best], predictions)


def held_back(labels: np.ndarray, share: float, seed: int) -> np.ndarray:
    """Which examples are held back: of each class the rounded share, but never all.

    Args:
        labels: int (n,).
        share: of each class, in (0, 1).
        seed: of the draw.

    Returns:
        bool (n,).

    Raises:
        ValueError: the share is out of range, or nothing is held back of any class.
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"the share held back must lie between 0 and 1, got {share}")
    draws, held = np.random.default_rng(seed), np.zeros(len(labels), bool)
    for each in np.unique(labels):
        rows = draws.permutation(np.flatnonzero(labels == each))
        held[rows[: min(round(share * len(rows)), len(rows) - 1)]] = True
    if not held.any():
        raise ValueError(
            f"{len(labels)} examples are too few to hold {share:.0%} of a class back"
        )
    return held


def _rows(data: _Data, chosen: np.ndarray) -> _Data:
    return _Data(data.features[chosen], data.labels[chosen])


def _accuracy(predictions: np.ndarray, labels: np.ndarray) -> float:
    return float(np.mean(predictions == labels))


def _data(
    train_features: np.ndarray,
    train_labels: np.ndarray,
    test_features: np.ndarray,
    test_labels: np.ndarray,
) -> tuple[_Data, _Data]:
    train = _checked("train", train_features, train_labels)
    test = _checked("test", test_features, test_labels)
    if train.features.shape[1] != test.features.shape[1]:
        raise ValueError(
            "train and test features must have one width, got "
            f"{train.features.shape[1]} and {test.features.shape[1]}"
        )
    if len(np.unique(train.labels)) < 2:
        raise ValueError("a probe needs two classes or more to tell apart")
    return train, test


def _checked(name: str, features: np.ndarray, labels: np.ndarray) -> _Data:
    """Features in float32, which large ones keep half the memory in, and labels."""
    features, labels = np.asarray(features, np.float32), np.asarray(labels)
    if features.ndim != 2 or labels.shape != features.shape[:1] or not features.size:
        raise ValueError(
            f"{name} features must be (n, d) with labels (n,), got {features.shape} and "
            f"{labels.shape}"
        )
    checks.require_finite(f"{name} features", features)
    return _Data(features, labels)


def _scikit_learn(
    what: str,
) -> Callable[[Any, _Data], Callable[[np.ndarray], np.ndarray]]:
    """What fits a model of scikit-learn to features that it standardises.

    Raises:
        UserError: it is not installed.
    """
    try:
        from sklearn.pipeline import make_pipeline
        from sklearn.preprocessing import StandardScaler
        from threadpoolctl import threadpool_limits
    except ImportError:
        raise UserError(
            f"{what} needs scikit-learn: pip install 'gan-jax[analysis]'"
        ) from None

    def fitted(model: Any, data: _Data) -> Callable[[np.ndarray], np.ndarray]:
        # With one thread sums have one order; more hardly help, and on a busy machine wait.
        with threadpool_limits(1):
            scaled = make_pipeline(StandardScaler(), model).fit(*data)
        return scaled.predict

    return fitted
