import time

import pytest

from alerts.errors import UnreadableMatcher
from alerts.matching import Matcher, Operator, equal_to, matches


@pytest.mark.parametrize(
    ("text", "name", "operator", "value"),
    [
        ("severity=page", "severity", "=", "page"),
        ('severity="page"', "severity", "=", "page"),
        (' model =~ "a|b" ', "model", "=~", "a|b"),
        ("team!=x", "team", "!=", "x"),
        ("team!~x.*", "team", "!~", "x.*"),
        ('note="a \\"b\\" \\\\ c\\nd"', "note", "=", 'a "b" \\ c\nd'),
        ('empty=""', "empty", "=", ""),
        ("empty=", "empty", "=", ""),
    ],
)
def test_it_is_read_as_alertmanager_writes_it(text: str, name: str, operator: str, value: str) -> None:
    made = Matcher.parse(text)
    assert (made.name, made.operator, made.value) == (name, Operator(operator), value)
    assert Matcher.parse(str(made)) == made


@pytest.mark.parametrize(
    "text", ["", "severity", "=page", "a b=c", "a=~(", 'a="b', "a==b c", "a={}", "1a=b", "a" * 5000]
)
def test_what_cannot_be_read(text: str) -> None:
    with pytest.raises(UnreadableMatcher):
        Matcher.parse(text)


@pytest.mark.parametrize(
    ("text", "value", "met"),
    [
        ("a=x", "x", True),
        ("a=x", "xx", False),
        ("a!=x", "y", True),
        ("a!=x", "x", False),
        ("a=~x", "xx", False),  # the whole value
        ("a=~x+", "xx", True),
        ("a!~x+", "xx", False),
        ("a!~x", "xx", True),
        ("a=", "", True),
        ("a=~.+", "", False),
    ],
)
def test_operators(text: str, value: str, met: bool) -> None:
    assert Matcher.parse(text)({"a": value}) is met


def test_a_label_that_is_missing_is_empty() -> None:
    assert Matcher.parse('a=""')({}) and Matcher.parse("a!=x")({}) and Matcher.parse("a=~.*")({})
    assert not Matcher.parse("a=x")({})


def test_all_must_be_met_and_none_is_met_by_everything() -> None:
    assert matches(equal_to({"a": "1", "b": "2"}), {"a": "1", "b": "2", "c": "3"})
    assert not matches(equal_to({"a": "1", "b": "2"}), {"a": "1"})
    assert matches((), {})


def test_no_expression_takes_long() -> None:
    """Python's own `re` needs years for this one."""
    began = time.process_time()
    assert not Matcher.parse("a=~(x+x+)+y")({"a": "x" * 5000})
    assert time.process_time() - began < 5
