import json

import pytest

from streams.demo.router import EXAMPLE, Routed, example


def message(route: str, epoch: int, **more: object) -> bytes:
    state = {"model": "credit-limit", "route": route, "percent": None, "epoch": epoch, "rest": "live", "version": ""}
    return json.dumps({"specversion": "1.0", "data": state | more}).encode()


@pytest.fixture
def router() -> Routed:
    """Without a broker: only what it makes of messages."""
    module = example()
    made = module.Router.__new__(module.Router)
    made.model, made.state = "credit-limit", module.LIVE
    return made


def test_it_obeys_the_newest_epoch_whatever_the_order(router):
    assert router.arm("a") == "live"
    for route, epoch in (("fallback", 2), ("live", 1), ("fallback", 2)):
        router.obey(message(route, epoch))
    assert (router.state["route"], router.epoch, router.arm("a")) == ("fallback", 2, "fallback")
    router.obey(message("live", 3))
    assert router.arm("a") == "live"


def test_a_message_of_an_older_fairdrift_has_no_rest(router):
    router.obey(
        json.dumps({"data": {"model": "credit-limit", "route": "shadow", "percent": None, "epoch": 1}}).encode()
    )
    assert (router.arm("a"), router.shadow) == ("live", False)


def test_a_canary_is_sticky_takes_its_share_and_only_grows(router):
    keys = [f"application-{number}" for number in range(5_000)]
    taken = []
    for epoch, percent in enumerate((1.0, 25.0), 1):
        router.obey(message("canary", epoch, percent=percent, rest="fallback", version="limits-3"))
        arms = {key: router.arm(key) for key in keys}
        assert set(arms.values()) == {"canary", "fallback"} and not router.shadow
        taken.append({key for key, arm in arms.items() if arm == "canary"})
    assert taken[0] < taken[1]
    assert abs(len(taken[0]) - 50) < 4 * 7 and abs(len(taken[1]) - 1250) < 4 * 31  # binomial standard deviations


def test_in_shadow_the_version_scores_and_the_rest_decides(router):
    router.obey(message("shadow", 1, rest="fallback", version="limits-3"))
    assert (router.arm("a"), router.shadow, router.version) == ("fallback", True, "limits-3")


def test_it_is_short_enough_to_copy():
    """Statements, without comments, docstrings and blank lines."""
    body = EXAMPLE.read_text().split('"""')
    code = [line for part in body[::2] for line in part.splitlines() if line.strip()]
    assert len(code) <= 45
