"""The demo's configuration is valid, and agrees with what the code of the demo takes for granted."""

import pytest

from streams.config import load
from streams.controls import plan_of
from streams.demo.bank import MODEL
from streams.demo.clients import BANDS, EDUCATION, SEX
from streams.demo.director import STEPS
from streams.demo.fairness import WINDOW_SECONDS
from streams.demo.processes import write_config
from streams.demo.publisher import DEAD_LETTERS, OUTCOMES, PREDICTIONS
from streams.demo.router import CONTROL
from streams.demo.run import BOUND
from streams.demo.traffic import OUTCOME_DAYS
from streams.demo.world import PANE_MS, WATERMARK_DELAY_MS


@pytest.fixture
def settings(tmp_path):
    return load(
        write_config(
            tmp_path,
            {
                "FAIRDRIFT_DEMO_KAFKA": "127.0.0.1:9092",
                "FAIRDRIFT_DEMO_POSTGRES": "postgresql://user:pass@127.0.0.1:5432/postgres",
                "FAIRDRIFT_DEMO_WEBHOOK": "http://127.0.0.1:8000/page",
                "FAIRDRIFT_DEMO_SECRET": "whsec_" + "A" * 44,
                "FAIRDRIFT_DEMO_STATE": str(tmp_path / "state"),
                "FAIRDRIFT_DEMO_HEALTH": "8788",
            },
        )
    )


def test_the_model_is_the_bank_s(settings):
    (model,) = settings.models
    assert model.name == MODEL
    assert (model.pane, model.watermark_delay) == (PANE_MS, WATERMARK_DELAY_MS)
    assert set(model.attributes["sex"].groups) == set(SEX.values()) and model.references["sex"] == "male"
    assert set(model.attributes["education"].groups) == set(EDUCATION.values())
    assert model.factors["repayment"].groups == BANDS
    assert model.join_horizon > OUTCOME_DAYS[1] * 86_400_000
    assert WINDOW_SECONDS * 1000 in model.windows


def test_the_rule_is_the_story_s(settings):
    (rule,) = settings.rules
    assert (rule.bound.min, rule.bound.max, rule.window) == (BOUND, None, WINDOW_SECONDS * 1000)
    assert (rule.metric, rule.aggregate, rule.method, rule.attributes) == (
        "mean_value",
        "ratio",
        "to_reference",
        ("sex",),
    )
    assert rule.rollback.to == "fallback" and rule.receivers == ("oncall",)


def test_the_plan_is_the_story_s(settings):
    (plan,) = settings.control.plans
    assert (plan.model, plan.rules, plan.rest, plan.automatic) == (MODEL, ("limit-parity",), "fallback", True)
    routes = [(step.route.value, step.percent if step.route == "canary" else None) for step in plan_of(plan).steps]
    assert routes == list(STEPS)


def test_the_topics_are_those_the_demo_makes(settings):
    assert (settings.kafka.topics.predictions, settings.kafka.topics.outcomes) == (PREDICTIONS, OUTCOMES)
    assert (settings.kafka.control_topic, settings.kafka.dead_letter_topic) == (CONTROL, DEAD_LETTERS)
