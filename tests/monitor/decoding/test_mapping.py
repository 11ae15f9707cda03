"""Paths into a producer's own messages."""

import pytest

from monitor.decoding.mapping import Mapper, compile_field, compile_path, path_problems
from monitor.errors import MappingError

BODY = {"a": {"b c": [{"d": 1}, None], "é": False}, "x.y": "dotted", "0": "zero"}


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("$", BODY),
        ("$.a['b c'][0].d", 1),
        ('$.a["b c"][0].d', 1),
        ("$.a['b c'][1].d", None),
        ("$.a['b c'][2]", None),
        ("$.a.é", False),
        ("$['x.y']", "dotted"),
        ("$.0", "zero"),
        ("$[0]", None),
        ("$.nobody.is.here", None),
    ],
)
def test_paths(path: str, value: object) -> None:
    assert compile_path(path)(BODY) == value


@pytest.mark.parametrize("path", ["$a", "$.", "$..a", "$.a[", "$.a[-1]", "$.a[*]", "$.a b", "$['']", "$.a['b\"]"])
def test_what_is_no_path(path: str) -> None:
    with pytest.raises(MappingError, match="is not a path: write"):
        compile_path(path)
    assert [where for where, _ in path_problems({"attributes": {"sex": path}})] == [("attributes", "sex")]


def test_a_text_that_starts_otherwise_is_a_constant() -> None:
    assert [compile_field(given)(BODY) for given in ("live", 1, True)] == ["live", 1, True]


def test_an_event_is_put_together_without_nulls() -> None:
    mapper = Mapper({"id": "$.a.id", "time": "$.t", "arm": None, "attributes": {"sex": "$.s"}}, "credit")
    assert mapper({"t": 5}) == {"model": "credit", "time": 5, "attributes": {"sex": None}}
    assert mapper([1]) == {"model": "credit", "attributes": {"sex": None}}
