from streams.demo.world import PANE_MS, closed_until


def test_a_pane_is_closed_when_every_partition_is_a_minute_past_its_end():
    end = 100 * PANE_MS
    assert closed_until({}) == closed_until({0: end}) == 0
    assert closed_until({0: end + 60_000, 1: end + 3_600_000}) == end
    assert closed_until({0: end + 59_999, 1: end + 3_600_000}) == end - PANE_MS
