"""The batch answer about metrics: every series and window, by NumPy, SciPy and scikit-learn.

scikit-learn's simpler scores take a millisecond a call to check their arguments, which for some
ten thousand figures is too long: `test_fault_plan` holds their formulas here against them.
"""

import math
from collections.abc import Iterator
from itertools import chain

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import kendalltau, linregress
from sklearn.metrics import roc_auc_score

from schemas.events import CONTEXT_FIELDS

# Model, version, assay, segment field and value (None: the whole), window, metric.
MetricKey = tuple[str, str, str, str | None, str | None, str, str]
SeriesKey = tuple[str, str, str, str | None, str | None]
Values = NDArray[np.float64]
Flags = NDArray[np.bool_]

DAY_US = 86_400_000_000
LAST_PAIRS = (50, 200)
LAST_DAYS = (30,)
POSITIVE, NEGATIVE = "hit", "miss"
SERIES = ["model_id", "model_version", "assay"]


def metric_oracle(pairs: pd.DataFrame) -> dict[MetricKey, float]:
    """Return every metric that is defined, of the standing pairs of `oracle_pairs`."""
    found: dict[MetricKey, float] = {}
    for series, rows in _series(scored(pairs)):
        for window, part in _windows(rows):
            told = _table(part) if window == "all" else iter(())
            for metric, value in chain(_metrics(part), told):
                if math.isfinite(value):
                    found[(*series, window, metric)] = value
    return found


def scored(pairs: pd.DataFrame) -> pd.DataFrame:
    """Return the pairs that enter accuracy, oldest first by measured_at (unstated first) and id."""
    exact = pairs.qualifier.isna() | (pairs.qualifier == "=")
    numeric = pairs.predicted.notna() & pairs.measured.notna()
    labelled = pairs.label_o.notna() & (pairs.label_p.notna() | pairs.probability.notna())
    rows = pairs[(pairs.status == "paired") & exact & (numeric | labelled)].copy()
    rows["measured_us"] = rows.measured_at.astype(float)
    rows["id"] = rows.index
    return rows.sort_values(["measured_us", "id"], na_position="first")


def _series(rows: pd.DataFrame) -> Iterator[tuple[SeriesKey, pd.DataFrame]]:
    for name, part in rows.groupby(SERIES):
        yield (*name, None, None), part
    for field in CONTEXT_FIELDS:
        column = f"{field}_o"
        for name, part in rows[rows[column].notna()].groupby([*SERIES, column]):
            yield (*name[:3], field, name[3]), part


def _windows(rows: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    yield "all", rows
    for pairs in LAST_PAIRS:
        yield f"last:{pairs}", rows.tail(pairs)
    day = rows.measured_us // DAY_US
    for days in LAST_DAYS:
        # Comparisons with an unstated day are false.
        yield f"days:{days}", rows[day > day.max() - days]


def _metrics(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    if not len(rows):
        return
    yield "n", float(len(rows))
    predicted = rows.predicted.to_numpy(dtype=float)
    measured = rows.measured.to_numpy(dtype=float)
    numeric = ~(np.isnan(predicted) | np.isnan(measured))
    if numeric.any():
        yield from of_values(predicted[numeric], measured[numeric])
    label_p, label_o = rows.label_p.to_numpy(), rows.label_o.to_numpy()
    stated_p, stated_o = rows.label_p.notna().to_numpy(), rows.label_o.notna().to_numpy()
    both = stated_p & stated_o
    if both.any():
        yield from of_labels(label_p[both] == POSITIVE, label_o[both] == POSITIVE)
    probability = rows.probability.to_numpy(dtype=float)
    likely = stated_o & ~np.isnan(probability)
    truth = label_o[likely] == POSITIVE
    if truth.any():
        yield from _of_probabilities(truth, probability[likely])


def _table(rows: pd.DataFrame) -> Iterator[tuple[str, float]]:
    """Yield how often each label was predicted where each was measured."""
    counts = rows.groupby(["label_o", "label_p"]).size()
    for (measured, predicted), count in counts.items():
        yield f"confusion:{measured}:{predicted}", float(count)


def _of_probabilities(truth: Flags, probability: Values) -> Iterator[tuple[str, float]]:
    """Yield the metrics of the probability of the positive label, of which `truth` has one."""
    if not truth.all():
        yield "roc_auc", float(roc_auc_score(truth, probability))
    yield "brier", float(np.mean((probability - truth) ** 2))
    bins = pd.cut(probability, np.arange(11) / 10, include_lowest=True)
    by_bin = pd.DataFrame({"gap": probability - truth}).groupby(bins, observed=True)
    yield "calibration_error", float(by_bin.gap.sum().abs().sum() / len(truth))


def of_values(predicted: Values, measured: Values) -> Iterator[tuple[str, float]]:
    """Yield the metrics of numbers, one or more; those that are undefined are left out."""
    error = predicted - measured
    if len(measured) > 1 and np.ptp([*predicted, *measured]) > 0:
        [[var_p, cov], [_, var_o]] = np.cov(predicted, measured, ddof=0)
        yield "concordance", float(2 * cov / (var_p + var_o + np.mean(error) ** 2))
    yield "me", float(np.mean(error))
    yield "mae", float(np.mean(np.abs(error)))
    yield "rmse", float(np.sqrt(np.mean(error**2)))
    if len(measured) < 2 or np.ptp(measured) == 0:
        return
    yield "r2", float(1 - np.sum(error**2) / np.sum((measured - measured.mean()) ** 2))
    yield "slope", float(linregress(measured, predicted).slope)
    if np.ptp(predicted) == 0:
        yield "r2_pearson", 0.0
        return
    yield "r2_pearson", float(np.corrcoef(measured, predicted)[0, 1] ** 2)
    yield "kendall_tau", float(kendalltau(measured, predicted).statistic)


def of_labels(predicted: Flags, measured: Flags) -> Iterator[tuple[str, float]]:
    """Yield the metrics of labels, true for the positive one; undefined ones are NaN."""
    hits = int((predicted & measured).sum())
    false_alarms, misses = int((predicted & ~measured).sum()), int((~predicted & measured).sum())
    rest = len(predicted) - hits - false_alarms - misses
    agreed = float(np.mean(predicted == measured))
    yield "accuracy", agreed
    precisions = [_ratio(hits, hits + false_alarms), _ratio(rest, rest + misses)]
    recalls = [_ratio(hits, hits + misses), _ratio(rest, rest + false_alarms)]
    wrong = misses + false_alarms
    f1s = [_ratio(2 * part, 2 * part + wrong) for part in (hits, rest)]
    for name, rates in (("precision", precisions), ("recall", recalls), ("f1", f1s)):
        yield name, rates[0]
        defined = [rate for rate in rates if not math.isnan(rate)]
        yield "macro_" + name, math.fsum(defined) / len(defined)
    for name, rates in (("precision", precisions), ("recall", recalls)):
        yield f"{name}:{POSITIVE}", rates[0]
        yield f"{name}:{NEGATIVE}", rates[1]
    yield "f2", _ratio(5 * hits, 5 * hits + 4 * misses + false_alarms)
    yield "f0_5", _ratio(5 * hits, 5 * hits + misses + 4 * false_alarms)
    if hits or wrong:
        yield "false_negatives", float(misses)
    shares = float(np.mean(predicted)), float(np.mean(measured))
    chance = shares[0] * shares[1] + (1 - shares[0]) * (1 - shares[1])
    one_class = shares in ((0.0, 0.0), (1.0, 1.0))
    yield "kappa", math.nan if one_class else (agreed - chance) / (1 - chance)


def _ratio(part: int, whole: int) -> float:
    return part / whole if whole else math.nan


def coverage_oracle(coverage: pd.DataFrame) -> dict[MetricKey, float]:
    """Return label coverage by series, of the counts of `oracle_pairs`."""
    found: dict[MetricKey, float] = {}
    for name, row in coverage.iterrows():
        told = row.labelled + row.expired
        if told:
            found[(*name, None, None, "all", "label_coverage")] = float(row.labelled / told)
    return found
