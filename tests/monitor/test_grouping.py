"""Groups as sums of cells."""

from itertools import product

import numpy as np

from monitor.grouping import CellInfo, Shape, attribute_sets, grouping

CELLS = [
    CellInfo(at, "v1", arm, {"sex": sex, "age": age})
    for at, (arm, sex, age) in enumerate(product(("live", "shadow"), "FM", ("old", "young", "unknown")))
]
SHAPE = Shape(
    attribute_sets(("sex", "age"), 2), excluded=frozenset({"unknown"}), references=(("age", "old"), ("sex", "M"))
)


def test_every_group_is_the_sum_of_its_cells() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.integers(-(2**60), 2**60, (len(CELLS), 3)) // len(CELLS)
    found = grouping(CELLS, SHAPE)
    sums = found.sum(matrix)
    for group, row in zip(found.groups, sums, strict=True):
        inside = [c.arm == "live" and group.values.items() <= c.groups.items() for c in CELLS]
        assert row.tolist() == matrix[inside].sum(axis=0).tolist()


def test_excluded_groups_and_intersections_with_them_are_not_compared() -> None:
    found = grouping(CELLS, SHAPE)
    excluded = [g.values for g, compared in zip(found.groups, found.compared, strict=True) if not compared]
    assert excluded == [{"age": "unknown"}, {"age": "unknown", "sex": "F"}, {"age": "unknown", "sex": "M"}]


def test_the_reference_of_an_intersection_is_that_of_references() -> None:
    found = grouping(CELLS, SHAPE)
    references = {name[2]: found.groups[at].values for name, at in zip(found.names, found.reference, strict=True)}
    assert references == {("age",): {"age": "old"}, ("sex",): {"sex": "M"}, ("age", "sex"): {"age": "old", "sex": "M"}}


def test_it_is_worked_out_once_per_set_of_cells() -> None:
    again = [CellInfo(c.id, c.version, c.arm, dict(c.groups)) for c in CELLS]
    assert grouping(CELLS, SHAPE) is grouping(again, SHAPE)
    assert grouping(CELLS[1:], SHAPE) is not grouping(CELLS, SHAPE)


def test_groups_do_not_depend_on_the_order_of_cells() -> None:
    assert grouping(CELLS, SHAPE).groups == grouping(CELLS[::-1], SHAPE).groups
