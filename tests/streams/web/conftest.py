"""A service over a seeded database."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from starlette.testclient import TestClient

from streams.config import parse
from streams.web import service_app
from tests.streams import seeded

TOKEN = "the-right-token-of-now"
OLD_TOKEN = "the-right-token-until-now"
OTHER = "house-price"
"""A configured model that was never seen."""

SETTINGS = parse(f"""
serve: {{tokens: [{OLD_TOKEN}, {TOKEN}], requests_per_second: 10000}}
models:
  - {{name: {seeded.MODEL}, attributes: {{sex: [female, male]}}}}
  - {{name: {OTHER}, attributes: {{sex: [female, male]}}}}
""")


@pytest.fixture
def client(seeded_engine: sa.Engine) -> Iterator[TestClient]:
    """A client with the token, for reading."""
    with _client(seeded_engine) as made:
        yield made


@pytest.fixture
def own_client(engine: sa.Engine) -> Iterator[TestClient]:
    """A client of the service over the test's own database."""
    with _client(engine) as made:
        yield made


def _client(engine: sa.Engine) -> TestClient:
    app = service_app(engine, SETTINGS)
    return TestClient(app, headers={"Authorization": f"Bearer {TOKEN}"})
