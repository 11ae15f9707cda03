"""The batch definition: what every stored sum must be, found by search in the whole log.

It shares no code with the fold (`monitor.join`), the reader or the session; only the names of the slots
(`monitor.sums`). It is slow, obvious and exact: Python integers, decimals read from the JSON text.

Definitions, all by the log of one partition number alone:

- *clock* of a topic at a record: the greatest event time of the topic's prefix, this record and the idle marks at or
  before its offset included; *before*: the same without this record.
- *late*: `time < clock - max_lateness`. *duplicate*: not late, and an earlier record of the same identity, itself not
  late, has a time >= `clock - dedup_horizon`. Otherwise *fresh*. Identity: (model, version, arm, id) for predictions,
  (model, id) for outcomes.
- The *label* of a fresh prediction: the fresh outcome of its (model, id) of least place with a time in
  `[time - max_lateness, time + join_horizon]`.
- An event is booked as *evidence* in its own pane or, if that has been closed by its topic's watermark (clock before the
  record, or the clock of a seal at or before its offset, minus `watermark_delay`), in the oldest one still open; a labelled
  prediction in the later of the pair's two.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from monitor.sums import Basis
from tests.acceptance.parsing import Dead, Event, Spec, Terms, read

PREDICTIONS, OUTCOMES = TOPICS = (0, 1)
HOUR = 3_600_000


class Logged(NamedTuple):
    """One record of a topic's partition."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: tuple[tuple[str, bytes], ...] = ()


class Cell(NamedTuple):
    """Whose row it is; groups and stratum as sorted pairs. A quality row names only the model."""

    model: str
    version: str = "*"
    arm: str = "*"
    groups: tuple[tuple[str, str], ...] = ()
    stratum: tuple[tuple[str, str], ...] = ()


class Row(NamedTuple):
    """A stored row of one partition number: basis, start of the pane (ms), cell, class of label (0: the favourable)."""

    basis: Basis
    start: int
    cell: Cell
    label_class: int = 0


class Placed(NamedTuple):
    """A readable event where it stands in the log: its clock, and up to where the topic was said to be complete before it
    (None: nothing was).
    """

    event: Event
    place: tuple[int, int]
    clock: int
    complete: int | None


Mark = tuple[int, int]
"""An idle mark: (offset, clock). Records from this offset on find the clock at least there.
A seal likewise: the evaluator was told so, and the clock has not moved."""

Marks = Sequence[Iterable[Mark]]
"""Per topic."""

Rows = dict[Row, Counter[str]]


@dataclass(slots=True)
class Side:
    """One topic's prefix after judging: the fresh events, and the tallies of the others."""

    fresh: list[Placed]
    late: list[Placed]
    duplicate: list[Placed]
    dead: list[tuple[int, Dead]]

    @property
    def readable(self) -> list[Placed]:
        return [*self.fresh, *self.late, *self.duplicate]


def define(spec: Spec, prefixes: Sequence[Sequence[Logged]], marks: Marks = ((), ()), seals: Marks = ((), ())) -> Rows:
    """All rows of one partition number: `prefixes` are its predictions and outcomes up to the stored position."""
    sides = [judge(spec, topic, prefixes[topic], sorted(marks[topic])) for topic in TOPICS]
    rows: Rows = defaultdict(Counter)
    for side, of_topic in zip(sides, seals, strict=True):
        side.fresh = [sealed(placed, of_topic) for placed in side.fresh]
    labels = book_labels(spec.terms, sides, rows)
    book_decisions(spec.terms, sides[PREDICTIONS], rows)
    book_quality(spec.terms, sides, labels, rows)
    nonzero = {row: Counter({slot: n for slot, n in sums.items() if n}) for row, sums in rows.items()}
    return {row: sums for row, sums in nonzero.items() if sums}


def judge(spec: Spec, topic: int, prefix: Sequence[Logged], marks: Sequence[Mark]) -> Side:
    """Late, duplicate or fresh, for each event of a topic's prefix."""
    side = Side([], [], [], [])
    timely: dict[tuple[str, ...], int] = {}  # greatest time of the timely records so far of an identity
    for placed in place(spec, topic, prefix, marks, side.dead):
        event, clock = placed.event, placed.clock
        if event.time < clock - spec.terms.max_lateness:
            side.late.append(placed)
            continue
        seen = timely.get(event.identity)
        again = seen is not None and seen >= clock - spec.terms.dedup_horizon
        (side.duplicate if again else side.fresh).append(placed)
        timely[event.identity] = event.time if seen is None else max(seen, event.time)
    return side


def place(
    spec: Spec, topic: int, prefix: Sequence[Logged], marks: Sequence[Mark], dead: list[tuple[int, Dead]]
) -> Iterable[Placed]:
    """The readable events with their clocks; what cannot be read moves no clock and goes to `dead`."""
    clock: int | None = None
    pending = list(marks)
    for record in prefix:
        while pending and pending[0][0] <= record.offset:
            clock = max(pending.pop(0)[1], clock if clock is not None else -(2**62))
        for index, found in enumerate(read(spec, topic, record.value, record.timestamp, dict(record.headers))):
            if isinstance(found, Dead):
                dead.append((record.timestamp, found))
                continue
            before, clock = clock, found.time if clock is None else max(clock, found.time)
            yield Placed(found, (record.offset, index), clock, before)


def sealed(placed: Placed, seals: Iterable[Mark]) -> Placed:
    """With what the evaluator was told before it was read."""
    told = [clock for offset, clock in seals if offset <= placed.place[0]]
    known = told if placed.complete is None else [*told, placed.complete]
    return placed._replace(complete=max(known, default=None))


def book_decisions(terms: Terms, side: Side, rows: Rows) -> None:
    """Every fresh prediction in the pane of its own time, and as evidence."""
    for placed in side.fresh:
        event = placed.event
        cell = cell_of(event)
        sums = decision_sums(event)
        rows[Row(Basis.DECISION, event.time // terms.pane * terms.pane, cell)].update(sums)
        rows[Row(Basis.EVIDENCE_DECISION, evidence_pane(terms, placed), cell)].update(sums)
        hour = event.time // HOUR * HOUR
        if event.score is not None:
            rows[Row(Basis.SCORES, hour, cell)][f"score_bin_{hundredth(event.score)}"] += 1
        if event.slot is not None:
            rows[Row(Basis.VALUES, hour, cell)][event.slot] += 1
        rows[Row(Basis.WEIGHTS_DECISION, hour, cell)].update(weighted(event, sums))
        rows[Row(Basis.WEIGHTS_SCORES, hour, cell)].update(weighted_score_sums(event))
        rows[Row(Basis.WEIGHTS_VALUES, hour, cell)].update(weighted_value_sums(event))
        for number, name in enumerate(event.classes, 1):
            versus = class_sums(event, name)
            rows[Row(Basis.DECISION, hour, cell, number)].update(versus)
            weighty = weighted(event, versus)
            rows[Row(Basis.WEIGHTS_DECISION, hour, cell, number)].update(weighty)


def book_labels(terms: Terms, sides: Sequence[Side], rows: Rows) -> set[tuple[int, int]]:
    """Every fresh prediction that finds its label; returns the places of the outcomes that were one."""
    outcomes: dict[tuple[str, str], list[Placed]] = defaultdict(list)
    for outcome in sides[OUTCOMES].fresh:
        outcomes[outcome.event.model, outcome.event.id].append(outcome)
    labels = set()
    for prediction in sides[PREDICTIONS].fresh:
        first = prediction.event.time - terms.max_lateness
        last = prediction.event.time + terms.join_horizon
        found = outcomes.get((prediction.event.model, prediction.event.id), [])
        label = next((o for o in found if first <= o.event.time <= last), None)
        if label is None:
            continue
        labels.add(label.place)
        cell, sums = cell_of(prediction.event), label_sums(prediction.event, label.event)
        booked = max(evidence_pane(terms, label), evidence_pane(terms, prediction))
        decided, arrived = (event.time // HOUR * HOUR for event in (prediction.event, label.event))
        rows[Row(Basis.LABEL_DECIDED, decided, cell)].update(sums)
        rows[Row(Basis.LABEL_ARRIVED, label.event.time // terms.pane * terms.pane, cell)].update(sums)
        rows[Row(Basis.EVIDENCE_LABEL, booked, cell)].update(sums)
        weighty = weighted(prediction.event, sums)
        rows[Row(Basis.WEIGHTS_LABEL_DECIDED, decided, cell)].update(weighty)
        rows[Row(Basis.WEIGHTS_LABEL_ARRIVED, arrived, cell)].update(weighty)
        scores, errors = label_score_sums(prediction.event, label.event), error_sums(prediction.event, label.event)
        rows[Row(Basis.LABEL_SCORES_DECIDED, decided, cell)].update(scores)
        rows[Row(Basis.LABEL_SCORES_ARRIVED, arrived, cell)].update(scores)
        rows[Row(Basis.ERRORS_DECIDED, decided, cell)].update(errors)
        rows[Row(Basis.ERRORS_ARRIVED, arrived, cell)].update(errors)
        powers = power_sums(prediction.event, label.event)
        rows[Row(Basis.ERROR_POWERS_DECIDED, decided, cell)].update(powers)
        rows[Row(Basis.ERROR_POWERS_ARRIVED, arrived, cell)].update(powers)
        weighty = weighted_error_sums(prediction.event, label.event)
        rows[Row(Basis.WEIGHTS_ERRORS_DECIDED, decided, cell)].update(weighty)
        rows[Row(Basis.WEIGHTS_ERRORS_ARRIVED, arrived, cell)].update(weighty)
        weighty = weighted_label_score_sums(prediction.event, label.event)
        rows[Row(Basis.WEIGHTS_SCORES_DECIDED, decided, cell)].update(weighty)
        rows[Row(Basis.WEIGHTS_SCORES_ARRIVED, arrived, cell)].update(weighty)
        for number, name in enumerate(prediction.event.classes, 1):
            versus = class_label_sums(prediction.event, label.event, name)
            rows[Row(Basis.LABEL_DECIDED, decided, cell, number)].update(versus)
            weighty = weighted(prediction.event, versus)
            rows[Row(Basis.WEIGHTS_LABEL_DECIDED, decided, cell, number)].update(weighty)
    return labels


def book_quality(terms: Terms, sides: Sequence[Side], labels: set[tuple[int, int]], rows: Rows) -> None:
    """What happened to the records, in the pane of their topic's clock; outcomes received and matched in their own."""

    def count(model: str, time: int, slot: str) -> None:
        rows[Row(Basis.QUALITY, time // terms.pane * terms.pane, Cell(model))][slot] += 1

    for side, topic in zip(sides, ("predictions", "outcomes"), strict=True):
        for placed in side.readable:
            count(placed.event.model, placed.clock, topic)
        for placed in side.late:
            count(placed.event.model, placed.clock, f"{topic}_late")
        for placed in side.duplicate:
            count(placed.event.model, placed.clock, f"{topic}_duplicate")
        for timestamp, dead in side.dead:
            count(dead.model, timestamp, "dead_letters")
    for outcome in sides[OUTCOMES].fresh:
        count(outcome.event.model, outcome.event.time, "received")
        if outcome.place in labels:
            count(outcome.event.model, outcome.event.time, "matched")


def evidence_pane(terms: Terms, placed: Placed) -> int:
    """Start of the event's own pane, or of the oldest whose end lies beyond the watermark before this record."""
    own = placed.event.time // terms.pane * terms.pane
    if placed.complete is None:
        return own
    return max(own, (placed.complete - terms.watermark_delay) // terms.pane * terms.pane)


def cell_of(event: Event) -> Cell:
    return Cell(event.model, event.version, event.arm, event.groups, event.stratum)


def decision_sums(event: Event) -> Mapping[str, int]:
    """`monitor.sums.DECISIONS` of one prediction."""
    sums = {"events": 1}
    if event.decision is not None:
        sums |= {"decided": 1, "favourable": int(event.decision)}
    if event.score is not None:
        sums |= {"scored": 1, "score": event.score, **square("score", event.score)}
    if event.value is not None:
        sums |= {"valued": 1, "value": event.value, **square("value", event.value)}
        sums |= {"clipped": event.clipped, **square("clipped", event.clipped)}
    return sums


def label_sums(prediction: Event, outcome: Event) -> Mapping[str, int]:
    """`monitor.sums.LABELS` of one labelled prediction."""
    sums = {"labelled": 1}
    label = outcome.decision
    if label is not None:
        sums["positive" if label else "negative"] = 1
        if prediction.decision is not None:
            sums[{(1, 1): "tp", (1, 0): "fp", (0, 1): "fn", (0, 0): "tn"}[prediction.decision, label]] = 1
        if prediction.score is not None:
            side = "positive" if label else "negative"
            sums |= {f"scored_{side}": 1, f"score_{side}": prediction.score}
    if prediction.value is not None and outcome.value is not None:
        error = max(min(prediction.value - outcome.value, 2**31 - 1), 1 - 2**31)
        sums |= {"compared": 1, "error": error, "error_abs": abs(error), **square("error", error)}
        sums["outcome_value"] = outcome.value
    return sums


def class_sums(event: Event, name: str) -> Mapping[str, int]:
    """`monitor.sums.DECISIONS` of one prediction, of one class against the rest."""
    decided = event.decision is not None
    return {"events": 1, "decided": int(decided), "favourable": int(decided and event.label_class == name)}


def class_label_sums(prediction: Event, outcome: Event, name: str) -> Mapping[str, int]:
    """`monitor.sums.LABELS` of one labelled prediction, of one class against the rest."""
    sums = {"labelled": 1}
    if outcome.decision is not None:
        true = outcome.label_class == name
        sums["positive" if true else "negative"] = 1
        if prediction.decision is not None:
            chosen = prediction.label_class == name
            sums[{(1, 1): "tp", (1, 0): "fp", (0, 1): "fn", (0, 0): "tn"}[chosen, true]] = 1
    return sums


COUNTED = (
    "events", "decided", "favourable", "scored", "valued",
    "labelled", "positive", "negative", "tp", "fp", "fn", "tn", "scored_positive", "scored_negative", "compared",
)  # fmt: skip
"""The slots that are weighted too."""

SUMMED = {"score": ("w",), "score_positive": ("w",), "score_negative": ("w",), "error_abs": ("w", "ww"),
          "value": ("w", "ww", "w_sq", "ww_sq"), "error": ("w", "ww", "w_sq", "ww_sq")}  # fmt: skip
"""The quantities of which products with weights are kept, and which products."""


def weighted(prediction: Event, sums: Mapping[str, int]) -> Mapping[str, int]:
    """Those of the sums that a prediction's weight counts for: the count, the weight, its square in two parts, products."""
    weight = prediction.weight
    if weight is None:
        return {}
    found: dict[str, int] = {}
    for slot in COUNTED:
        if n := sums.get(slot, 0):
            found |= {slot: n, f"{slot}_weight": weight, **square(f"{slot}_weight", weight)}
    for name, kinds in SUMMED.items():
        x = sums.get(name, 0)
        products = {"w": weight * x, "ww": weight**2 * x, "w_sq": weight * x**2, "ww_sq": (weight * x) ** 2}
        for kind in kinds:
            found |= digits(f"{name}_{kind}", products[kind])
    return found


def digits(name: str, number: int) -> dict[str, int]:
    """Of base 2**31, the least first, each with the number's sign."""
    left, found = abs(number), dict[str, int]()
    while left:
        left, digit = divmod(left, 2**31)
        found[f"{name}_{len(found)}"] = digit if number > 0 else -digit
    return found


def label_score_sums(prediction: Event, outcome: Event) -> Mapping[str, int]:
    """`monitor.sums.LABEL_SCORES` of one labelled prediction."""
    label, score = outcome.decision, prediction.score
    if label is None or score is None:
        return {}
    side = "positive" if label else "negative"
    said = score if label else 10**6 - score  # the score of what came true
    exact = min(max(Decimal(said), Decimal("0.5")), Decimal(10**6) - Decimal("0.5")) / 10**6
    return {
        f"{side}_bin_{hundredth(score)}": 1,
        f"score_in_{min(score // 100_000, 9)}": score,
        f"score_{side}": score,
        **square(f"score_{side}", score),
        f"surprise_{side}": int((-exact.ln() * 10**6).to_integral_value(ROUND_HALF_EVEN)),
    }


def error_sums(prediction: Event, outcome: Event) -> Mapping[str, int]:
    """`monitor.sums.ERRORS` of one labelled prediction."""
    guess, truth = prediction.value, outcome.value
    if guess is None or truth is None:
        return {}
    hi, lo = divmod(guess * truth, 2**31)
    relative = min(abs(guess - truth) * 10**6 // abs(truth), 2**31 - 1) if truth else 0
    size = min(abs(guess - truth), 2**31 - 1)
    both_hi, both_lo = divmod(size * abs(truth), 2**31)
    return {
        "error_abs": size, "error_outcome_hi": both_hi, "error_outcome_lo": both_lo,
        "compared": 1, "predicted": guess, "outcome": truth, "outcome_abs": abs(truth), "product_hi": hi, "product_lo": lo,
        "relative": int(truth != 0), "relative_error": relative,
        **square("predicted", guess), **square("outcome", truth), **square("relative_error", relative),
    }  # fmt: skip


def weighted_score_sums(event: Event) -> Mapping[str, int]:
    """`monitor.sums.WEIGHTED_SCORES` of one prediction that weighs."""
    if event.weight is None or event.score is None:
        return {}
    return {"scored": 1, **square("weight", event.weight), f"score_bin_{hundredth(event.score)}": event.weight}


def weighted_value_sums(event: Event) -> Mapping[str, int]:
    """`monitor.sums.WEIGHTED_VALUES` of one prediction that weighs."""
    if event.weight is None or event.slot is None:
        return {}
    return {"valued": 1, **square("weight", event.weight), event.slot: event.weight}


def weighted_label_score_sums(prediction: Event, outcome: Event) -> Mapping[str, int]:
    """`monitor.sums.WEIGHTED_LABEL_SCORES` of one labelled prediction that weighs."""
    w, score, plain = prediction.weight, prediction.score, label_score_sums(prediction, outcome)
    if w is None or score is None or not plain:
        return {}
    side = "positive" if outcome.decision else "negative"
    found = {f"scored_{side}": 1, **square("weight", w), f"{side}_bin_{hundredth(score)}": w}
    hi, lo = divmod(w * score, 2**31)
    tenth = min(score // 100_000, 9)
    found |= {f"score_in_lo_{tenth}": lo, f"score_in_hi_{tenth}": hi}
    found |= digits(f"score_{side}_w", w * score) | digits(f"score_{side}_w_sq", w * score**2)
    return found | digits(f"surprise_{side}_w", w * plain[f"surprise_{side}"])


def weighted_error_sums(prediction: Event, outcome: Event) -> Mapping[str, int]:
    """`monitor.sums.WEIGHTED_ERRORS` of one labelled prediction that weighs."""
    w, guess, truth = prediction.weight, prediction.value, outcome.value
    if w is None or guess is None or truth is None:
        return {}
    plain = error_sums(prediction, outcome)
    size, relative = plain["error_abs"], plain["relative_error"]
    found: dict[str, int] = {}
    for slot in ("compared", "relative"):
        if plain[slot]:
            found |= {slot: 1, f"{slot}_weight": w, **square(f"{slot}_weight", w)}
    products = {
        "relative_error_w": w * relative, "relative_error_ww": w**2 * relative, "relative_error_ww_sq": (w * relative) ** 2,
        "error_abs_w": w * size, "error_abs_ww_sq": (w * size) ** 2,
        "outcome_abs_w": w * abs(truth), "outcome_abs_ww_sq": (w * truth) ** 2, "error_outcome_ww": w**2 * size * abs(truth),
        "predicted_w": w * guess, "predicted_w_sq": w * guess**2, "outcome_w": w * truth, "outcome_w_sq": w * truth**2,
        "product_w": w * guess * truth,
    }  # fmt: skip
    for name, product in products.items():
        found |= digits(name, product)
    return found


def power_sums(prediction: Event, outcome: Event) -> Mapping[str, int]:
    """`monitor.sums.ERROR_POWERS` of one labelled prediction."""
    if prediction.value is None or outcome.value is None or abs(prediction.value - outcome.value) >= 2**31:
        return {}
    y, e = outcome.value, prediction.value - outcome.value
    powers = {
        "cube": abs(e) ** 3, "fourth": e**4, "crossed": e**2 * y, "crossed_sq": e**2 * y**2,
        "outcome_cube": y**3, "outcome_fourth": y**4,
    }  # fmt: skip
    found = {"powered": 1}
    for name, power in powers.items():
        found |= digits(name, power)
    return found


def hundredth(score: int) -> int:
    """The bin of a score."""
    return min(score // 10_000, 99)


def square(name: str, quantity: int) -> dict[str, int]:
    hi, lo = divmod(quantity * quantity, 2**31)
    return {f"{name}_sq_hi": hi, f"{name}_sq_lo": lo}
