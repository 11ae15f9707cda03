"""The clients and the versions, trained once for all tests of the demo: the real data and the real model."""

from dataclasses import dataclass

import pytest

from streams.demo.clients import Clients, load, split
from streams.demo.policy import Offers, limits_1, limits_2, limits_3, rules_1
from streams.demo.scoring import scores, train
from streams.demo.timeline import Timeline

START = 1_761_955_200_000
"""2025-11-01T00:00:00Z."""


@dataclass(frozen=True)
class Cast:
    clients: Clients
    before: Offers
    after: Offers
    fallback: Offers
    repaired: Offers


@pytest.fixture(scope="session")
def cast() -> Cast:
    training, clients = split(load(), 8_000, seed=7)
    score = scores(train(training), clients)
    return Cast(clients, limits_1(clients, score), limits_2(clients, score), rules_1(clients), limits_3(clients, score))


@pytest.fixture
def timeline() -> Timeline:
    return Timeline(START)
