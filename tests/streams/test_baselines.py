"""A baseline comes back from Postgres as it was stored, the newest first, and is assessed as a window is."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np
import pytest
import sqlalchemy as sa

from monitor.assess import Plan
from monitor.baselines import Baseline, widened
from monitor.estimates import Measured
from monitor.sums import DECISIONS, SCORES
from streams.baselines import load_baseline, store_baseline
from streams.database import engine
from tests.monitor.population import Person, count

PLAN = Plan("credit", (("sex",),), ("selection_rate", "true_positive_rate"))


@pytest.fixture
def connection(database: str) -> Iterator[sa.Connection]:
    made = engine(database)
    with made.connect() as opened:
        yield opened
    made.dispose()


def baseline(selected_women: int = 3) -> Baseline:
    """10 men, 6 of them favoured, and 10 women."""
    people = [Person({"sex": "M"}, decision=at < 6, label=at < 5) for at in range(10)]
    people += [Person({"sex": "F"}, decision=at < selected_women, label=at < 5) for at in range(10)]
    cells, decision, labels = count(people)
    return Baseline("credit", "a file", 20, "abc", 0.01, tuple(cells), {"decision": decision, "label": labels})


def test_comes_back_as_it_was_stored(connection: sa.Connection) -> None:
    store_baseline(connection, baseline())
    found = load_baseline(connection, "credit")
    assert found is not None
    assert (found.source, found.rows, found.cell_schema, found.value_unit) == ("a file", 20, "abc", 0.01)
    np.testing.assert_array_equal(found.decision, baseline().decision)
    assert found.labels is not None
    np.testing.assert_array_equal(found.labels, baseline().labels)
    rates = {p.group_values.get("sex"): p.estimate for p in found.assess(PLAN).groups if p.metric == "selection_rate"}
    assert isinstance(rates["F"], Measured)
    assert (rates["F"].value, rates["F"].n, rates["M"].value) == (0.3, 10, 0.6)


def test_histograms_come_back_too(connection: sa.Connection) -> None:
    scores = np.arange(2 * len(SCORES), dtype=np.int64).reshape(2, len(SCORES))
    store_baseline(connection, replace(baseline(), sums={**baseline().sums, "score": scores}))
    found = load_baseline(connection, "credit")
    assert found is not None
    assert set(found.sums) == {"decision", "label", "score"}
    np.testing.assert_array_equal(found.sums["score"], scores)


def test_without_labels_there_are_none(connection: sa.Connection) -> None:
    store_baseline(connection, replace(baseline(), sums={"decision": baseline().decision}))
    found = load_baseline(connection, "credit")
    assert found is not None
    assert found.labels is None
    assert found.assess(PLAN).metrics == ("selection_rate",)


def test_the_newest_is_in_force_and_a_model_may_have_none(connection: sa.Connection) -> None:
    assert load_baseline(connection, "credit") is None
    store_baseline(connection, baseline(3))
    store_baseline(connection, baseline(9))
    store_baseline(connection, replace(baseline(), model="other"))
    found = load_baseline(connection, "credit")
    assert found is not None
    assert found.decision[:, DECISIONS.index("favourable")].tolist() == [6, 9]
    assert load_baseline(connection, "credit", at=datetime(2020, 1, 1, tzinfo=UTC)) is None


def test_sums_of_an_older_layout_are_filled_up_with_zeros() -> None:
    short = np.arange(6, dtype=np.int64).reshape(2, 3)
    wide = widened(short, DECISIONS)
    assert wide.shape == (2, len(DECISIONS))
    assert wide[1].tolist() == [3, 4, 5] + [0] * (len(DECISIONS) - 3)


def test_the_groups_of_one_baseline_are_not_those_of_another(connection: sa.Connection) -> None:
    """Groupings are remembered by the ids of cells."""
    other = [Person({"sex": name}, decision=True) for name in ("old", "young")]
    cells, decision, labels = count(other)
    store_baseline(connection, baseline())
    store_baseline(
        connection, Baseline("ages", "a file", 2, "def", 0.01, tuple(cells), {"decision": decision, "label": labels})
    )
    for model, groups in (("credit", {"M", "F"}), ("ages", {"old", "young"})):
        found = load_baseline(connection, model)
        assert found is not None
        shown = found.assess(PLAN).groups
        assert {point.group_values["sex"] for point in shown if point.group_values} == groups
