"""Which of a window's labels is the positive one."""

from collections.abc import Collection

POSITIVE_WORDS = frozenset({"1", "true", "yes", "positive", "pos", "active", "hit", "toxic"})

NEGATIONS = frozenset({"non", "not", "no", "in", "un"})


def positive_label(labels: Collection[str], stated: str | None = None) -> str | None:
    """Return the positive label among the distinct `labels` of a window.

    `stated`, when given, is the answer. Else the one label that is, in any case, one of
    POSITIVE_WORDS; else the one of two that the other negates, as "non-binder" does "binder"; else
    the last in sorted order, as scikit-learn takes `classes_[1]`. None when there is no telling: no
    label, or a single one that is no positive word.

    >>> positive_label({"Active", "inactive"}), positive_label({"binder", "non-binder"})
    ('Active', 'binder')
    >>> positive_label({"a", "b"}), positive_label({"a"})
    ('b', None)
    >>> positive_label({"a", "b"}, stated="a")
    'a'
    """
    if stated is not None:
        return stated
    known = [label for label in labels if label.casefold() in POSITIVE_WORDS]
    if len(known) == 1:
        return known[0]
    if len(labels) == 2:
        shorter, longer = sorted(labels, key=len)
        start = longer.casefold().removesuffix(shorter.casefold())
        if start.rstrip("-_ ") in NEGATIONS:
            return shorter
    return max(labels) if len(labels) > 1 else None
