"""What a person reads of an audit on a terminal, of files that are as odd as files are."""

from datetime import date
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from streams.audit.asking import Wishes, prepare
from streams.audit.gating import Asked, find
from streams.audit.printing import render
from streams.audit.reading import AuditError, read
from streams.audit.run import Request, audit

BY_SEX = {"sex": "sex"}


def printed(
    folder: Path, text: str, wishes: Wishes | None = None, *, nulls: tuple[str, ...] = (), **asked: object
) -> str:
    """The audit of a CSV of this text, as wide as a wide terminal."""
    path, out = folder / "rows.csv", StringIO()
    path.write_text(text)
    table = read(path, frozenset(nulls))
    found = audit(table, prepare(table, wishes or Wishes(attributes=BY_SEX), None), Request(**asked))  # type: ignore[arg-type]
    Console(file=out, width=160).print(render(found, 160))
    return out.getvalue()


def test_a_single_row_is_told_in_one_line_of_what_is_not_compared(tmp_path: Path) -> None:
    told = printed(tmp_path, "sex,decision,score,label\nF,1,0.5,1\n")
    assert "1 row\n" in told
    assert "not compared, with fewer than two groups of 30 or more: selection rate, mean score, true positive" in told
    assert told.count("fewer than two groups") == 1
    assert "labels in the data" not in told, "there is nobody else whose labels could differ"


def test_groups_that_are_equal_are_called_neither_lowest_nor_highest(tmp_path: Path) -> None:
    told = printed(tmp_path, "sex,decision\n" + "F,1\nM,1\n" * 40)
    assert "selection rate, difference: 0.000  -0.088 to 0.088  no group differs" in told
    assert "lowest" not in told


def test_a_distance_is_between_two_groups(tmp_path: Path) -> None:
    rows = "".join(f"{'FM'[n % 2]},{n}\n" for n in range(80))
    told = printed(tmp_path, "sex,value\n" + rows, metrics=("standardised_mean_difference",))
    (line,) = (line for line in told.splitlines() if line.strip().startswith("standardised mean difference"))
    assert line.rstrip().endswith(("F and M", "M and F"))


def test_a_file_without_decisions_says_so(tmp_path: Path) -> None:
    told = printed(tmp_path, "sex,value\n" + "F,1\nM,2\n" * 40)
    assert "no decisions, so no rates of them" in told
    assert "mean value, difference: 1.000" in told


def test_no_interval_ends_where_nothing_can_be(tmp_path: Path) -> None:
    """Squared errors .64 and .0025: Student's interval alone would be -3.7 to 4.4; a correlation of 1 has none."""
    text = "sex,decision,label,score\nF,1,1,0.2\nF,0,0,0.05\nM,,,\n"
    told = printed(tmp_path, text, metrics=("brier_score", "log_loss", "matthews_correlation"))
    assert "0.321  0.000 to 1.000" in told
    assert "0.830  0.000 to" in told
    assert "up to" not in told


def test_the_letters_of_the_skew_are_explained(tmp_path: Path) -> None:
    told = printed(tmp_path, "sex,decision,label\n" + "F,1,1\nF,0,0\nM,1,1\nM,1,0\nM,0,0\n" * 20)
    assert "CI: class imbalance" in told


def test_few_rows_tell_of_no_proxy(tmp_path: Path) -> None:
    """Of four rows and three ages chance alone makes all the association there can be."""
    told = printed(tmp_path, "sex,age,decision\nF,30,1\nM,20,0\nF,30,0\nM,40,1\n")
    assert "too few rows for so many values and groups" in told


@pytest.mark.parametrize(
    ("value", "told"),
    [("NaN", "'NaN' in row 2, where a number is needed; if it stands for none, say so with --null NaN"),
     ("heavy", "'heavy' in row 2, where a number is needed$"), ("-2", "-2 in row 2: a weight is a number from 1e-06")],
)  # fmt: skip
def test_a_weight_that_is_none_says_what_to_do(tmp_path: Path, value: str, told: str) -> None:
    wishes = Wishes(attributes=BY_SEX, weights="w")
    with pytest.raises(AuditError, match=told):
        printed(tmp_path, f"sex,decision,w\nF,1,1\nM,0,{value}\n", wishes)


def test_what_stands_for_none_may_be_named(tmp_path: Path) -> None:
    text = "sex,decision,score,w\nF,1,NaN,1\nM,0,0.5,NaN\n,1,1.5,3\n"
    told = printed(tmp_path, text, Wishes(attributes=BY_SEX, weights="w"), nulls=("NaN",))
    assert "1 row without sex" in told
    assert "1 score outside 0 to 1: counted for the scoring rate" in told


def test_a_value_beyond_counting_is_told(tmp_path: Path) -> None:
    """The unit follows from the largest value, so that the others are nothing beside it: a zero of that kind is explained."""
    told = printed(tmp_path, "sex,decision,value\nF,1,1e100\nM,0,1\n")
    assert "5.000e+99" in told
    assert "values are counted in units of 1e+91: what is below half of that counts as 0" in told


def test_what_a_policy_lacks_is_told_once(tmp_path: Path) -> None:
    asked = Asked("us-four-fifths", find("us-four-fifths"))
    told = printed(tmp_path, "sex,value\n" + "F,1\nM,2\n" * 40, policies=(asked,), today=date(2026, 11, 22))
    assert "CANNOT SAY" in told
    assert told.count("the data does not have what the metric needs") == 1
