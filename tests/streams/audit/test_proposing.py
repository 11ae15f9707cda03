"""Groups proposed from data, and the YAML that they make."""

from collections.abc import Sequence

import numpy as np
import pytest

from streams.audit.proposing import as_yaml, nice_edges, propose, protected
from streams.audit.reading import AuditError, Column
from streams.config import parse
from streams.replay import Scalar


def column(values: Sequence[Scalar], name: str = "x") -> Column:
    distinct = list(dict.fromkeys(value for value in values if value is not None))
    codes = [-1 if value is None else distinct.index(value) for value in values]
    return Column(name, np.array(codes, np.int32), tuple(distinct))


def test_values_are_declared() -> None:
    found = propose(column(["F", "M", "F", None, "M", "M"], "sex"))
    assert found.config.groups == ("F", "M")
    assert found.remark == "F 2, M 3"


def test_many_numbers_are_binned_at_round_edges() -> None:
    found = propose(column([float(n) for n in range(20, 70)] * 4, "age"))
    assert found.config.bins == (32.0, 44.0, 56.0)
    assert found.remark == "<32 48, 32-44 48, 44-56 48, >=56 56"


def test_few_numbers_are_codes() -> None:
    assert propose(column([1, 2, 3, 2], "education")).config.groups == ("1", "2", "3")


def test_rare_values_become_other() -> None:
    values: list[Scalar] = [f"v{n:02}" for n in range(30) for _ in range(30 - n)]
    found = propose(column(values))
    assert len(found.config.groups) == 20
    assert found.remark.endswith("; other 55")  # 10 + 9 + ... + 1


def test_other_and_unknown_are_not_declared() -> None:
    assert propose(column(["a", "other", "unknown", "b"])).config.groups == ("a", "b")


def test_an_identifier_is_no_attribute() -> None:
    with pytest.raises(AuditError, match="an identifier"):
        propose(column([f"id{n}" for n in range(200)]))
    with pytest.raises(AuditError, match="is empty"):
        propose(column([None, None]))


@pytest.mark.parametrize(
    ("numbers", "edges"),
    [
        ([1000.0 * n for n in range(1, 101)], (25000.0, 50000.0, 75000.0)),
        ([n / 1000 for n in range(1000)], (0.25, 0.5, 0.75)),
        ([5.0] * 100, ()),
        ([0.0] * 90 + [1.0] * 10, ()),
    ],
)
def test_edges(numbers: list[float], edges: tuple[float, ...]) -> None:
    assert nice_edges(numbers, 4) == pytest.approx(edges)


def test_names_that_sound_protected() -> None:
    assert protected(["id", "Sex", "age_years", "message", "limit", "marital-status"]) == [
        "Sex",
        "age_years",
        "marital-status",
    ]


def test_the_yaml_is_a_configuration() -> None:
    proposed = [
        propose(column(["yes", "no", "it's: odd", "#1"], "member")),
        propose(column([1, 2, 1], "sex")),
        propose(column([float(n) for n in range(20, 70)], "age")),
    ]
    (model,) = parse(as_yaml("credit", proposed)).models
    assert model.name == "credit"
    assert set(model.attributes["member"].groups) == {"yes", "no", "it's: odd", "#1"}
    assert model.attributes["sex"].groups == ("1", "2")
    assert len(model.attributes["age"].bins) == 3
