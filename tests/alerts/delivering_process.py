"""A process that delivers, for tests that kill it: `python -m tests.alerts.delivering_process CONFIG`.

It ends when nothing is left to route or to send. FAIRDRIFT_FAILPOINT names the step at which it dies. Leases are short, so
that the next process need not wait for a minute.
"""

import sys
import time

from alerts.outbox import Dispatcher, DispatchPolicy, Surroundings, backlog
from alerts.retries import RetryPolicy
from alerts.router import Router
from streams.config import load
from streams.database import engine
from streams.dispatching import channels_of
from streams.failpoints import passing
from streams.watching import routing_of

LEASE = 2.0


def main(config: str) -> None:
    """Route and send until nothing is left."""
    settings = load(config)
    db = engine(settings, name="delivering")
    router = Router(db, routing_of(settings), passing=passing)
    policy = DispatchPolicy(workers=2, lease=LEASE, retry=RetryPolicy(delays=(0.05,)))
    dispatcher = Dispatcher(db, channels_of(settings), policy=policy, around=Surroundings(router, passing=passing))
    while True:
        dispatcher.run_once()
        with db.connect() as conn:
            if not backlog(conn).waiting:
                return
        time.sleep(0.02)


if __name__ == "__main__":
    main(sys.argv[1])
