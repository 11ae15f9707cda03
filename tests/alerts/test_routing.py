import pytest

from alerts.channels import ROUTES, channel_types
from alerts.config import InhibitionConfig, RouteConfig, SilenceConfig, WebhookConfig
from alerts.config import RollbackReceiverConfig as RollbackConfig
from alerts.errors import UnknownReceiver
from alerts.routing import DEFAULT_CONTROL, ROUTE_CHANNELS, Inhibition, Matching, Receiver, Routing, Silence, matches

A, B = Receiver("a", "webhook"), Receiver("b", "pagerduty")
KNOWN = {"a": A, "b": B}
LABELS = {"alertname": "parity", "model": "credit", "severity": "page"}


def test_the_rule_s_receivers_and_those_of_every_matching_route_each_once() -> None:
    routes = (Matching({"model": "credit"}, ("b", "a")), Matching({"model": "other"}, ("b",)))
    assert Routing(KNOWN, routes).receivers_of(("a",), LABELS) == (A, B)
    assert Routing(KNOWN, (Matching({}, ("b",)),)).receivers_of((), LABELS) == (B,)
    assert Routing(KNOWN).receivers_of((), LABELS) == ()


def test_a_receiver_of_nobody_is_an_error() -> None:
    with pytest.raises(UnknownReceiver, match=r"no receiver is called 'c'; configured: a, b"):
        Routing(KNOWN).receivers_of(("c",), LABELS)


def test_a_missing_label_is_empty() -> None:
    assert matches({"team": ""}, LABELS)
    assert not matches({"team": "risk"}, LABELS)


def test_a_silence_holds_from_its_start_up_to_its_end() -> None:
    routing = Routing(silences=(Silence({"model": "credit"}, 10, 20),))
    assert [routing.held_back(LABELS, now, []) for now in (9, 10, 19, 20)] == ["", "silenced", "silenced", ""]
    assert routing.held_back({"model": "other"}, 15, []) == ""


def test_inhibition_needs_equal_labels_and_never_its_own() -> None:
    routing = Routing(inhibitions=(Inhibition({"severity": "page"}, {"kind": "parity"}, ("model",)),))
    target = {"kind": "parity", "model": "credit", "severity": "ticket"}
    assert routing.held_back(target, 0, [{"severity": "page", "model": "credit"}]) == "inhibited"
    assert routing.held_back(target, 0, [{"severity": "page", "model": "other"}]) == ""
    assert routing.held_back(target, 0, []) == ""
    both = {**target, "severity": "page"}
    assert routing.held_back(both, 0, [both]) == ""


def test_from_config() -> None:
    hook = WebhookConfig.model_validate(
        {"name": "a", "type": "webhook", "url": "https://x.example", "secret": "s" * 24, "send_resolved": False}
    )
    silence = {"match": {"m": "c"}, "starts": "1970-01-01T00:00:01Z", "ends": "1970-01-01T01:00:02+01:00", "by": "ada"}
    routing = Routing.from_config(
        [hook],
        [RouteConfig(match={"m": "c"}, receivers=("a",))],
        [SilenceConfig.model_validate(silence)],
        [InhibitionConfig(source={"s": "1"}, target={"t": "1"}, equal=("m",))],
    )
    assert routing.receivers == {"a": Receiver("a", "webhook", send_resolved=False)}
    assert routing.silences == (Silence({"m": "c"}, 1000, 2000),)
    assert routing.inhibitions == (Inhibition({"s": "1"}, {"t": "1"}, ("m",)),)
    assert routing.control == (DEFAULT_CONTROL,)


def test_changes_of_route_go_to_the_receivers_that_take_them_and_alerts_do_not() -> None:
    routing = Routing.from_config([RollbackConfig(name="router", type="rollback")])
    assert routing.control == (Receiver("router", "rollback"),)
    assert routing.receivers_of(("router",), LABELS) == ()


def test_which_channels_carry_routes_is_what_the_channels_say() -> None:
    assert frozenset(name for name, channel in channel_types().items() if channel.tells == ROUTES) == ROUTE_CHANNELS
