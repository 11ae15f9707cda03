"""Fixtures of all tests: embedded Kafka and Postgres, fresh databases, unique topics, Apache Kafka itself.

Each xdist worker has its own services, started when the first test asks for them (about a second). Tests that use them
are marked `services` or `apache` by themselves.
"""

import signal
from collections.abc import Iterator

import hypothesis
import pytest
import sqlalchemy as sa

from streams.database import engine
from streams.embedded import Embedded
from tests.apache import Apache, missing_tools
from tests.services.databases import Databases
from tests.services.topics import Topics
from tests.year.seeding import seed

hypothesis.settings.register_profile("fairdrift", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.load_profile("fairdrift")

if (
    signal.getsignal(signal.SIGINT) is signal.SIG_IGN
):  # run in the background of a script: what tests start would never hear it
    signal.signal(signal.SIGINT, signal.default_int_handler)

SERVICES = {"services", "kafka", "databases", "database", "topics", "year"}
APACHE = {"apache", "apache_topics"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark tests by the services they use, and leave Apache Kafka's out where it cannot run (told in the summary)."""
    for item in items:
        used = set(getattr(item, "fixturenames", ()))
        if used & SERVICES:
            item.add_marker("services")
        if used & APACHE:
            item.add_marker("apache")
        if "year" in used:
            item.add_marker(pytest.mark.xdist_group("year"))  # one worker makes it, once
        if item.get_closest_marker("apache"):
            item.add_marker(pytest.mark.xdist_group("apache"))  # one worker, one broker
    if _leave_apache_out(config):
        left_out = [item for item in items if item.get_closest_marker("apache")]
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if not item.get_closest_marker("apache")]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Say loudly what was left out."""
    if _leave_apache_out(config):
        terminalreporter.section("APACHE KAFKA NOT TESTED", red=True, bold=True)
        terminalreporter.line(f"Tests marked 'apache' were left out: {missing_tools()}", red=True)


def _leave_apache_out(config: pytest.Config) -> bool:
    """Whether Apache Kafka cannot run here and nobody asked for it by `-m apache`; asked for, its tests fail instead."""
    return bool(missing_tools()) and "apache" not in str(config.getoption("markexpr", ""))


@pytest.fixture(scope="session")
def services() -> Iterator[Embedded]:
    """Embedded Kafka and Postgres. Shared: do not stop them; tests that do start an `Embedded` of their own."""
    with Embedded() as running:
        yield running


@pytest.fixture(scope="session")
def kafka(services: Embedded) -> str:
    """Bootstrap address of the embedded broker."""
    return services.kafka


@pytest.fixture(scope="session")
def databases(services: Embedded) -> Databases:
    """Maker of databases, for tests that need more than one or an empty one."""
    return Databases(services.postgres)


@pytest.fixture(scope="session")
def year(databases: Databases) -> Iterator[sa.Engine]:
    """A database with a made-up year of ten models (`tests/year`). Shared: whatever a test changes, it rolls back."""
    with databases.fresh() as url:
        made = engine(url)
        seed(made)
        yield made
        made.dispose()


@pytest.fixture
def database(databases: Databases) -> Iterator[str]:
    """URL of a fresh database at the newest schema."""
    with databases.fresh() as url:
        yield url


@pytest.fixture
def topics(kafka: str) -> Iterator[Topics]:
    """Factory of topics with unique names on the embedded broker: `topics("predictions", partitions=4)` -> name."""
    made = Topics(kafka)
    yield made
    made.close()


@pytest.fixture(scope="session")
def apache() -> Iterator[Apache]:
    """Apache Kafka: a process of its own, or the one that FAIRDRIFT_TEST_KAFKA names (then it cannot be restarted)."""
    with Apache() as broker:
        yield broker


@pytest.fixture
def apache_topics(apache: Apache) -> Iterator[Topics]:
    """The same factory on Apache Kafka."""
    made = Topics(apache.kafka)
    yield made
    made.close()
