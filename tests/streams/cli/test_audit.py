"""`fairdrift audit` as people use it: exit codes, JSON, HTML, a proposed section, a stored baseline."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest
import sqlalchemy as sa

from streams import cli
from streams.baselines import load_baseline
from streams.config import parse
from streams.database import engine


def audit(*words: str) -> int:
    """The exit code."""
    with pytest.raises(SystemExit) as left:
        cli.main(["audit", *words])
    return int(left.value.code or 0)


def rows(folder: Path, women: int, men: int, n: int = 200, name: str = "rows.csv") -> str:
    """So many of n women and of n men are granted."""
    lines = [f"F,{int(at < women)}" for at in range(n)] + [f"M,{int(at < men)}" for at in range(n)]
    path = folder / name
    path.write_text("\n".join(["sex,granted", *lines]) + "\n")
    return str(path)


ASKED = ("--attribute", "sex", "--decision", "granted", "--gate", "us-four-fifths", "--no-proxies")


@pytest.mark.parametrize(("women", "code"), [(100, 0), (50, 1), (75, 2)])
def test_the_gate_is_the_exit_code(tmp_path: Path, women: int, code: int, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 200 men 100: as many women are clear, 50 have z = 5.2. Of 95 men 75 are .789 with z = 2.03, but 76 of 94 are .809."""
    men = 95 if women == 75 else 100
    assert audit(rows(tmp_path, women, men), *ASKED) == code
    shown = capsys.readouterr().out
    assert "us-four-fifths" in shown
    assert {0: "CLEAR", 1: "BREACHED", 2: "CANNOT SAY"}[code] in shown


def test_without_a_gate_a_breach_is_no_failure(tmp_path: Path) -> None:
    words = [word if word != "--gate" else "--policy" for word in ASKED]
    assert audit(rows(tmp_path, 20, 100), *words) == 0


def test_json_is_one_document_on_standard_output(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit(rows(tmp_path, 50, 100), *ASKED, "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["rows"] == 400
    ratio = next(one for one in found["disparities"] if one["aggregate"] == "ratio")
    assert (ratio["value"], ratio["lower_group"]) == (0.5, {"sex": "F"})
    assert found["policies"][0]["answer"] == "breached"
    women = next(one for one in found["policies"][0]["parts"][0]["lines"] if one["group"] == {"sex": "F"})
    assert women["shortfall"] == 30  # .8 of 100 of 200: eighty


def test_a_gap_that_may_be_none_says_how_large_one_would_have_been_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Fairlearn 1414 asks how many are needed. Half of a hundred each: (1.96 + 0.8416) sqrt(.25 x 2 / 100) = .198."""
    file, page = rows(tmp_path, 50, 50, 100), tmp_path / "a.html"
    told = "a difference above 0.198 would have been found, four times in five"
    assert audit(file, *ASKED[:4], "--report", str(page)) == 0
    assert told in capsys.readouterr().out
    assert told in page.read_text()
    assert audit(file, *ASKED[:4], "--json") == 0
    gap = next(one for one in json.loads(capsys.readouterr().out)["disparities"] if one["aggregate"] == "difference")
    assert gap["detectable"] == pytest.approx(0.1981, abs=1e-4)
    assert audit(rows(tmp_path, 10, 90, 100), *ASKED[:4]) == 0
    assert "would have been found" not in capsys.readouterr().out


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.links: list[str] = []
        self.tags: list[str] = []
        self.text: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src")]

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_the_page_needs_nothing_else_and_escapes_what_it_shows(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    lines = [f'"<script>alert({at % 2})</script>",{at % 2}' for at in range(100)]
    path.write_text("\n".join(["sex,granted", *lines]) + "\n")
    page, data = tmp_path / "a.html", tmp_path / "a.json"
    assert audit(str(path), *ASKED[:4], "--report", str(page), "--report", str(data)) == 0
    found = _Tags()
    found.feed(page.read_text())
    assert found.links == []
    assert "script" not in found.tags
    assert "<script>alert(0)</script>" in "".join(found.text)
    assert json.loads(data.read_text())["rows"] == 100


def test_a_proposal_is_a_configuration_that_reads_the_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = rows(tmp_path, 50, 100)
    assert audit(file, "--propose") == 0
    text = capsys.readouterr().out
    assert parse(text).models[0].attributes["sex"].groups == ("F", "M")
    config = tmp_path / "fairdrift.yaml"
    config.write_text(text)
    assert audit(file, "--config", str(config), "--decision", "granted") == 0


def test_policies_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert audit("--list-policies") == 0
    shown = capsys.readouterr().out
    assert "us-four-fifths" in shown
    assert "29 CFR 1607.4(D)" in shown
    assert audit("--list-policies", "--json") == 0
    assert {one["id"] for one in json.loads(capsys.readouterr().out)} >= {"us-ecoa", "nyc-local-law-144"}


def test_a_baseline_is_stored(tmp_path: Path, database: str, capsys: pytest.CaptureFixture[str]) -> None:
    file, config = rows(tmp_path, 50, 100), tmp_path / "fairdrift.yaml"
    config.write_text(f"postgres: {{url: '{database}'}}\nmodels: [{{name: credit, attributes: {{sex: [F, M]}}}}]\n")
    words = (file, "--config", str(config), "--decision", "granted", "--store-baseline", "credit")
    assert audit(*words) == 0
    assert "stored as baseline" in capsys.readouterr().err
    made: sa.Engine = engine(database)
    with made.connect() as connection:
        found = load_baseline(connection, "credit")
    made.dispose()
    assert found is not None
    assert (found.rows, found.source) == (400, "audit of rows.csv")


POLICIES = """
models: [{name: credit, attributes: {sex: [F, M]}}]
policies:
  - {name: spring, models: [credit], policy: us-four-fifths, starts: 2026-03-01T00:00:00Z, ends: 2026-06-01T00:00:00Z}
  - {name: summer, models: [credit], policy: us-four-fifths, starts: 2026-06-01T00:00:00Z, ends: 2026-09-01T00:00:00Z}
  - {name: winter, models: [credit], policy: us-four-fifths, starts: 2026-12-01T00:00:00Z, ends: 2027-01-01T00:00:00Z}
"""


def test_a_configured_policy_judges_its_period(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Women at half the rate until May, at the same from June on; nothing in winter."""
    config, file = tmp_path / "fairdrift.yaml", tmp_path / "rows.csv"
    config.write_text(POLICIES)
    lines = [f"2026-05-31T23:59:59Z,{sex},{int(at < n)}" for sex, n in (("F", 50), ("M", 100)) for at in range(200)]
    lines += [f"2026-06-01T00:00:00Z,{sex},{int(at < 100)}" for sex in "FM" for at in range(200)]
    file.write_text("\n".join(["time,sex,decision", *lines]) + "\n")
    words = (str(file), "--config", str(config), "--no-proxies")
    assert [audit(*words, "--gate", name) for name in ("spring", "summer", "winter")] == [1, 0, 2]
    assert "no row is in the policy's period" in " ".join(capsys.readouterr().out.split())
    assert audit(*words, "--json") == 0
    found = json.loads(capsys.readouterr().out)
    assert {one["policy"]: one["answer"] for one in found["policies"]} == {
        "spring": "breached", "summer": "clear", "winter": "cannot say",
    }  # fmt: skip


def test_names_of_columns_and_files_may_be_anything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "my loans (2026).csv"
    file.write_text(
        "\n".join(["Marital Status,decision", *(f"{'MS'[at % 2]},{at % 3 % 2}" for at in range(90))]) + "\n"
    )
    assert audit(str(file), "--attribute", "Marital Status") == 0
    assert "Marital_Status" in capsys.readouterr().out
    assert audit(str(file), "--propose") == 0
    assert parse(capsys.readouterr().out).models[0].name == "my_loans_2026"


def test_codes_may_be_given_their_meaning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "rows.csv"
    file.write_text("\n".join(["sex,decision", *(f"{1 + at % 2},{at % 3 % 2}" for at in range(90))]) + "\n")
    assert audit(str(file), "--attribute", "sex", "--meaning", "sex=men:1,women:2", "--reference", "sex=men") == 0
    assert "women against men" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ((), "name a CSV or Parquet file"),
        (("nothing.csv",), "there is no file nothing.csv"),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--gate", "us-five-sixths"), "there is no policy"),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--on", "yesterday"), "write a day"),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--exclude", "sex=F"), "write the group and why"),
        (
            ("rows.csv", "--attribute", "sex", "--decision", "granted", "--metric", "karma"),
            "there is no metric 'karma'",
        ),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--report", "a.pdf"), "ends in .html or .json"),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--store-baseline", "m"), "needs --config"),
        (("rows.csv", "--attribute", "sex", "--bins", "sex=a"), "write numbers"),
        (("rows.csv", "--reference", "sex"), "write NAME=VALUE"),
        (("rows.csv", "--attribute", "sex", "--meaning", "sex=F"), "write group:value"),
        (
            ("rows.csv", "--attribute", "sex", "--decision", "granted", "--cut", "2"),
            "decision.cut: it must be less than",
        ),
        (
            ("rows.csv", "--attribute", "sex", "--decision", "granted", "--bins", "sex=3,2"),
            "sex: edges must be finite and rise",
        ),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--gate", "./no.yaml"), "No such file"),
        (("rows.csv", "--attribute", "sex", "--decision", "granted", "--classes", "1"), "--classes needs --favourable"),
        (("no.csv", "--report", "page.pdf"), "the name ends in .html or .json"),
        (("no.csv", "--store-baseline", "m"), "--store-baseline needs --config"),
    ],
)
def test_mistakes_exit_with_2_and_words(
    words: tuple[str, ...],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    rows(tmp_path, 1, 1, 2)
    assert audit(*words) == 2
    assert told in " ".join(capsys.readouterr().err.split())
