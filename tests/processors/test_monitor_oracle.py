"""Every metric of every window in one batch, by NumPy, SciPy and scikit-learn, and a lane to check.

The other tests of the monitor take `batch` as their oracle and `Lane` as what is under test.
"""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from functools import cache
from urllib.parse import quote

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
import scipy.stats
import sklearn.metrics
from test_pairing_oracle import CODEC, AnyEvent, LivePair, live_pairs

from processors.join import Join
from processors.monitor import Monitor
from processors.options import DAY_US, Options
from processors.store import MemoryStore
from schemas.events import CONTEXT_FIELDS, Event, Metric, Pair

Numbers = npt.NDArray[np.float64]
# model, version, assay, segment field, segment value, window
Window = tuple[str, str, str, str | None, str | None, str]
WINDOWS = ("all", "last:50", "last:200", "days:30")
CLOSE = 1e-9


def of_values(predicted: Numbers, measured: Numbers) -> dict[str, float | None]:
    error = predicted - measured
    found: dict[str, float | None] = {
        "rmse": float(np.sqrt(np.mean(error**2))),
        "mae": float(np.mean(np.abs(error))),
        "me": float(np.mean(error)),
        "r2": None,
        "r2_pearson": None,
        "slope": None,
        "kendall_tau": None,
        "concordance": None,
    }
    if len(error) > 1 and np.ptp(measured) > 0:
        found["r2"] = sklearn.metrics.r2_score(measured, predicted)
        found["slope"] = float(scipy.stats.linregress(measured, predicted).slope)
        found["r2_pearson"] = 0.0
        if np.ptp(predicted) > 0:
            found["r2_pearson"] = float(scipy.stats.pearsonr(predicted, measured).statistic) ** 2
            found["kendall_tau"] = float(scipy.stats.kendalltau(predicted, measured).statistic)
    if len(error) > 1 and np.ptp([*predicted, *measured]) > 0:
        # Lin's formula as it is printed, with moments over n.
        (var_p, cov), (_, var_o) = np.cov(predicted, measured, ddof=0)
        bias = predicted.mean() - measured.mean()
        found["concordance"] = float(2 * cov / (var_p + var_o + bias**2))
    return found


def quoted(label: str) -> str:
    return quote(label, safe="/ ")


def positive_of(classes: Sequence[str]) -> str | None:
    """Return "hit" where there is one, else the second of two; a lone other one is not known."""
    if "hit" in classes:
        return "hit"
    return classes[1] if len(classes) == 2 else None


def of_labels(predicted: Sequence[str], measured: Sequence[str]) -> dict[str, float | None]:
    """Return the metrics of labels; those of hits are means over the classes of more than two."""
    counts = sorted(Counter(zip(predicted, measured, strict=True)).items())
    return _of_counts(tuple(counts))


@cache  # scikit-learn takes a millisecond a call to check its arguments
def _of_counts(counts: tuple[tuple[tuple[str, str], int], ...]) -> dict[str, float | None]:
    predicted, measured = zip(*(pair for pair, n in counts for _ in range(n)), strict=True)
    classes = sorted({*predicted, *measured})
    positive = positive_of(classes)
    hit = np.array(classes) == positive
    found: dict[str, float] = {"accuracy": sklearn.metrics.accuracy_score(measured, predicted)}
    for name, beta in (("f1", 1.0), ("f2", 2.0), ("f0_5", 0.5)):
        rates = sklearn.metrics.precision_recall_fscore_support(
            measured, predicted, beta=beta, labels=classes, zero_division=np.nan
        )
        by_name = {name: rates[2]}
        if name == "f1":
            by_name |= {"precision": rates[0], "recall": rates[1]}
            for rate in ("precision", "recall"):
                each = zip(classes, by_name[rate], strict=True)
                found |= {f"{rate}:{quoted(label)}": value for label, value in each}
            found |= {"macro_" + of: np.nanmean(rate) for of, rate in by_name.items()}
        # Of two or fewer the rates are those of hits, of more their mean over the classes.
        for of, rate in by_name.items():
            of_hits = rate[hit][0] if hit.any() else np.nan
            found[of] = of_hits if len(classes) <= 2 else np.nanmean(rate)
    found["kappa"] = found["false_negatives"] = np.nan
    if len(classes) > 1:
        found["kappa"] = sklearn.metrics.cohen_kappa_score(measured, predicted)
    if len(classes) <= 2 and hit.any():
        table = sklearn.metrics.multilabel_confusion_matrix(measured, predicted, labels=[positive])
        found["false_negatives"] = table[0, 1, 0]
    return {name: None if np.isnan(value) else float(value) for name, value in found.items()}


def confusion_of(predicted: Sequence[str], measured: Sequence[str]) -> dict[str, float | None]:
    counts = pd.crosstab(pd.Series(measured), pd.Series(predicted)).stack()
    return {f"confusion:{quoted(m)}:{quoted(p)}": float(n) for (m, p), n in counts.items() if n}


def of_probabilities(probability: Numbers, labels: Sequence[str]) -> dict[str, float | None]:
    """Return the metrics of the probability of hits, undefined for more than two classes."""
    classes = sorted(set(labels))
    truth = np.array([label == positive_of(classes) for label in labels])
    found: dict[str, float | None] = {"roc_auc": None, "brier": None, "calibration_error": None}
    if len(classes) == 2:
        found["roc_auc"] = float(sklearn.metrics.roc_auc_score(truth, probability))
    if len(classes) <= 2 and truth.any():
        found["brier"] = float(np.mean((probability - truth) ** 2))
        frame = pd.DataFrame({"stated": probability, "hit": truth.astype(float)})
        frame["bin"] = pd.cut(frame["stated"], np.arange(11) / 10, include_lowest=True)
        means = frame.groupby("bin", observed=True).agg(["mean", "size"])
        gaps = (means["stated", "mean"] - means["hit", "mean"]).abs() * means["hit", "size"]
        found["calibration_error"] = float(gaps.sum() / len(frame))
    return found


def of_pairs(pairs: Sequence[LivePair], window: str) -> dict[str, float | None]:
    """Return every metric of one window; None where it applies and is undefined."""
    found: dict[str, float | None] = {"n": float(len(pairs))}
    numeric = [
        (p.prediction.value, p.outcome.value)
        for p in pairs
        if p.prediction.value is not None and p.outcome.value is not None
    ]
    if numeric:
        array = np.array(numeric, dtype=np.float64)
        found |= of_values(array[:, 0], array[:, 1])
    labels = [
        (p.prediction.label, p.outcome.label)
        for p in pairs
        if p.prediction.label is not None and p.outcome.label is not None
    ]
    if labels:
        said, truth = zip(*labels, strict=True)
        found |= of_labels(said, truth)
        found |= confusion_of(said, truth) if window == "all" else {}
    ranked = [
        (p.prediction.probability, p.outcome.label)
        for p in pairs
        if p.prediction.probability is not None and p.outcome.label is not None
    ]
    if ranked:
        scores, truths = zip(*ranked, strict=True)
        found |= of_probabilities(np.array(scores), truths)
    return found


def in_window(window: str, pairs: Sequence[LivePair]) -> Sequence[LivePair]:
    """Return the pairs of a window from all of a series, which stand in event time."""
    kind, _, size = window.partition(":")
    if kind == "all":
        return pairs
    if kind == "last":
        return pairs[-int(size) :]
    days = [None if (at := p.outcome.measured_at) is None else at // DAY_US for p in pairs]
    first = None if days[-1] is None else days[-1] - int(size) + 1
    return [
        pair
        for pair, day in zip(pairs, days, strict=True)
        if day is not None and first is not None and day >= first
    ]


def comparable(pair: LivePair) -> bool:
    prediction, outcome = pair.prediction, pair.outcome
    if pair.status != "paired" or outcome.qualifier not in (None, "="):
        return False
    numeric = prediction.value is not None and outcome.value is not None
    said = prediction.label is not None or prediction.probability is not None
    return numeric or (said and outcome.label is not None)


def batch(lane: "Lane", events: Iterable[AnyEvent]) -> dict[Window, dict[str, float | None]]:
    """Return every metric of every window that holds a pair of `events`, which `lane` was given."""

    def in_event_time(pair: LivePair) -> tuple[bool, int, str]:
        at = pair.outcome.measured_at
        ids = pair.prediction.event_id, pair.outcome.event_id
        return at is not None, at or 0, lane.pair_ids[ids]

    series: dict[tuple[str, str, str, str | None, str | None], list[LivePair]] = {}
    for pair in sorted(filter(comparable, live_pairs(events).values()), key=in_event_time):
        prediction = pair.prediction
        of_model = prediction.model_id, prediction.model_version, prediction.assay_id.strip()
        levels = zip(CONTEXT_FIELDS, pair.outcome.context, strict=True)
        for field, value in ((None, None), *((f, v) for f, v in levels if v is not None)):
            series.setdefault((*of_model, field, value), []).append(pair)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scikit-learn, on windows of one class
        return {
            (*name, window): of_pairs(held, window)
            for name, pairs in series.items()
            for window in WINDOWS
            if (held := in_window(window, pairs))
        }


class Lane:
    """Join and monitor with their stores, and what readers of the metrics hold as the last word."""

    def __init__(self, options: Options | None = None) -> None:
        self._options = options or Options()
        self.store = MemoryStore()
        self._join_store = MemoryStore()
        self._join = Join(CODEC)
        self.monitor = Monitor(self._options)
        self._sequence = 0
        self.latest: dict[Window, dict[str, Metric]] = {}
        self.pair_ids: dict[tuple[str, str], str] = {}

    def feed(self, event: AnyEvent) -> None:
        self._sequence += 1
        for said in self._join.process(event, self._sequence, self._join_store):
            if isinstance(said, Pair):
                if said.status != "retracted":
                    self.pair_ids[said.prediction.event_id, said.outcome.event_id] = said.pair_id
                self.take(said)

    def take(self, pair: Pair) -> None:
        """Give the monitor a pair, as the next event of its log."""
        self._sequence += 1
        self.monitor.process(pair, self._sequence, self.store)

    def flush(self, quiet: bool) -> list[Event]:
        said = self.monitor.flush(self.store, quiet)
        for metric in said:
            if isinstance(metric, Metric):
                self._take(metric)
        return said

    def restart(self) -> None:
        """Go on as another worker does that takes the lane over after a checkpoint."""
        self.monitor = Monitor(self._options)

    def _take(self, metric: Metric) -> None:
        """Keep the higher row_version, and of equal ones the later, as ClickHouse does."""
        known = self.latest.setdefault(metric[:6], {})
        if metric.metric not in known or metric.row_version >= known[metric.metric].row_version:
            known[metric.metric] = metric

    def finish(self) -> dict[Window, dict[str, Metric]]:
        self.flush(quiet=True)
        return self.latest


def check(
    latest: dict[Window, dict[str, Metric]], expected: dict[Window, dict[str, float | None]]
) -> None:
    for window, metrics in expected.items():
        for name, value in metrics.items():
            said = latest[window][name]
            where = (*window, name)
            if value is None:
                assert said.value is None, where
            else:
                assert said.value == pytest.approx(value, rel=CLOSE, abs=CLOSE), where
    for window, said_of in latest.items():
        for name, said in said_of.items():
            if name not in expected.get(window, {}):
                assert said.value in ((0.0,) if name == "n" else (None,)), (*window, name)


def test_metrics_of_a_window_by_hand() -> None:
    found = of_values(np.array([1.0, 2.0, 4.0]), np.array([1.0, 2.0, 3.0]))
    rounded = {name: None if value is None else round(value, 6) for name, value in found.items()}
    assert rounded == {
        "rmse": 0.57735,
        "mae": 0.333333,
        "me": 0.333333,
        "r2": 0.5,
        "r2_pearson": 0.964286,
        "slope": 1.5,
        "kendall_tau": 1.0,
        # Twice the covariance 1, over 14/9 + 6/9 + 1/9.
        "concordance": 0.857143,
    }
    labels = of_labels(["hit", "hit", "miss", "hit"], ["hit", "miss", "hit", "hit"])
    assert labels["accuracy"] == 0.5
    assert labels["f2"] == pytest.approx(10 / 15)


def test_the_check_finds_a_value_that_is_off_and_one_that_should_be_gone() -> None:
    window: Window = ("net", "1", "a", None, None, "all")
    metric = Metric(*window, "rmse", 1.0, None, None, 3, None, 1)
    check({window: {"rmse": metric}}, {window: {"rmse": 1.0}})
    with pytest.raises(AssertionError):
        check({window: {"rmse": metric}}, {window: {"rmse": 1.0 + 1e-6}})
    with pytest.raises(AssertionError):
        check({window: {"rmse": metric}}, {})
    with pytest.raises(KeyError):
        check({}, {window: {"rmse": 1.0}})
