"""flagd's rule, against the library that flagd's own provider uses."""

import mmh3
from hypothesis import given
from hypothesis import strategies as st
from openfeature.contrib.tools.flagd.core.targeting.custom_ops import fractional

from streams.web.buckets import WEIGHTS, murmur3_32, taken, weight


@given(st.binary(max_size=400))
def test_murmur3_is_murmur3(data: bytes) -> None:
    assert murmur3_32(data) == mmh3.hash(data, signed=False)


@given(st.text(max_size=40), st.text(min_size=1, max_size=300), st.floats(0.01, 99.99))
def test_it_takes_the_keys_that_flagd_takes(flag: str, key: str, percent: float) -> None:
    of = weight(percent)
    data = {"targetingKey": key, "$flagd": {"flagKey": flag}}
    assert (fractional(data, ["canary", of], ["live", WEIGHTS - of]) == "canary") == taken(flag, key, of)


def test_a_weight_is_never_above_what_was_agreed() -> None:
    assert [weight(p) for p in (0.0, 0.01, 0.019, 0.29, 1.0, 25.0, 33.333, 99.999, 100.0)] == [
        0, 1, 1, 29, 100, 2500, 3333, 9999, 10_000,
    ]  # fmt: skip
