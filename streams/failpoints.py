"""Places where a test may kill the process. Nothing happens unless FAIRDRIFT_FAILPOINT names one: `<step>[:<n>]`.

At the n-th passage of the step (1 without a number) the process sends itself SIGKILL, which no handler sees: what a power
cut leaves is what the next owner finds.
"""

import itertools
import os
import signal
from typing import Literal

Step = Literal[
    "before-postgres",
    "in-postgres",
    "after-postgres",
    "before-store",
    "after-store",
    "after-dead-letters",
    "checkpoint",
    "before-route",
    "in-route",
    "after-route",
    "after-claim",
    "after-send",
    "in-record",
    "after-record",
]

_step, _, _count = os.environ.get("FAIRDRIFT_FAILPOINT", "").partition(":")
_passages = itertools.count(1)
_fatal = int(_count or 1)


def passing(step: Step) -> None:
    """Die here if a test asked for it."""
    if step == _step and next(_passages) >= _fatal:
        os.kill(os.getpid(), signal.SIGKILL)
