"""Where an alert points to: the panel that shows it, what to do about it, and the form that silences it."""

from dataclasses import dataclass

from alerts.messages import AlertPayload, Links
from alerts.templates import rendered

RUNBOOKS = ("runbook_url", "runbook")
"""Annotations of a rule that take the place of the configured runbook (Prometheus' and ours)."""


@dataclass(frozen=True, slots=True)
class LinkTemplates:
    """Addresses with variables of `alerts.templates`, which are quoted in them; empty: no link."""

    panel: str = ""
    runbook: str = ""
    silence: str = ""

    def of(self, payload: AlertPayload) -> Links:
        """The links of one alert; its annotations must be rendered already."""
        own = next((payload.annotations[name] for name in RUNBOOKS if payload.annotations.get(name)), "")
        runbook = own if own.startswith(("https://", "http://")) else _made(self.runbook, payload)
        return Links(panel=_made(self.panel, payload), runbook=runbook, silence=_made(self.silence, payload))


def _made(template: str, payload: AlertPayload) -> str | None:
    return rendered(template, payload, quoted=True) if template else None
