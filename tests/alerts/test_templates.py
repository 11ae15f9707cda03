from dataclasses import replace

import pytest

from alerts.control import RouteState
from alerts.evaluation import evaluate
from alerts.links import LinkTemplates
from alerts.messages import AlertPayload
from alerts.payloads import Context
from alerts.templates import VARIABLES, rendered, template_problems
from streams.config import ConfigError, parse
from tests.alerts.observing import T0, between, parity_rule, side

LINKS = LinkTemplates(
    panel="https://grafana.example/d/x?var-model={model}&g={lower_group}", silence="https://f.example/new?alert={alert}"
)


def told(**annotations: str) -> AlertPayload:
    rule = parity_rule(policy=replace(parity_rule().policy, annotations=annotations, receivers=()))
    breach = between("ratio", 40 / 60, side("F", 100, 40), side("M", 100, 60))
    return (
        evaluate([rule], [breach], {}, RouteState("credit"), Context("credit", T0, "c1", links=LINKS)).steps[0].payload
    )


def test_annotations_are_filled_in() -> None:
    payload = told(text="{model}: {lower_group} {lower_value} of {higher_group}, {more_favourable} more; {{braces}}")
    assert payload.annotations == {"text": "credit: sex=F 0.4 of sex=M, 8 more; {braces}"}


def test_every_variable_says_something_or_nothing() -> None:
    payload = told()
    for name in VARIABLES:
        assert "None" not in rendered(f"{{{name}}}", payload)


def test_links_are_quoted_and_a_rule_s_own_runbook_wins() -> None:
    payload = told(runbook_url="https://wiki.example/{model}")
    assert payload.links.panel == "https://grafana.example/d/x?var-model=credit&g=sex%3DF"
    assert payload.links.silence == f"https://f.example/new?alert={payload.alert}"
    assert payload.links.runbook == "https://wiki.example/credit"
    assert f"Runbook: {payload.links.runbook}" in payload.description
    assert told().links.runbook is None


def test_the_runbook_is_that_of_the_type() -> None:
    links = LinkTemplates(runbook="https://fairdrift.example/runbooks/{rule_type}")
    assert links.of(told()).runbook == "https://fairdrift.example/runbooks/threshold"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{nobody}", "there is no variable {nobody}; there are aggregate, alert, "),
        ("{model.name}", "there is no variable {model.name}"),
        ("{0}", "there is no variable {0}"),
        ("{value:.2f}", "formats are not supported"),
        ("{model!r}", "formats are not supported"),
        ("{model", "write braces themselves as {{ and }}"),
    ],
)
def test_what_is_wrong_with_a_template(text: str, problem: str) -> None:
    (found,) = template_problems(text)
    assert problem in found


def test_a_wrong_template_is_told_with_the_configuration() -> None:
    text = """
models: [{name: credit, attributes: {sex: [F, M]}}]
rules:
  - {name: silent, type: absence, annotations: {text: "{who}"}}
links: {silence: "example.org/{model}"}
"""
    with pytest.raises(ConfigError) as caught:
        parse(text)
    assert "there is no variable {who}" in str(caught.value)
    assert "links.silence: is an address" in str(caught.value)
