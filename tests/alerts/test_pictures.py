"""Addresses of pictures: only ours open, only until they expire, and nothing stands in them."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import pytest

from alerts.pictures import Pictures

NOW = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)
ALERT = "ab" * 16
OURS = Pictures("https://fairdrift.example.org/", b"k" * 32)


def parts(address: str) -> tuple[str, dict[str, str]]:
    split = urlsplit(address)
    return split.path, dict(parse_qsl(split.query))


def test_an_address_opens_for_thirty_days_and_no_longer_than_thirty_one() -> None:
    address = OURS.address(ALERT, NOW)
    path, query = parts(address)
    assert address.startswith("https://fairdrift.example.org/pictures/")
    assert path == f"/pictures/{ALERT}/chart.png"
    assert query["expires"] == str(int(datetime(2026, 12, 23, tzinfo=UTC).timestamp()))  # the midnight after
    for after, right in ((timedelta(), True), (timedelta(days=30), True), (timedelta(days=31), False)):
        assert OURS.right(ALERT, query["expires"], query["signature"], NOW + after) is right


def test_it_is_the_same_all_day_so_that_a_repeated_page_says_the_same() -> None:
    assert OURS.address(ALERT, NOW) == OURS.address(ALERT, NOW + timedelta(hours=20))


def test_the_signature_is_hmac_sha256_of_the_alert_and_the_end() -> None:
    """Made with `openssl dgst -sha256 -hmac`."""
    _, query = parts(OURS.address(ALERT, NOW))
    assert query["signature"] == "8782ce58f4f448b3e4e207681c3ca1392f70e13b10a4429b02c4fb760619cc4f"


@pytest.mark.parametrize(
    ("alert", "expires", "signature"),
    [
        ("cd" * 16, "", ""),
        (ALERT, "1999999999", ""),
        (ALERT, "", "0" * 64),
        (ALERT, "", "ü"),
        (ALERT, "", " "),
        (ALERT, "soon", ""),
    ],
    ids=["another alert", "a later end", "guessed", "no ASCII", "empty", "no number"],
)
def test_no_other_address_opens(alert: str, expires: str, signature: str) -> None:
    _, query = parts(OURS.address(ALERT, NOW))
    assert not OURS.right(alert, expires or query["expires"], signature or query["signature"], NOW)


def test_another_key_signs_otherwise_and_no_key_is_shown() -> None:
    _, query = parts(OURS.address(ALERT, NOW))
    assert not Pictures(OURS.public_url, b"other" * 8).right(ALERT, query["expires"], query["signature"], NOW)
    assert "kkk" not in repr(OURS)
