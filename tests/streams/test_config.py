"""Reading fairdrift.yaml: all mistakes at once, secrets never, the same version everywhere."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from alerts.config import ThresholdConfig
from monitor.times import DAY, HOUR, MINUTE
from streams.config import ConfigError, Settings, canonical, config_version, load, parse, streams
from streams.mistakes import path_text

ROOT = Path(__file__).parent.parent.parent
EXAMPLES = sorted((ROOT / "deploy" / "examples").glob("*.yaml"))
SECRET = "SECRETofMoreThanSixteenBytesInBase64"

MINIMAL = """
models:
  - name: credit
    attributes: {sex: [F, M]}
"""

TEN = """
kafka:
  bootstrap: nowhere
  grup: fairdrift
models:
  - name: credit
    attributes:
      sex: {values: [F, M], reference: X}
    max_lateness: 48h
    windws: [1h]
  - name: credit
    topics: {predictions: others, outcomes: others.outcomes}
    attributes: {sex: [F, other]}
    pane: 7 minutes
rules:
  - {name: parity, type: threshhold}
  - {name: limit, type: threshold, model: nobody, metric: mean_value, bound: {min: 0.8}, receivers: [oncall]}
"""

TOLD = """
kafka.bootstrap: 'nowhere' is not host:port, as in kafka-1:9092
kafka.grup: unknown key; did you mean group?
models[0].attributes.sex.reference: no such group; declared are F, M
models[0].dedup_horizon: 1d is shorter than max_lateness, 2d: an event sent twice could count twice
models[0].windws: unknown key; did you mean windows?
models[1].attributes.sex: 'other' is kept for undeclared values: leave it out, or give the group a name of its own
models[1].name: credit is the name of another one too
models[1].pane: '7 minutes' is not a duration: write a number and a unit, as in 90s, 5m, 24h, 30d or 1h30m
rules[0]: unknown type 'threshhold'; known are 'threshold', 'drift', 'absence', 'four_fifths', 'quality'
rules[1].model: no model is named nobody
rules[1].receivers: no receiver is named oncall
""".strip()


def mistakes(text: str, **environ: str) -> list[str]:
    """What is told of a configuration, a line each."""
    with pytest.raises(ConfigError) as caught:
        parse(text, environ=environ)
    first, *lines = str(caught.value).splitlines()
    assert f"{len(lines)} mistake" in first
    return [line.strip() for line in lines]


def test_a_model_needs_only_a_name_and_its_attributes() -> None:
    settings = parse(MINIMAL)
    assert settings.kafka.bootstrap == ("127.0.0.1:9092",)
    assert settings.kafka.dead_letter_topic == "fairdrift.dead-letters"
    assert settings.postgres.url == "postgresql://127.0.0.1:5432/fairdrift"
    assert settings.worker.commit_every == 1000
    assert settings.serve.bind == settings.worker.health.bind == "127.0.0.1"
    assert (settings.rules, settings.receivers, settings.budget.pages) == ((), (), 1.0)
    assert settings.retention.panes == 400 * DAY


def test_every_mistake_is_told_at_once_with_its_path() -> None:
    assert mistakes(TEN) == TOLD.splitlines()


def test_mistakes_between_fields_do_not_hide_behind_wrong_fields() -> None:
    told = mistakes("""
models:
  - {name: a/b, attributes: {sex: [F]}}
  - {name: one, attributes: {sex: [F]}, pane: 1m, nmae: x}
  - {name: two, attributes: {sex: [F]}, pane: 5m}
""")
    assert told == [
        "models[0].name: may hold letters, digits, '.', '_' and '-' only",
        "models[1].nmae: unknown key; did you mean name?",
        "models[2].pane: is 1m for one; models that share topics must agree",
    ]


PERIOD = "policies: [{{name: q, models: [credit], starts: 2026-01-01T00:00:00Z, ends: 2026-04-01T00:00:00Z, {}}}]"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "is no mapping: start with `models:`, each with a name and attributes"),
        ("- a", "is no mapping: start with `models:`, each with a name and attributes"),
        ("kafka: {}", "models: is needed"),
        ("models: []", "models: must not be empty"),
        ("models: {}", "models: must be a list"),
        ("models: [credit]", "models[0]: must be a mapping of `key: value` lines"),
        ("models: [", "line 1, column 10: is not YAML: expected the node content, but found '<stream end>'"),
        ("models: !!python/object:os.system {}", "line 1, column 9: is not YAML: could not determine a constructor"),
        (MINIMAL + "budget: {}\nbudget: {}\n", "budget: is there twice, again in line 6"),
        (MINIMAL + "modles: []\n", "modles: unknown key; did you mean models?"),
        (MINIMAL + "postgres: {url: mysql://x/y}", "postgres.url: must look like postgresql://user:password@host"),
        (MINIMAL + "kafka: {security_protocol: SASL_SSL}", "kafka.username: SASL_SSL needs `username` and `password`"),
        (MINIMAL + "kafka: {security_protocol: TLS}", "kafka.security_protocol: must be 'PLAINTEXT', 'SSL'"),
        (MINIMAL + "kafka: {cert_file: x}", "kafka.cert_file: a client certificate needs both"),
        (MINIMAL + "kafka: {control_topic: predictions}", "models[0].topics: the topic predictions is also one of"),
        (MINIMAL + "worker: {commit_every: 0}", "worker.commit_every: must be longer than nothing"),
        (MINIMAL + "worker: {health: {port: 70000}}", "worker.health.port: must be less than or equal to 65535"),
        (MINIMAL + "serve: {tokens: [short]}", "serve.tokens: a token has at least 16 characters"),
        (MINIMAL + "retention: {panes: 80d}", "retention.panes: must be at least 90d"),
        (MINIMAL + "kafka: {dead_letter_topic: fairdrift.control}", "kafka.dead_letter_topic: control and dead letters"),
        (MINIMAL + "    decision: {favourable: [[1]]}", "models[0].decision.favourable[0]: must be text, a number, true or"),
        (
            MINIMAL + "    weights: true\n    metrics: [scoring_rate]",
            "models[0].metrics: scoring_rate cannot be weighted (quantiles and cuts of a histogram have no one definition with weights): name",
        ),
        (MINIMAL + "    weights: {resolution: 0}", "models[0].weights.resolution: must be greater than 0"),
        (MINIMAL + "    weights: maybe", "models[0].weights: must be a mapping"),
        (MINIMAL + "    weights: true\n    windows: [5m]", "models[0].windows: weights are kept by the hour: give at least one window of whole"),
        (MINIMAL + "    histograms: false\n    metrics: [roc_auc]", "models[0].metrics: roc_auc needs `histograms: true`"),
        (MINIMAL + "control: {dry_run: maybe}", "control.dry_run: must be true or false"),
        (MINIMAL + "receivers: [{name: x}]", "receivers[0]: needs a `type`"),
        (MINIMAL + "receivers: [{name: x, type: fax}]", "receivers[0]: unknown type 'fax'; known are 'webhook'"),
        (MINIMAL + "receivers: [{name: x, type: pagerduty}]", "receivers[0].routing_key: is needed"),
        (MINIMAL + "routes: [{receivers: [x]}]", "routes[0].receivers: no receiver is named x"),
        (MINIMAL + "policies: [{name: q, models: [x], starts: 2026-01-01T00:00:00Z, ends: 2026-04-01T00:00:00Z}]",
         "policies[0].models: no model is named x"),
        (MINIMAL + PERIOD.format("policy: us-five-sixths"), "policies[0].policy: there is no policy us-five-sixths; there are clarify-ranges"),
        (MINIMAL + PERIOD.format("policy: nyc-local-law-144, attributes: {age: sex}"),
         "policies[0].attributes.age: is no role of nyc-local-law-144; its roles are race or ethnicity, sex"),
        (MINIMAL + PERIOD.format("exclusions: [{group: {sex: F}}]"), "policies[0].exclusions[0].because: is needed"),
        (MINIMAL + PERIOD.replace("2026-04", "2025-04").format("policy: us-ecoa"), "policies[0].ends: must be after `starts`"),
        (MINIMAL + "delivery: {allow: [10.0.0.1/8]}", "delivery.allow[0]: must be a network, as in 10.0.0.0/8, without bits of a host"),
    ],
)  # fmt: skip
def test_single_mistakes(text: str, told: str) -> None:
    [line] = mistakes(text)
    assert line.startswith(told)


def test_no_rule_looks_at_what_is_kept_by_the_hour() -> None:
    told = mistakes(MINIMAL + f"rules: [{json.dumps(RULE | {'metric': 'roc_auc', 'aggregate': 'difference'})}]")
    assert told[0].startswith("rules[0].aggregate: roc_auc is computed when an hour is over, and no rule looks at it")


def test_a_model_that_weighs_is_under_no_rule_of_its_metrics() -> None:
    told = mistakes(MINIMAL + "    weights: true\n" + f"rules: [{json.dumps(RULE)}]")
    assert told == [
        "rules[0].model: credit has `weights`, and evidence counts decisions and not weights: no rule looks at its metrics"
    ]
    silence = {"name": "s", "type": "absence", "after": "1h"}
    settings = parse(MINIMAL + "    weights: true\n" + f"rules: [{json.dumps(silence)}]")
    assert settings.models[0].weight_unit == 1e-6
    assert parse(MINIMAL).models[0].weight_unit is None
    assert parse(MINIMAL + "    weights: {resolution: 1}").models[0].weight_unit == 1.0


RULE: dict[str, Any] = {"name": "r", "type": "threshold", "metric": "selection_rate", "bound": {"min": 0.8}}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"attributes": ["age"]}, "rules[0].attributes: credit has no attribute age; it has sex"),
        (
            {"metric": "selection-rate"},
            "rules[0].metric: there is no metric selection-rate; did you mean selection_rate?",
        ),
        ({"metric": "x"}, "rules[0].metric: there is no metric x; there are accuracy, "),
        ({"window": "2h"}, "rules[0].window: credit has no window of 2h; it has 5m, 1h, 1d, 7d, 30d"),
        ({"aggregate": "ratio", "method": "to_reference"}, "rules[0].method: to_reference needs a `reference` for sex"),
        ({"aggregate": "ratio", "bound": {"min": 0}}, "rules[0].bound: a ratio is above 0"),
        ({"bound": {}}, "rules[0].bound: give `min`, `max` or both"),
        ({"bound": {"min": 2, "max": 1}}, "rules[0].bound.max: must be above `min`"),
        ({"rollback": {"to": "canary"}}, "rules[0].rollback.percent: is needed for a canary"),
        ({"aggregate": "ratio", "groups": {"sex": "F"}}, "rules[0].groups: picks a group"),
        ({"for": 30}, "rules[0].for: 30 has no unit"),
        (
            {"label_class": "refer"},
            "rules[0].label_class: rules look at favourable against not; what `classes` tell apart",
        ),
        ({"severity": "loud"}, "rules[0].severity: must be 'page', 'ticket' or 'info'"),
    ],
)
def test_rules_that_do_not_fit(changes: dict[str, Any], told: str) -> None:
    [line] = mistakes(MINIMAL + f"rules: [{json.dumps(RULE | changes)}]")
    assert line.startswith(told)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file or directory; name another with --config"):
        load(tmp_path / "none.yaml")


def test_environment_and_files(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("p$w: #{x}\n")
    text = (
        MINIMAL
        + f"""
postgres: {{url: "postgresql://${{DB_USER}}:${{file:{tmp_path}/password}}@${{DB_HOST:-localhost}}/x"}}
kafka: {{bootstrap: "${{BROKERS}}", group: "$${{literal}}"}}
worker: {{health: {{port: "${{PORT}}"}}}}
"""
    )
    environ = {"DB_USER": "me", "BROKERS": "a:1, b:2", "PORT": "9000"}
    settings = parse(text, environ=environ)
    assert settings.postgres.url == "postgresql://me:p$w: #{x}@localhost/x"
    assert settings.kafka.bootstrap == ("a:1", "b:2")
    assert settings.kafka.group == "${literal}"
    assert settings.worker.health.port == 9000


def test_references_to_what_is_not_there() -> None:
    told = mistakes(MINIMAL + 'kafka: {group: "${NOBODY}", username: "${file:/none}", ca_file: "${a b}"}')
    assert told == [
        "kafka.ca_file: a reference is ${NAME}, ${NAME:-default} or ${file:/path}; write $${ for a plain ${",
        "kafka.group: the environment variable NOBODY is not set",
        "kafka.username: the file /none cannot be read: No such file or directory",
    ]


def test_an_empty_variable_is_not_an_absent_one() -> None:
    assert parse(MINIMAL + 'kafka: {username: "${EMPTY:-x}"}', environ={"EMPTY": ""}).kafka.username == ""


def test_yaml_means_what_it_says() -> None:
    settings = parse("""
models:
  - name: credit
    attributes:
      country: {values: [no, yes, on, off]}
      when: {values: [2026-11-01, 12:30, 0777, 1_000]}
      flag: {values: [true, false]}
""")
    groups = {name: given.groups for name, given in settings.models[0].attributes.items()}
    assert groups == {
        "country": ("no", "yes", "on", "off"),
        "when": ("2026-11-01", "12:30", "777", "1_000"),
        "flag": ("true", "false"),
    }


def test_a_secret_is_nowhere_but_where_it_is_needed() -> None:
    settings = parse(
        MINIMAL
        + """
postgres: {url: "postgresql://me:${S}@x/y"}
kafka: {password: "${S}", key_password: "${S}"}
serve: {tokens: ["${S}"]}
receivers:
  - {name: a, type: webhook, url: "https://x/${S}", secret: ["${S}", "whsec_${S}"]}
  - {name: b, type: pagerduty, routing_key: "${S}"}
""",
        environ={"S": SECRET},
    )
    assert SECRET in settings.postgres.url
    for shown in (
        repr(settings),
        str(settings),
        settings.model_dump_json(),
        str(settings.model_dump()),
        str(canonical(settings)),
    ):
        assert SECRET not in shown


def test_a_secret_is_in_no_mistake() -> None:
    text = (
        MINIMAL
        + """
postgres: {url: "mysql://me:${S}@x/y"}
kafka: {password: ["${S}"]}
serve: {tokens: "${S}"}
receivers: [{name: a, type: webhook, url: "ftp://${S}", secret: {x: "${S}"}}]
"""
    )
    assert SECRET not in "\n".join(mistakes(text, S=SECRET))


def test_the_version_is_of_what_decides() -> None:
    base = parse(MINIMAL)
    same = [
        MINIMAL + "worker: {data_dir: /data}",
        MINIMAL + "postgres: {url: 'postgresql://x/y'}",
        MINIMAL + "kafka: {group: other}",
        "rules: []\n" + MINIMAL,
        MINIMAL + "    pane: 60s\n",
    ]
    other = [
        MINIMAL + "    pane: 5m\n",
        MINIMAL + "    display_min: 5\n",
        MINIMAL + "budget: {pages: 2}",
        MINIMAL.replace("M]", "N]"),
    ]
    assert {parse(text).version for text in same} == {base.version}
    assert len({base.version, *(parse(text).version for text in other)}) == len(other) + 1
    receiver = "receivers: [{name: b, type: pagerduty, routing_key: '%s'}]"
    assert parse(MINIMAL + receiver % "one").version == parse(MINIMAL + receiver % "two").version


def test_the_stored_configuration_reads_back() -> None:
    settings = load(ROOT / "deploy/examples/insurance.yaml", environ=_Anything())
    stored = canonical(settings)
    again = Settings.model_validate({**stored, "receivers": settings.receivers})
    assert config_version(again) == config_version(settings)


class _Anything(dict[str, str]):
    """An environment in which every variable is set to something that fits."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> str:
        forms = {"URL": "postgresql://x/y", "BOOTSTRAP": "kafka:9092", "WEBHOOK": "https://example.com/hook"}
        return next((form for part, form in forms.items() if name.endswith(part)), SECRET)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_examples_are_right(path: Path) -> None:
    text = re.sub(r"\$\{file:[^}]*\}", "${FROM_A_FILE}", path.read_text())
    settings = parse(text, environ=_Anything())
    assert settings.models
    assert settings.rules


def test_there_are_examples() -> None:
    assert [path.stem for path in EXAMPLES] == ["credit", "hiring", "insurance"]


def test_models_are_grouped_into_streams() -> None:
    settings = parse("""
kafka: {topics: {predictions: p}}
models:
  - {name: a, attributes: {sex: [F]}, max_lateness: 1h, dedup_horizon: 2h, join_horizon: 10d, watermark_delay: 30s}
  - {name: b, attributes: {sex: [F]}, topics: {predictions: q, outcomes: r}, pane: 5m}
  - {name: c, attributes: {sex: [F]}, max_lateness: 1h, dedup_horizon: 2h, join_horizon: 10d, watermark_delay: 30s}
""")
    first, second = streams(settings)
    assert (first.name, [model.name for model in first.models]) == ("p/outcomes", ["a", "c"])
    assert (second.name, [model.name for model in second.models]) == ("q/r", ["b"])
    terms = first.terms
    assert (terms.lateness, terms.memory, terms.horizon) == (HOUR, 2 * HOUR, 10 * DAY)
    assert (terms.delay, terms.pane) == (30_000, MINUTE)


@pytest.mark.parametrize(
    ("second", "told"),
    [
        ("topics: {predictions: predictions, outcomes: x}", "models[1].topics: the topic predictions is also one of"),
        (
            "mapping: {outcome: {id: $.i, time: $.t}}",
            "models[1].topics: are those of a too; a mapping needs topics of its own",
        ),
        ("topics: {outcomes: fairdrift.control}", "models[1].topics: the topic "),
        ("join_horizon: 61d", "models[1].join_horizon: is 60d for a; models that share topics must agree"),
        ("repartition: true", "models[1].repartition: is false for a; models that share topics must agree"),
    ],
)
def test_models_that_cannot_share_topics(second: str, told: str) -> None:
    text = "models:\n  - {name: a, attributes: {sex: [F]}}\n  - {name: b, attributes: {sex: [F]}, " + second + "}\n"
    assert any(line.startswith(told) for line in mistakes(text))


TIERED = """
models: [{name: credit, attributes: {sex: {values: [F, M], reference: M}}}]
rules:
  - {name: parity, type: threshold, model: credit, metric: selection_rate, attributes: [sex], aggregate: ratio,
     method: to_reference, bound: {min: 0.8}, for: 30m, labels: {team: credit}, tiers: TIERS}
  - {name: silent, type: absence}
"""


def test_a_tier_is_a_rule_of_its_own() -> None:
    tiers = (
        "[{name: early, severity: info, bound: {min: 0.9}}, {name: urgent, severity: page, bound: {min: 0.7}, for: 0s}]"
    )
    rules = parse(TIERED.replace("TIERS", tiers)).rules
    assert [rule.name for rule in rules] == ["parity", "silent", "parity.early", "parity.urgent"]
    early, urgent = rules[2:]
    assert isinstance(early, ThresholdConfig)
    assert (early.severity, early.bound.min, early.for_) == ("info", 0.9, 30 * 60_000)
    assert early.labels == {"team": "credit", "tier": "early"}
    assert (urgent.severity, urgent.for_) == ("page", 0)


def test_mistakes_in_tiers_are_told() -> None:
    twice = "[{name: a, bound: {min: 0.9}}, {name: a, bound: {min: 0.7}}]"
    with pytest.raises(ConfigError, match="a is the name of another tier too"):
        parse(TIERED.replace("TIERS", twice))
    with pytest.raises(ConfigError, match="give `min`, `max` or both"):
        parse(TIERED.replace("TIERS", "[{name: a, bound: {}}]"))


@pytest.mark.parametrize(
    ("section", "told"),
    [
        ("serve: {tokens: [{name: a, sha256: x, scope: admin}]}",
         ["serve.tokens[0].sha256: must be 64 hexadecimal digits, as `sha256sum` prints them",
          "serve.tokens[0].scope: must be 'read', 'operate' or 'control'"]),
        ("serve: {tokens: [{name: a, sha156: x}]}",
         ["serve.tokens[0].sha156: unknown key; did you mean sha256?", "serve.tokens[0].sha256: is needed"]),
        ("silences: [{matchers: [a=b], starts: 2026-11-20T10:00:00Z, ends: soon, by: ada}]",
         ["silences[0].ends: must be a time with its offset, as in 2026-11-20T10:00:00Z"]),
        ("delivery: {allow: [nonsense]}", ["delivery.allow[0]: must be a network, as in 10.0.0.0/8, without bits of a host"]),
    ],
)  # fmt: skip
def test_what_may_be_of_several_kinds_is_told_by_its_place(section: str, told: list[str]) -> None:
    with pytest.raises(ConfigError) as raised:
        parse("models: [{name: m, attributes: {sex: [F, M]}}]\n" + section)
    assert sorted(f"{path_text(path)}: {text}" for path, text in raised.value.mistakes) == sorted(told)
