import hashlib

from alerts.labels import Family, alert_id


def test_the_identity_is_the_hash_of_the_sorted_labels() -> None:
    expected = hashlib.blake2b(b'{"a":"1","b":"\xc3\xa9"}', digest_size=16).hexdigest()
    assert alert_id({"b": "é", "a": "1"}) == expected == alert_id({"a": "1", "b": "é"})


def test_what_names_the_family_cannot_be_overwritten() -> None:
    labels = Family("parity", "credit", "selection_rate", ("sex", "age")).labels({"model": "x", "team": "risk"})
    assert labels == {
        "alertname": "parity",
        "model": "credit",
        "metric": "selection_rate",
        "attributes": "age,sex",
        "team": "risk",
    }


def test_a_version_and_an_arm_have_an_identity_of_their_own() -> None:
    served = Family("parity", "credit", "selection_rate", ("sex",))
    canary = Family("parity", "credit", "selection_rate", ("sex",), "v2", "canary")
    assert canary.labels({})["version"] == "v2"
    assert canary.labels({})["arm"] == "canary"
    assert alert_id(served.labels({})) != alert_id(canary.labels({}))
