"""Runbooks: one for each type of rule, served without a token, linked to by alerts; their links and commands exist."""

import re
from pathlib import Path

import pytest
import yaml
from starlette.testclient import TestClient

from alerts.config import LinksConfig
from alerts.rules import rule_types
from streams.watching import link_templates
from streams.web.runbooks import FOLDER, anchor, names

ROOT = Path(__file__).resolve().parents[3]
PARTS = ("What it means", "First five minutes", "Real, or an artefact?", "What to do", "How to undo")


def text(name: str) -> str:
    return (FOLDER / f"{name}.md").read_text(encoding="utf-8")


def headings(name: str) -> list[str]:
    return re.findall(r"^#+ (.+)$", text(name), re.MULTILINE)


def test_every_type_of_rule_has_one() -> None:
    assert set(names()) == {*rule_types(), "service"}


@pytest.mark.parametrize("name", sorted(rule_types()))
def test_it_says_what_a_woken_person_needs(name: str) -> None:
    assert [heading for heading in headings(name) if heading in PARTS] == list(PARTS)


def test_every_alert_about_the_service_has_its_part() -> None:
    groups = yaml.safe_load((ROOT / "deploy" / "prometheus" / "rules.yml").read_text())["groups"]
    assert {rule["alert"] for group in groups for rule in group["rules"]} <= set(headings("service"))


@pytest.mark.parametrize("name", names())
def test_its_links_lead_somewhere(name: str) -> None:
    for target in re.findall(r"\]\(([^)]+)\)", text(name)):
        file, _, part = target.partition("#")
        assert file.removesuffix(".md") in names(), target
        assert not part or part in {anchor(heading) for heading in headings(file.removesuffix(".md"))}, target


@pytest.mark.parametrize("name", names())
def test_it_is_shown_without_a_token(client: TestClient, name: str) -> None:
    shown = client.get(f"/runbooks/{name}", headers={"Authorization": ""})
    assert shown.status_code == 200
    assert shown.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in shown.headers["content-security-policy"]
    for heading in headings(name):
        assert f'id="{anchor(heading)}"' in shown.text
    assert ".md" not in "".join(re.findall(r'href="([^"]*)"', shown.text))


def test_alerts_link_to_it() -> None:
    links = link_templates(LinksConfig(fairdrift="https://fairdrift.example/"))
    assert links.runbook == "https://fairdrift.example/runbooks/{rule_type}"
    assert (
        link_templates(LinksConfig(fairdrift="https://f.example", runbook="https://w.example")).runbook
        == "https://w.example"
    )
    assert link_templates(LinksConfig()).runbook == ""
