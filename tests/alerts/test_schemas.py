import json
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError

from alerts.channels.rollback import event_of
from alerts.channels.webhook import body_of, v4_of
from alerts.schemas import FOLDER, documents
from tests.alerts.delivering import alert_payload, delivery, group_payload, route_payload


def validator(name: str) -> Draft202012Validator:
    schema = json.loads((FOLDER / name).read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


@pytest.mark.parametrize("name", sorted(documents()))
def test_the_published_schema_is_that_of_the_type(name: str) -> None:
    assert (FOLDER / name).read_text() == documents()[name], "run `python -m alerts.schemas`"


def test_what_is_sent_is_what_is_published() -> None:
    validator("alert.json").validate(alert_payload())
    validator("webhook.json").validate(json.loads(body_of(delivery())))
    validator("group.json").validate(group_payload())
    validator("alertmanager.json").validate(json.loads(v4_of(delivery())))
    validator("alertmanager.json").validate(json.loads(v4_of(delivery(group_payload()))))
    validator("control.json").validate(json.loads(event_of(delivery(route_payload()))))


@pytest.mark.parametrize(("field", "value"), [("status", "exploded"), ("alert", None), ("bound", 3)])
def test_the_schema_notices_what_is_wrong(field: str, value: Any) -> None:
    with pytest.raises(ValidationError):
        validator("alert.json").validate(alert_payload() | {field: value})
