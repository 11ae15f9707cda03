import json
from dataclasses import replace

from streams.demo.bank import Bank
from streams.demo.timeline import DAY
from streams.demo.traffic import applications


def test_a_prediction_has_what_the_contract_asks_for(cast, timeline):
    bank = Bank(cast.clients, cast.before)
    some = applications(timeline, 200, len(cast.clients), seed=3)
    step = some.before(timeline.start_ms + DAY)
    messages = bank.decide(step, lambda _: cast.before)
    assert len(messages) == len(step) and len({message.key for message in messages}) == len(step)
    for message, time_ms, client in zip(messages, step.time, step.client, strict=True):
        event = json.loads(message.value)
        assert event["id"].encode() == message.key and event["time"] == message.time_ms == time_ms
        assert (event["model"], event["version"], event["arm"]) == ("credit-limit", "limits-1", "live")
        assert event["decision"] == cast.before.approved[client] == ("value" in event)
        assert set(event["attributes"]) == {"sex", "age", "education"} and set(event["factors"]) == {"repayment"}
        assert 0 < event["score"] < 1


def test_the_fallback_has_no_score(cast, timeline):
    some = applications(timeline, 50, len(cast.clients), seed=3).before(timeline.start_ms + DAY)
    events = [
        json.loads(message.value) for message in Bank(cast.clients, cast.before).decide(some, lambda _: cast.fallback)
    ]
    assert {event["arm"] for event in events} == {"fallback"}
    assert not any("score" in event for event in events)


def test_outcomes_follow_for_the_approved_only_once_and_in_order(cast, timeline):
    bank = Bank(cast.clients, cast.before)
    step = applications(timeline, 300, len(cast.clients), seed=3).before(timeline.start_ms + DAY)
    bank.decide(step, lambda _: cast.before)
    assert bank.outcomes(timeline.start_ms + 2 * DAY) == []
    told = bank.outcomes(timeline.start_ms + 5 * DAY) + bank.outcomes(timeline.start_ms + 9 * DAY)
    assert len(told) == cast.before.approved[step.client].sum()
    assert [message.time_ms for message in told] == sorted(message.time_ms for message in told)
    labels = {json.loads(message.value)["id"]: json.loads(message.value)["label"] for message in told}
    for number, client in zip(step.number, step.client, strict=True):
        if cast.before.approved[client]:
            assert labels[f"application-{number:07d}"] == cast.clients.repaid[client]


def test_the_tally_is_what_was_decided(cast, timeline):
    bank = Bank(cast.clients, cast.before)
    step = applications(timeline, 300, len(cast.clients), seed=3).before(timeline.start_ms + DAY)
    bank.decide(step, lambda _: cast.after)
    who = step.client[cast.clients.sex[step.client] == "female"]
    women = bank.tallies["limits-2", "female"]
    assert women.decided == len(who)
    assert women.approved == cast.before.approved[who].sum()
    assert women.limits == cast.after.limit[who].sum()
    assert women.shortfall == (cast.before.limit[who] - cast.after.limit[who]).sum()
    assert bank.tallies["limits-2", "male"].shortfall == 0


def test_a_shadow_scores_the_same_applications_and_decides_nothing(cast, timeline):
    bank = Bank(cast.clients, cast.before)
    step = applications(timeline, 300, len(cast.clients), seed=3).before(timeline.start_ms + DAY)
    messages = bank.decide(step, lambda _: cast.fallback, replace(cast.repaired, arm="shadow"))
    events = [json.loads(message.value) for message in messages]
    assert [event["arm"] for event in events] == ["fallback", "shadow"] * len(step)
    assert all(first["id"] == second["id"] for first, second in zip(events[::2], events[1::2], strict=True))
    assert bank.arms == {"fallback": len(step), "shadow": len(step)}
    assert sum(tally.decided for tally in bank.tallies.values()) == len(step)
    known = bank.outcomes(timeline.start_ms + 30 * DAY)
    assert len(known) == cast.fallback.approved[step.client].sum()


def test_each_key_is_decided_by_whom_the_router_names(cast, timeline):
    bank = Bank(cast.clients, cast.before)
    step = applications(timeline, 300, len(cast.clients), seed=3).before(timeline.start_ms + DAY)
    canary = replace(cast.repaired, arm="canary")
    messages = bank.decide(step, lambda key: canary if key.endswith("7") else cast.fallback)
    for message in messages:
        arm = "canary" if message.key.endswith(b"7") else "fallback"
        assert json.loads(message.value)["arm"] == arm
