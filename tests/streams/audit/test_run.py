"""An audit: the same sums and estimates as of the stream, policies by the day of the decision, proxies and skew."""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn import metrics as fairlearn
from sklearn import metrics as sklearn

from monitor.estimates import Measured, State
from monitor.policies import Answer, Context, Reason
from streams.audit.asking import Wishes, prepare
from streams.audit.counting import count
from streams.audit.gating import Asked, find
from streams.audit.html import page
from streams.audit.plain import plain
from streams.audit.reading import AuditError, read
from streams.audit.run import Audit, Request, audit
from tests.monitor.population import Person
from tests.monitor.population import count as count_people

TODAY = date(2026, 11, 22)


def csv(folder: Path, columns: Mapping[str, Any]) -> Path:
    path = folder / "rows.csv"
    pd.DataFrame(columns).to_csv(path, index=False)
    return path


def done(folder: Path, columns: Mapping[str, Any], wishes: Wishes, request: Request | None = None) -> Audit:
    table = read(csv(folder, columns))
    return audit(table, prepare(table, wishes, None), request or Request(today=TODAY))


def crowd(seed: int, n: int = 500) -> dict[str, Any]:
    draws = np.random.default_rng(seed)
    return {
        "sex": draws.choice(["F", "M", ""], n, p=[0.45, 0.5, 0.05]),
        "age": draws.integers(18, 80, n),
        "decision": draws.integers(0, 2, n),
        "label": draws.integers(0, 2, n),
        "score": draws.random(n).round(6),
        "value": draws.integers(1, 50_000, n),
    }


def rate(found: Audit, metric: str, **group: str) -> Any:
    return next(p.estimate for p in found.assessment.groups if p.metric == metric and dict(p.group_values) == group)


def test_sums_are_those_of_events_counted_one_by_one(tmp_path: Path) -> None:
    columns = crowd(1)
    table = read(csv(tmp_path, columns))
    wishes = Wishes(attributes={"sex": "sex", "age": "age"}, bins={"age": (30.0, 50.0)})
    prepared = prepare(table, wishes, None)
    found = count(prepared.rows, prepared.model)
    band = ["<30" if age < 30 else "30-50" if age < 50 else ">=50" for age in columns["age"]]
    people = [
        Person(
            {"sex": sex or "unknown", "age": age},
            decision=bool(decision),
            label=bool(label),
            score=round(score * 1e6),
            value=int(value) * 100,
        )
        for sex, age, decision, label, score, value in zip(
            columns["sex"], band, columns["decision"], columns["label"], columns["score"], columns["value"], strict=True
        )
    ]
    cells, decision, _ = count_people(people)
    order = {tuple(sorted(cell.groups.items())): at for at, cell in enumerate(cells)}
    slots = slice(0, 4)  # events, decided, favourable, scored
    for at, cell in enumerate(found.cells):
        expected = decision[order[tuple(sorted(cell.groups.items()))]]
        np.testing.assert_array_equal(found.sums["decision"][at, slots], expected[slots])
    assert found.sums["decision"].sum(axis=0)[8] == sum(person.value or 0 for person in people)
    assert found.sums["label"][:, 0].sum() == len(people)


def test_metrics_are_fairlearns(tmp_path: Path) -> None:
    columns = crowd(2)
    found = done(tmp_path, columns, Wishes(attributes={"sex": "sex"}))
    frame = fairlearn.MetricFrame(
        metrics={"selection_rate": fairlearn.selection_rate, "true_positive_rate": fairlearn.true_positive_rate},
        y_true=columns["label"],
        y_pred=columns["decision"],
        sensitive_features=pd.Series(columns["sex"]).replace("", "unknown"),
    )
    for metric in ("selection_rate", "true_positive_rate"):
        for group in ("F", "M", "unknown"):
            assert rate(found, metric, sex=group).value == pytest.approx(frame.by_group[metric][group])


def test_each_audit_has_its_own_groups(tmp_path: Path) -> None:
    """Of as many cells: groupings are remembered by the ids of cells."""
    for names in (["F", "M"], ["X", "Y"]):
        found = done(tmp_path, {"sex": names * 40, "decision": [1, 0] * 40}, Wishes(attributes={"sex": "sex"}))
        assert rate(found, "selection_rate", sex=names[0]).value == 1.0


def test_the_gap_within_strata_stands_beside_the_raw_one(tmp_path: Path) -> None:
    """Simpson: easy admits 80% of 100 men and 90% of 20 women, hard 10% of 20 and 20% of 100; raw .683 against .317."""
    rows = [("easy", "M", at < 80) for at in range(100)] + [("easy", "F", at < 18) for at in range(20)]
    rows += [("hard", "M", at < 2) for at in range(20)] + [("hard", "F", at < 20) for at in range(100)]
    columns = {"field": [r[0] for r in rows], "sex": [r[1] for r in rows], "decision": [int(r[2]) for r in rows]}
    found = plain(done(tmp_path, columns, Wishes(attributes={"sex": "sex"}, factors={"field": "field"})))
    gap = next(one for one in found["disparities"] if one["aggregate"] == "difference")
    assert gap["value"] == pytest.approx(82 / 120 - 38 / 120)
    assert gap["within"]["value"] == pytest.approx(-0.1)  # ten points in favour of women in either
    assert (gap["within"]["factors"], gap["within"]["strata"], gap["within"]["reversed"]) == (["field"], 2, True)


def test_small_groups_take_no_part_in_disparities_but_are_shown(tmp_path: Path) -> None:
    columns = {"g": ["a"] * 50 + ["b"] * 50 + ["c"] * 2, "decision": [1, 0] * 50 + [0, 0]}
    found = done(tmp_path, columns, Wishes(attributes={"g": "g"}))
    assert isinstance(rate(found, "selection_rate", g="c"), Measured)
    gap = next(g for g in found.assessment.disparities if g.aggregate == "difference")
    assert gap.estimate.value == 0.0


def test_what_is_withheld_is_withheld_in_json(tmp_path: Path) -> None:
    columns = {"g": ["a"] * 50 + ["b"] * 50 + ["c"] * 2, "decision": [1, 0] * 51}
    found = done(tmp_path, columns, Wishes(attributes={"g": "g"}, display_min=10))
    written = plain(found)
    shown = {one["group"].get("g"): one for one in written["groups"] if one["metric"] == "selection_rate"}
    assert shown["c"]["state"] == State.SUPPRESSED
    assert shown["c"]["value"] is None
    assert {one["group"].get("g"): one["n"] for one in written["people"]}["c"] is None


class TestPolicies:
    def columns(self) -> dict[str, list[Any]]:
        """Before 21 July women are at half the rate; after it at the same."""
        rows = [("2026-07-01", "F", at < 25) for at in range(100)] + [("2026-07-01", "M", at < 50) for at in range(100)]
        rows += [("2026-08-01", "F", at < 50) for at in range(100)] + [
            ("2026-08-01", "M", at < 50) for at in range(100)
        ]
        return {"time": [r[0] for r in rows], "sex": [r[1] for r in rows], "decision": [int(r[2]) for r in rows]}

    def ruling(self, folder: Path, name: str, columns: Mapping[str, Any], **wishes: Any) -> Any:
        asked = Asked(name, find(name), Context(), gate=True)
        wanted = Wishes(attributes={"sex": "sex"}, references={"sex": "M"}, **wishes)
        return done(folder, columns, wanted, Request(policies=(asked,), today=TODAY)).rulings[0]

    def test_a_period_that_spans_two_versions_is_split(self, tmp_path: Path) -> None:
        found = self.ruling(tmp_path, "us-ecoa", self.columns())
        assert found.answer is Answer.BREACHED
        assert [(part.rows, part.judgement.answer) for part in found.parts] == [
            (200, Answer.BREACHED),
            (200, Answer.CANNOT_SAY),
        ]
        assert [part.stretch.last for part in found.parts] == [date(2026, 7, 20), date(2026, 8, 1)]

    def test_rows_without_a_time_are_judged_by_a_day_that_is_said(self, tmp_path: Path) -> None:
        columns = {name: values for name, values in self.columns().items() if name != "time"}
        found = self.ruling(tmp_path, "us-ecoa", columns)
        assert found.answer is Answer.CANNOT_SAY
        assert "2026-11-22" in found.assumed

    def test_before_the_policy_there_is_no_answer(self, tmp_path: Path) -> None:
        columns = {**self.columns(), "time": ["2020-01-01"] * 400}
        found = self.ruling(tmp_path, "nyc-local-law-144", columns)
        assert (found.answer, found.reasons) == (Answer.CANNOT_SAY, (Reason.NOT_IN_FORCE,))

    def test_scoring_rate_is_the_share_strictly_above_the_median_of_all(self, tmp_path: Path) -> None:
        """Scores 1 to 10 with the median 5.5 of an even number, then 11 values with the median itself left out."""
        columns = {"sex": ["F"] * 5 + ["M"] * 6, "score": [1, 2, 3, 4, 9, 5, 6, 7, 8, 10, 11]}
        found = self.ruling(tmp_path, "nyc-local-law-144", columns)
        lines = {line.group.values["sex"]: line for line in found.parts[0].judgement.lines}
        assert (lines["F"].group.numerator, lines["F"].group.n) == (1, 5)  # the median is 6: of F only 9 is above
        assert (lines["M"].group.numerator, lines["M"].group.n) == (4, 6)
        assert lines["F"].value == pytest.approx((1 / 5) / (4 / 6))

    def test_the_scoring_rate_is_exact_where_bins_are_not(self, tmp_path: Path) -> None:
        """Scores that differ in the sixth digit: all in one bin."""
        columns = {"sex": ["F", "M"] * 50, "score": [0.5 + at * 1e-6 for at in range(100)]}
        found = self.ruling(tmp_path, "nyc-local-law-144", columns)
        lines = [line for line in found.parts[0].judgement.lines if line.criterion.metric == "scoring_rate"]
        assert {line.group.values["sex"]: (line.group.numerator, line.group.n) for line in lines} == {
            "F": (25, 50),
            "M": (25, 50),
        }

    def test_the_unknown_are_those_of_unknown_group_and_not_everybody(self, tmp_path: Path) -> None:
        columns = {"sex": ["F"] * 50 + ["M"] * 50 + [""] * 3, "decision": [1, 0] * 50 + [1] * 3}
        (part,) = self.ruling(tmp_path, "us-four-fifths", columns).parts
        assert part.judgement.unknown == {("sex",): 3}

    def test_a_policy_of_ones_own(self, tmp_path: Path) -> None:
        mine = tmp_path / "mine.yaml"
        mine.write_text(
            "{id: mine, title: Mine, jurisdiction: house, instrument: house, citation: none, explanation: none,"
            " status: {text: ours, source: us, date: 2026-01-01},"
            " criteria: [{metric: selection_rate, aggregate: ratio, reference: highest, low: 0.95}]}"
        )
        assert self.ruling(tmp_path, str(mine), self.columns()).answer is Answer.BREACHED


def test_a_proxy_is_found(tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    sex = draws.choice(["F", "M"], 2000)
    height = np.where(sex == "F", 165.0, 178.0) + draws.normal(0, 7, 2000)
    columns = {
        "sex": sex,
        "height": height.round(1),
        "noise": draws.random(2000),
        "id": [f"p{n}" for n in range(2000)],
        "one": ["x"] * 2000,
        "decision": draws.integers(0, 2, 2000),
    }
    found = done(tmp_path, columns, Wishes(attributes={"sex": "sex"}))
    by_column = {one.column: one for one in found.proxies}
    assert found.proxies[0].column == "height"
    assert set(by_column) == {"height", "noise", "id", "one"}
    height_found, noise = by_column["height"].found, by_column["noise"].found
    assert height_found is not None
    assert noise is not None
    assert height_found.cramers_v.low > 0.5
    assert noise.cramers_v.high < 0.1
    assert "identifier" in by_column["id"].reason
    assert by_column["one"].reason == "one value only"


def test_skew_of_labels(tmp_path: Path) -> None:
    """Women 10 of 50 positive, men 50 of 100: DPL .3, and the imbalance a third."""
    columns = {"sex": ["F"] * 50 + ["M"] * 100, "label": [1] * 10 + [0] * 40 + [1, 0] * 50, "decision": [1, 0] * 75}
    found = done(tmp_path, columns, Wishes(attributes={"sex": "sex"}))
    women = next(one for one in found.skews if one.group == "F").found
    assert women.difference == pytest.approx(0.3)
    assert women.class_imbalance == pytest.approx(1 / 3)


def test_labels_alone_are_enough(tmp_path: Path) -> None:
    found = done(tmp_path, {"sex": ["F", "M"] * 20, "label": [1, 0] * 20}, Wishes(attributes={"sex": "sex"}))
    assert len(found.skews) == 2


@pytest.mark.parametrize(
    ("wishes", "told"),
    [
        (Wishes(), "say which columns are protected attributes, as in --attribute sex"),
        (Wishes(attributes={"sex": "gender"}), "has no column 'gender'; it has sex, granted, amount"),
        (Wishes(attributes={"sex": "sex"}), "say which column is the decision, as in --decision granted"),
        (
            Wishes(attributes={"sex": "sex"}, columns={"decision": "granted"}),
            "column 'granted' has the values N, Y: say which of them are good for the person, with --favourable",
        ),
        (
            Wishes(attributes={"sex": "sex"}, columns={"value": "amount"}, references={"sex": "X"}),
            "--reference sex=X: there is no such group; there are F, M",
        ),
        (
            Wishes(attributes={"sex": "sex"}, columns={"score": "granted"}),
            "column 'granted' has 'Y' in row 1, where a number is needed",
        ),
    ],
)
def test_mistakes_are_told(tmp_path: Path, wishes: Wishes, told: str) -> None:
    with pytest.raises(AuditError) as raised:
        done(tmp_path, {"sex": ["F", "M"], "granted": ["Y", "N"], "amount": [1, 2]}, wishes)
    assert told in str(raised.value)


def test_large_values_choose_a_coarser_unit(tmp_path: Path) -> None:
    columns = {"sex": ["F", "M"] * 20, "value": [10_000_000_000, 20_000_000_000] * 20}
    found = done(tmp_path, columns, Wishes(attributes={"sex": "sex"}))
    assert rate(found, "mean_value", sex="F").value == pytest.approx(1e10)


def test_weights_are_those_of_metric_frame_and_people_stay_people(tmp_path: Path) -> None:
    columns = crowd(11) | {"exposure": np.random.default_rng(3).integers(1, 4_000, 500) / 10}
    wishes = Wishes(attributes={"sex": "sex"}, weights="exposure")
    found = done(
        tmp_path,
        columns,
        wishes,
        Request(metrics=("all",), policies=(Asked("us-four-fifths", find("us-four-fifths")),), today=TODAY),
    )
    sex = pd.DataFrame({"sex": columns["sex"]})
    params = {"sample_weight": columns["exposure"]}
    functions = {"selection_rate": fairlearn.selection_rate, "true_positive_rate": fairlearn.true_positive_rate}
    score = fairlearn.MetricFrame(
        metrics=fairlearn.mean_prediction, y_true=columns["label"], y_pred=columns["score"], sensitive_features=sex,
        sample_params=params,
    )  # fmt: skip
    frame = fairlearn.MetricFrame(
        metrics=functions, y_true=columns["label"], y_pred=columns["decision"], sensitive_features=sex,
        sample_params=dict.fromkeys(functions, params),
    )  # fmt: skip
    for name in functions:
        for group in "FM":
            one = rate(found, name, sex=group)
            assert one.value == pytest.approx(frame.by_group[name][group])
    women = columns["sex"] == "F"
    one = rate(found, "selection_rate", sex="F")
    assert (one.n, one.denominator) == (int(women.sum()), pytest.approx(columns["exposure"][women].sum()))
    assert rate(found, "mean_score", sex="F").value == pytest.approx(score.by_group["F"], abs=1e-6)
    limits = np.average(columns["value"][women], weights=columns["exposure"][women])
    assert rate(found, "mean_value", sex="F").value == pytest.approx(limits)
    assert "scoring_rate" not in found.assessment.metrics
    label, score = (np.asarray(columns[name])[women] for name in ("label", "score"))
    area = sklearn.roc_auc_score(label, np.floor(score * 100) / 100, sample_weight=columns["exposure"][women])
    assert rate(found, "roc_auc", sex="F").value == pytest.approx(area, abs=1e-6)
    assert plain(found)["weighted"] is True
    assert any("policies" in note for note in found.notes)
    (part,) = found.rulings[0].parts
    assert part.judgement is not None
    assert {line.group.n for line in part.judgement.lines} <= {int((columns["sex"] == g).sum()) for g in "FM"}


@pytest.mark.parametrize(
    ("weight", "told"),
    [([1, 0, 2], "'w' has 0 in row 2: a weight is"), ([1, -1, 2], "'w' has -1 in row 2"), ([1, 2, 3e12], "too large")],
)
def test_weights_that_cannot_be_counted(tmp_path: Path, weight: list[float], told: str) -> None:
    columns = {"sex": ["F", "M", "F"], "decision": [1, 0, 1], "w": weight}
    with pytest.raises(AuditError, match=told):
        done(tmp_path, columns, Wishes(attributes={"sex": "sex"}, weights="w"))


def test_a_metric_without_weights_is_not_made_up(tmp_path: Path) -> None:
    columns = {"sex": ["F", "M", "F"], "decision": [1, 0, 1], "value": [1, 2, 3], "w": [1, 2, ""]}
    wishes = Wishes(attributes={"sex": "sex"}, weights="w")
    with pytest.raises(AuditError, match="scoring_rate cannot be weighted"):
        done(tmp_path, columns, wishes, Request(metrics=("scoring_rate",), today=TODAY))
    found = done(tmp_path, columns, wishes, Request(metrics=("all",), today=TODAY))
    assert rate(found, "mean_value").value == pytest.approx((1 + 4 + 3) / 4)
    assert rate(found, "selection_rate").denominator == 4.0  # an empty cell counts as one
    told = " ".join(note for note in found.notes if "left out" in note)
    assert "no one definition with weights" in told
    assert "a test of counts" in told


def test_each_class_against_the_rest(tmp_path: Path) -> None:
    draws = np.random.default_rng(5)
    columns = {
        "sex": draws.choice(["F", "M"], 300), "route": draws.choice(["pay", "refer", "refuse"], 300),
        "right": draws.choice(["pay", "refer", "refuse"], 300), "w": draws.integers(1, 9, 300),
    }  # fmt: skip
    asked: dict[str, Any] = {"columns": {"decision": "route", "label": "right"}, "favourable": ("pay",)}
    for weights in ("", "w"):
        wishes = Wishes(attributes={"sex": "sex"}, classes=("pay", "refer"), weights=weights, **asked)
        found = done(tmp_path, columns, wishes)
        assert [name for name, _ in found.of_classes] == ["pay", "refer"]
        weight = columns["w"] if weights else np.ones(300)
        for name, assessment in found.of_classes:
            is_, was = columns["route"] == name, columns["right"] == name
            for group in "FM":
                mine = columns["sex"] == group
                numbers = {p.metric: p.estimate for p in assessment.groups if dict(p.group_values) == {"sex": group}}
                assert numbers["selection_rate"].value == pytest.approx(np.average(is_[mine], weights=weight[mine]))
                tpr = np.average(is_[mine & was], weights=weight[mine & was])
                assert numbers["true_positive_rate"].value == pytest.approx(tpr)
                assert numbers["true_positive_rate"].n == int((mine & was).sum())
        (first, second) = plain(found)["classes"]
        assert (first["label_class"], second["label_class"]) == ("pay", "refer")
        assert first["groups"] and first["disparities"]
        assert "against every other class" in page(found)
