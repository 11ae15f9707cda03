import json

from streams.demo.router import Router


def message(route: str, epoch: int) -> bytes:
    return json.dumps(
        {"specversion": "1.0", "data": {"model": "credit-limit", "route": route, "epoch": epoch}}
    ).encode()


def fresh() -> Router:
    router = Router.__new__(Router)  # without a broker: only what it makes of messages
    router.model, router.route, router.epoch = "credit-limit", "live", 0
    return router


def test_it_obeys_the_newest_epoch_whatever_the_order():
    router = fresh()
    assert router.model_decides
    for route, epoch in (("fallback", 2), ("live", 1), ("fallback", 2)):
        router.obey(message(route, epoch))
    assert (router.route, router.epoch, router.model_decides) == ("fallback", 2, False)
    router.obey(message("live", 3))
    assert router.model_decides
