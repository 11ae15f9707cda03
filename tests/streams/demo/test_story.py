import pytest

from streams.demo.bank import Tally
from streams.demo.story import Chapter, Counts, Moment, account, missing
from streams.demo.timeline import HOUR

TALLIES = {
    ("limits-1", "female"): Tally(50_000, 40_000, 0, 0),
    ("limits-2", "female"): Tally(1_250, 1_000, 0, 54_000_000),
    ("limits-2", "male"): Tally(750, 580, 0, 0),
}


@pytest.fixture
def moments(timeline):
    hours = [0, 5.75, 6, 6, 6.1, 9, 9.25, 10, 24, 48, 72, 96]
    return [
        Moment(chapter, int(timeline.deploy_ms + hour * HOUR)) for chapter, hour in zip(Chapter, hours, strict=True)
    ]


def test_the_whole_story_in_order_is_complete(moments, timeline):
    told = account(
        moments,
        Counts(TALLIES, 55_000, 1.25, {"female": 0.875, "male": 0.851}, {"shadow": 3_000, "canary": 40}),
        timeline,
    )
    assert told.complete and told.missing == ()
    assert (told.hours_to_page, told.hours_to_switch, told.hours_to_resolve) == (5.75, 6.1, 9.25)
    assert (told.decided_between, told.women_between, told.women_lowered, told.mean_shortfall) == (
        2_000,
        1_250,
        1_000,
        54_000,
    )
    assert told.decided == 52_000
    text = " ".join(told.sentences)
    for part in (
        "day 15, 09:00",
        "5 h 45 min later",
        "2,000 people, 1,250 of them women",
        "NT$ 54,000 lower",
        "1.2 real seconds",
        "87.5% of the women and 85.1% of the men repaid",
        "limits-3 scored in shadow from day 16, 09:00: 3,000 applications",
        "1% on day 17, 09:00 and 25% on day 18, 09:00, 40 decisions",
        "since day 19, 09:00 it decides everything",
        "52,000, 3,000 more scored in shadow; counted by fairdrift: 55,000",
    ):
        assert part in text


@pytest.mark.parametrize("left_out", list(Chapter))
def test_a_chapter_that_is_missing_is_named(moments, timeline, left_out):
    rest = [moment for moment in moments if moment.chapter is not left_out]
    faults = missing(rest)
    assert len(faults) == 1 and faults[0].startswith("missing: ")
    assert not account(rest, Counts(TALLIES, 0), timeline).complete


def test_an_alert_before_the_deployment_is_out_of_order(moments):
    deployed, fired, *rest = moments
    assert missing([fired, deployed, *rest]) == (
        "out of order: the version with the mistake was deployed, after the alert fired",
    )


def test_firing_twice_is_not_the_story(moments):
    assert missing([*moments[:2], *moments[1:]]) == ("happened 2 times: the alert fired",)


def test_times_that_run_backwards_are_out_of_order(moments, timeline):
    early = Moment(Chapter.RESOLVED, timeline.deploy_ms)
    assert missing([*moments[:6], early, *moments[7:]]) == (
        "out of order: the alert resolved, after the ratio over twelve hours was inside the bound",
    )


def test_nothing_happened(timeline):
    told = account([], Counts({}, 0), timeline)
    assert len(told.missing) == len(Chapter)
    assert told.sentences == ("No faulty version was deployed.", "Decisions made: 0; counted by fairdrift: 0.")
