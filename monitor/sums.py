"""What a pane keeps of a cell: additive integers, named once here.

A pane's state is a vector of int64 whose slots only ever add up, so that panes merge in any order and any split to the
same last unit. A `Layout` names the slots of one kind of pane. New slots are appended at the end of a layout: a row that
was stored shorter is read with zeros for them, so that a new metric needs no migration.

A square is kept in two slots, `hi * 2**31 + lo`, so that a sum over 30 days of busy traffic cannot overflow 64 bits:
quantities are quantised to below 2**31 in size (`quantities.units`), their squares to below 2**62. Each slot then has room for
2**32 events of the greatest size there is; weights are such quantities, and their products with others are kept in as many
slots as they have limbs (`WEIGHTED_SUMS`).

Histograms (`monitor.bins`) are bases of their own: a model without scores or a declared range of values has none of their
rows. Why by the hour (2026-11): by the minute they would be nine tenths of all that is stored and of what the evaluator
holds in memory, for windows in which no quantile or AUC means anything.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]

SCORE_UNIT = 1e-6
"""Scores (0 to 1) are counted in millionths."""

LOG_UNIT = 1e-6
"""Logarithms are counted in millionths of a nat."""

RELATIVE_UNIT = 1e-6
"""Relative errors are counted in millionths, up to `LARGEST` of them."""

LIMB = 31
"""Bits of the low part of a stored square."""

LARGEST = 2**LIMB - 1
"""The greatest magnitude, in units, that a quantity may have."""


class Basis(IntEnum):
    """By which time, and of what, a pane counts. The number is stored."""

    DECISION = 0
    """Decisions in minute panes of the decision's own time (`DECISIONS`)."""
    LABEL_DECIDED = 1
    """Labelled decisions in hour panes of the decision's time (`LABELS`): restated as labels arrive."""
    LABEL_ARRIVED = 2
    """Labelled decisions in minute panes of the outcome's time (`LABELS`)."""
    QUALITY = 3
    """What happened to the records, in minute panes of the topic's clock (`QUALITY`); cells name only the model."""
    EVIDENCE_DECISION = 4
    """Decisions, each booked in its own pane or, if late, in the oldest still open at its offset (`DECISIONS`)."""
    EVIDENCE_LABEL = 5
    """Labelled decisions booked likewise by the outcome's time (`LABELS`)."""
    SCORES = 6
    """Scores of decisions in hour panes of the decision's time (`SCORES`)."""
    VALUES = 7
    """Values of decisions over the declared range, in hour panes of the decision's time (`VALUES`)."""
    LABEL_SCORES_DECIDED = 8
    """Scores of labelled decisions in hour panes of the decision's time (`LABEL_SCORES`)."""
    LABEL_SCORES_ARRIVED = 9
    """Scores of labelled decisions in hour panes of the outcome's time (`LABEL_SCORES`)."""
    ERRORS_DECIDED = 10
    """Values beside the outcomes' in hour panes of the decision's time (`ERRORS`)."""
    ERRORS_ARRIVED = 11
    """Values beside the outcomes' in hour panes of the outcome's time (`ERRORS`)."""
    WEIGHTS_DECISION = 12
    """Decisions and their weights in hour panes of the decision's time (`WEIGHTED_DECISIONS`)."""
    WEIGHTS_LABEL_DECIDED = 13
    """Labelled decisions and their weights in hour panes of the decision's time (`WEIGHTED_LABELS`)."""
    WEIGHTS_LABEL_ARRIVED = 14
    """Labelled decisions and their weights in hour panes of the outcome's time (`WEIGHTED_LABELS`)."""
    ERROR_POWERS_DECIDED = 15
    """Powers of errors and of outcomes' values in hour panes of the decision's time (`ERROR_POWERS`)."""
    ERROR_POWERS_ARRIVED = 16
    """Powers of errors and of outcomes' values in hour panes of the outcome's time (`ERROR_POWERS`)."""
    WEIGHTS_ERRORS_DECIDED = 17
    """Values beside the outcomes' and their weights in hour panes of the decision's time (`WEIGHTED_ERRORS`)."""
    WEIGHTS_ERRORS_ARRIVED = 18
    """Values beside the outcomes' and their weights in hour panes of the outcome's time (`WEIGHTED_ERRORS`)."""
    WEIGHTS_SCORES_DECIDED = 19
    """Weighted scores of labelled decisions in hour panes of the decision's time (`WEIGHTED_LABEL_SCORES`)."""
    WEIGHTS_SCORES_ARRIVED = 20
    """Weighted scores of labelled decisions in hour panes of the outcome's time (`WEIGHTED_LABEL_SCORES`)."""
    WEIGHTS_SCORES = 21
    """Weighted scores of decisions in hour panes of the decision's time (`WEIGHTED_SCORES`)."""
    WEIGHTS_VALUES = 22
    """Weighted values of decisions over the declared range, in hour panes of the decision's time (`WEIGHTED_VALUES`)."""


class Book(NamedTuple):
    """Where something is counted: a basis, and which class of label it is about (0: the favourable one)."""

    basis: Basis
    label_class: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """The names of the slots of one kind of pane, in stored order."""

    slots: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.slots)

    def index(self, slot: str) -> int:
        """The position of a slot; ValueError if the layout has none of that name."""
        return self.slots.index(slot)

    def span(self, name: str) -> slice:
        """The slots `name_0`, `name_1`, ...: the bins of one histogram."""
        found = [at for at, slot in enumerate(self.slots) if slot.rpartition("_")[0] == name and slot[-1].isdigit()]
        return slice(found[0], found[-1] + 1)

    def zeros(self, rows: int) -> Ints:
        """An empty matrix of `rows` x slots."""
        return np.zeros((rows, len(self.slots)), dtype=np.int64)


DECISIONS = Layout(
    (
        "events",  # fresh predictions
        "decided",  # of these, with a decision
        "favourable",  # of these, favourable
        "scored",  # with a score
        "score",  # sum of scores, in SCORE_UNIT
        "score_sq_hi",
        "score_sq_lo",
        "valued",  # with a value
        "value",  # sum of values, in the model's value unit
        "value_sq_hi",
        "value_sq_lo",
        "clipped",  # sum of values clipped to the declared range
        "clipped_sq_hi",
        "clipped_sq_lo",
    )
)

LABELS = Layout(
    (
        "labelled",  # predictions that have found their outcome
        "positive",  # of these, with a label, and it true
        "negative",  # of these, with a label, and it false
        "tp",  # decision favourable, label true
        "fp",
        "fn",
        "tn",
        "scored_positive",  # label true, with a score: count and sum of scores
        "score_positive",
        "scored_negative",
        "score_negative",
        "compared",  # with a value on both sides; the error is the predicted value minus the outcome's
        "error",
        "error_abs",
        "error_sq_hi",
        "error_sq_lo",
        "outcome_value",
    )
)

WEIGHT_PARTS = ("", "_weight", "_weight_sq_hi", "_weight_sq_lo")
"""Of each slot: how many events, the sum of their weights (in the model's unit), and of the squares of these."""


WEIGHTED_SUMS = {"w": 2, "ww": 3, "w_sq": 3, "ww_sq": 4}
"""Of a quantity x of events that weigh w: the sums of w x, w^2 x, w x^2 and w^2 x^2, and in how many limbs each is kept.

A limb is a digit of base 2**31, the least first, with the sign of x: below 2**31 in size for each event like all else here.
"""


def _weighted(*counts: str) -> tuple[str, ...]:
    return tuple(f"{slot}{part}" for part in WEIGHT_PARTS for slot in counts)


def _limbs(quantity: str, *kinds: str) -> tuple[str, ...]:
    return tuple(f"{quantity}_{kind}_{limb}" for kind in kinds for limb in range(WEIGHTED_SUMS[kind]))


WEIGHTED_DECISIONS = Layout(
    (
        *_weighted("events", "decided", "favourable"),
        *_weighted("scored", "valued"),
        *_limbs("score", "w"),
        *_limbs("value", *WEIGHTED_SUMS),
    )
)

WEIGHTED_LABELS = Layout(
    (
        *_weighted("labelled", "positive", "negative", "tp", "fp", "fn", "tn"),
        *_weighted("scored_positive", "scored_negative", "compared"),
        *_limbs("score_positive", "w"),
        *_limbs("score_negative", "w"),
        *_limbs("error", *WEIGHTED_SUMS),
        *_limbs("error_abs", "w", "ww"),
    )
)

WEIGHTED_ERRORS = Layout(
    (
        *_weighted("compared", "relative"),
        *_limbs("relative_error", "w", "ww", "ww_sq"),
        *_limbs("error_abs", "w", "ww_sq"),
        *_limbs("outcome_abs", "w", "ww_sq"),
        *(f"error_outcome_ww_{limb}" for limb in range(4)),  # w^2 times the sizes of error and outcome
        *_limbs("predicted", "w", "w_sq"),
        *_limbs("outcome", "w", "w_sq"),
        *(f"product_w_{limb}" for limb in range(3)),  # w times the two values
    )
)

QUALITY = Layout(
    (
        "predictions",  # records read of the predictions topic that named this model
        "predictions_late",  # more than max_lateness behind their topic's clock: not counted
        "predictions_duplicate",
        "outcomes",
        "outcomes_late",
        "outcomes_duplicate",
        "received",  # fresh outcomes (in the pane of the outcome's own time)
        "matched",  # of these, joined to at least one prediction
        "dead_letters",
    )
)

BINS = 100
"""Bins of a histogram: of scores each a hundredth wide, of values a hundredth of the declared range."""

CALIBRATION_BINS = 10
"""Bins of the expected calibration error, each a tenth wide."""


def _bins(name: str, count: int = BINS) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(count))


SCORES = Layout(_bins("score_bin"))

VALUES = Layout(("below_range", *_bins("value_bin"), "above_range"))

WEIGHTED_SCORES = Layout(("scored", "weight_sq_hi", "weight_sq_lo", *SCORES.slots))
"""People, the sum of the squares of their weights, and of their weights by score."""

WEIGHTED_VALUES = Layout(("valued", "weight_sq_hi", "weight_sq_lo", *VALUES.slots))
"""The same by value."""

LABEL_SCORES = Layout(
    (
        *_bins("positive_bin"),  # label true, by score
        *_bins("negative_bin"),
        *_bins("score_in", CALIBRATION_BINS),  # sum of scores, of both labels, by the tenth that they are in
        "score_positive",  # sums of scores, in SCORE_UNIT, and of their squares
        "score_positive_sq_hi",
        "score_positive_sq_lo",
        "score_negative",
        "score_negative_sq_hi",
        "score_negative_sq_lo",
        "surprise_positive",  # sums of -ln(score) and of -ln(1 - score), in LOG_UNIT
        "surprise_negative",
    )
)

WEIGHTED_LABEL_SCORES = Layout(
    (
        "scored_positive",  # people with a label and a score
        "scored_negative",
        "weight_sq_hi",  # the sum of the squares of their weights
        "weight_sq_lo",
        *_bins("positive_bin"),  # sums of weights, by score
        *_bins("negative_bin"),
        *_bins("score_in_lo", CALIBRATION_BINS),  # as `LABEL_SCORES`, times weights
        *_bins("score_in_hi", CALIBRATION_BINS),
        *_limbs("score_positive", "w", "w_sq"),
        *_limbs("score_negative", "w", "w_sq"),
        *_limbs("surprise_positive", "w"),
        *_limbs("surprise_negative", "w"),
    )
)

ERRORS = Layout(
    (
        "compared",  # with a value on both sides
        "predicted",
        "predicted_sq_hi",
        "predicted_sq_lo",
        "outcome",
        "outcome_sq_hi",
        "outcome_sq_lo",
        "outcome_abs",
        "product_hi",  # of the two: hi * 2**31 + lo, the low part never negative
        "product_lo",
        "error_abs",
        "error_outcome_hi",  # of the sizes of error and outcome
        "error_outcome_lo",
        "relative",  # with an outcome that is not 0: count, and sum of |error / outcome| in RELATIVE_UNIT
        "relative_error",
        "relative_error_sq_hi",
        "relative_error_sq_lo",
    )
)

POWERS = {
    "cube": 3,  # of the sizes of errors
    "fourth": 4,  # of errors
    "crossed": 3,  # squared error times outcome
    "crossed_sq": 4,  # squared error times squared outcome
    "outcome_cube": 3,
    "outcome_fourth": 4,
}
"""Sums by which a mean of squares has an interval, and in how many limbs each is kept (as `WEIGHTED_SUMS`).

A basis of their own and no slots of `ERRORS`: the previous program adds up rows of the lengths that it knows.
"""

ERROR_POWERS = Layout(
    (
        "powered",  # with a value on both sides, and an error of at most `LARGEST`
        *(f"{name}_{limb}" for name, limbs in POWERS.items() for limb in range(limbs)),
    )
)

LAYOUTS: dict[Basis, Layout] = {
    Basis.DECISION: DECISIONS,
    Basis.LABEL_DECIDED: LABELS,
    Basis.LABEL_ARRIVED: LABELS,
    Basis.QUALITY: QUALITY,
    Basis.EVIDENCE_DECISION: DECISIONS,
    Basis.EVIDENCE_LABEL: LABELS,
    Basis.SCORES: SCORES,
    Basis.VALUES: VALUES,
    Basis.LABEL_SCORES_DECIDED: LABEL_SCORES,
    Basis.LABEL_SCORES_ARRIVED: LABEL_SCORES,
    Basis.ERRORS_DECIDED: ERRORS,
    Basis.ERRORS_ARRIVED: ERRORS,
    Basis.WEIGHTS_DECISION: WEIGHTED_DECISIONS,
    Basis.WEIGHTS_LABEL_DECIDED: WEIGHTED_LABELS,
    Basis.WEIGHTS_LABEL_ARRIVED: WEIGHTED_LABELS,
    Basis.ERROR_POWERS_DECIDED: ERROR_POWERS,
    Basis.ERROR_POWERS_ARRIVED: ERROR_POWERS,
    Basis.WEIGHTS_ERRORS_DECIDED: WEIGHTED_ERRORS,
    Basis.WEIGHTS_ERRORS_ARRIVED: WEIGHTED_ERRORS,
    Basis.WEIGHTS_SCORES_DECIDED: WEIGHTED_LABEL_SCORES,
    Basis.WEIGHTS_SCORES_ARRIVED: WEIGHTED_LABEL_SCORES,
    Basis.WEIGHTS_SCORES: WEIGHTED_SCORES,
    Basis.WEIGHTS_VALUES: WEIGHTED_VALUES,
}

HOURLY = (Basis.LABEL_DECIDED, *(basis for basis in Basis if basis >= Basis.SCORES))

PANE_MS: dict[Basis, int | None] = dict.fromkeys(HOURLY, 3_600_000)
"""Pane lengths that do not follow the configured pane, in milliseconds."""


FOLLOWED = (Basis.DECISION, Basis.LABEL_ARRIVED)
"""Bases whose panes evaluations hold: a row tells the commit that wrote it, so that what is restated is found."""

SPARSE = frozenset(
    {
        Basis.SCORES,
        Basis.VALUES,
        Basis.LABEL_SCORES_DECIDED,
        Basis.LABEL_SCORES_ARRIVED,
        Basis.WEIGHTS_SCORES_DECIDED,
        Basis.WEIGHTS_SCORES_ARRIVED,
        Basis.WEIGHTS_SCORES,
        Basis.WEIGHTS_VALUES,
    }
)
"""Bases whose rows are mostly zeros, which are stored as nulls."""


def pane_of(book: Book, pane: int) -> int:
    """The length of a pane of this book, in ms, where the configured pane is so long. Classes are kept by the hour."""
    return 3_600_000 if book.label_class else PANE_MS.get(book.basis) or pane


def split_square(quantity: Ints) -> tuple[Ints, Ints]:
    """The squares of quantised values as (hi, lo) with `hi * 2**31 + lo`, each below 2**31."""
    square = quantity * quantity
    return square >> LIMB, square & LARGEST


def times(limbs: Sequence[Ints], quantity: Ints) -> tuple[Ints, ...]:
    """The limbs of a product, one more than went in, all of numbers that are not negative and the quantity below 2**31."""
    found, carry = [], np.zeros_like(quantity)
    for limb in limbs:
        product = limb * quantity + carry
        found.append(product & LARGEST)
        carry = product >> LIMB
    return (*found, carry)


def join_square(hi: Ints, lo: Ints) -> NDArray[np.float64]:
    """The summed squares as floats, in squared units."""
    return hi.astype(np.float64) * 2.0**LIMB + lo.astype(np.float64)
