"""What is watched: from the settings to each model with its rules, where its panes are, and who is told."""

from collections.abc import Sequence
from dataclasses import dataclass

from alerts.budgets import warn_fraction, with_budgets
from alerts.config import LinksConfig
from alerts.control import Brakes
from alerts.links import LinkTemplates
from alerts.proving import Plan, plans
from alerts.routing import Routing
from alerts.routing_config import RoutingSections, make_routing
from alerts.rules import Rule, make_rules
from alerts.rules.threshold import ThresholdRule, Tier
from monitor.config import ModelConfig
from streams.settings import Settings
from streams.snapshots import Source


@dataclass(frozen=True, slots=True)
class Watched:
    """A model with everything that its evaluation needs to know."""

    model: ModelConfig
    rules: tuple[Rule, ...]
    source: Source
    routing: Routing
    brakes: Brakes
    config_version: str
    links: LinkTemplates
    plans: tuple[Plan, ...] = ()
    """The families of evidence that its rules are judged by."""


def families(settings: Settings, rules: Sequence[Rule]) -> tuple[Plan, ...]:
    """Every family of evidence of the fleet, with its budget."""
    by_name, proven = {model.name: model for model in settings.models}, proven_rules(rules)
    fraction = warn_fraction(settings.budget)
    found = [plan for rule in proven for plan in plans(rule, by_name[rule.policy.model], fraction)]
    return with_budgets(found, proven, settings.budget)


def proven_rules(rules: Sequence[Rule]) -> list[ThresholdRule]:
    """The rules that have families of their own: not the warnings beside them."""
    return [rule for rule in rules if isinstance(rule, ThresholdRule) and rule.tier is Tier.FULL]


def routing_of(settings: Settings) -> Routing:
    """Who is told, from the configuration."""
    return make_routing(
        RoutingSections(
            settings.receivers,
            settings.rules,
            settings.routes,
            settings.route,
            settings.silences,
            settings.inhibitions,
            settings.time_intervals,
        )
    )


def watched(settings: Settings) -> tuple[Watched, ...]:
    """Every configured model, in the order of the configuration."""
    routing = routing_of(settings)
    control = settings.control
    brakes = Brakes(control.dry_run, control.cool_down, control.daily_maximum, control.agreement)
    rules = make_rules(settings.rules, (model.name for model in settings.models))
    proven = families(settings, rules)
    rules += tuple(warning for rule in proven_rules(rules) if (warning := rule.warning()) is not None)
    version = settings.version
    return tuple(
        Watched(
            model=model,
            rules=tuple(rule for rule in rules if rule.policy.model == model.name),
            source=Source(f"{model.topics.predictions}/{model.topics.outcomes}", model.name, model.pane),
            routing=routing,
            brakes=brakes,
            config_version=version,
            links=link_templates(settings.links),
            plans=tuple(plan for plan in proven if plan.model == model.name),
        )
        for model in settings.models
    )


BOARD = "/d/fairdrift-alert?var-alert={alert}&from={window_start}&to=now"
"""The board that shows an alert, below Grafana's address (`streams.dashboards.alert`, which takes long to import)."""


RUNBOOK = "/runbooks/{rule_type}"
"""The runbook of an alert, below the address of `fairdrift serve` (`streams.web.runbooks`)."""


def link_templates(links: LinksConfig) -> LinkTemplates:
    """The addresses that alerts point to: by default the board "Alert" at the configured Grafana, and our own runbooks."""
    board = f"{links.grafana.rstrip('/')}{BOARD}" if links.grafana else ""
    runbook = f"{links.fairdrift.rstrip('/')}{RUNBOOK}" if links.fairdrift else ""
    return LinkTemplates(links.panel or board, links.runbook or runbook, links.silence)
