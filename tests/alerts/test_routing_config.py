"""What of routing cannot be meant is told with its place; what may be left out has Alertmanager's defaults."""

import pytest

from alerts.grouping import Timing
from alerts.routing import Routing
from streams.config import ConfigError, parse
from streams.watching import routing_of

MODEL = "models: [{name: credit, attributes: {sex: [f, m]}}]\n"
RECEIVERS = """
receivers:
  - {name: a, type: webhook, url: "https://a.example", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4}
  - {name: am, type: alertmanager, url: "https://am.example"}
  - {name: control, type: rollback}
  - {name: told, type: webhook, url: "https://b.example", secret: c2VjcmV0LW9mLTI0LWJ5dGVzLXh4, send_changes: true}
"""
LABELS = {"alertname": "parity", "model": "credit", "severity": "page"}


def routing(text: str) -> Routing:
    return routing_of(parse(MODEL + RECEIVERS + text))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("route: {receiver: nobody}", "route.receivers: no receiver is named nobody"),
        ("route: {routes: [{receivers: [x]}]}", "route.routes[0].receivers: no receiver is named x"),
        ("route: {receiver: a, receivers: [a]}", "not both"),
        ("route: {receiver: a, mute_time_intervals: [nights]}", "no mute_time_interval is named nights"),
        ("route: {receiver: a, escalate: [{after: 5m, receivers: [x]}]}", "route.escalate[0].receivers: no receiver"),
        ("route: {receiver: a, escalate: [{after: 0s, receivers: [a]}]}", "longer than nothing"),
        ("route: {receiver: a, matchers: ['a=~(']}", "no expression of RE2"),
        ("route: {receiver: a, matchers: ['a b']}", "cannot be read"),
        ("time_intervals: [{name: n, time_intervals: [{weekdays: [someday]}]}]", "none of monday"),
        ("time_intervals: [{name: n, time_intervals: [{location: Mars/Olympus}]}]", "no time zone"),
        (
            "time_intervals: [{name: n, time_intervals: [{times: [{start_time: '22:00', end_time: '06:00'}]}]}]",
            "two times",
        ),
        ("inhibitions: [{source: {a: b}}]", "target"),
        (
            "silences: [{starts: '2026-01-01T00:00:00Z', ends: '2026-01-02T00:00:00Z', by: x}]",
            "a silence of everything",
        ),
    ],
)
def test_what_cannot_be_meant(text: str, told: str) -> None:
    with pytest.raises(ConfigError) as raised:
        routing(text)
    assert told in str(raised.value)


def test_a_fallback_is_another_receiver_that_is_there() -> None:
    for other in ("a", "nobody"):
        with pytest.raises(ConfigError, match=f"receivers\\[0\\].fallback: no other receiver is named {other}"):
            parse(MODEL + RECEIVERS.replace("{name: a,", f"{{name: a, fallback: {other},"))


def test_a_branch_that_groups_has_alertmanager_s_times_and_its_children_too() -> None:
    found = routing("route: {receiver: a, group_by: [model], routes: [{match: {severity: page}, group_interval: 1m}]}")
    (target,) = found.targets("x", LABELS)
    assert (target.alone, target.labels) == (False, {"model": "credit"})
    assert target.timing == Timing(30_000, 60_000, 4 * 3_600_000)


def test_a_child_may_stop_grouping() -> None:
    found = routing("route: {receiver: a, group_by: [model], routes: [{group_by: ['...']}]}")
    (target,) = found.targets("x", LABELS)
    assert target.alone
    assert target.timing == Timing()


def test_the_group_of_an_alert_does_not_depend_on_what_stands_beside_its_branch() -> None:
    branch = "{matchers: [severity=page], receiver: a}"
    one = routing(f"route: {{routes: [{branch}]}}").targets("x", LABELS)
    two = routing(f"route: {{routes: [{{matchers: [severity=info], receiver: a}}, {branch}]}}").targets("x", LABELS)
    assert [target.group for target in one] == [target.group for target in two]


def test_an_alertmanager_groups_by_itself_and_is_told_again_and_again() -> None:
    found = routing("route: {receiver: am, group_by: [model]}")
    (target,) = found.targets("x", LABELS)
    assert target.alone
    assert target.timing == Timing(0, 0, 300_000, repeat_acknowledged=True)


def test_routes_of_models_go_to_the_topic_and_to_who_asked_for_them() -> None:
    found = routing("routes: [{receivers: [a, control, told]}]")
    assert [receiver.name for receiver in found.control] == ["control", "told"]
    assert [target.receiver.name for target in found.targets("x", LABELS)] == ["a", "told"]
