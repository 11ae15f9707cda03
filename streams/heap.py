"""The heap of processes that handle records by the thousand: when Python looks for cycles, and how malloc shares it out."""

import ctypes
import gc

THRESHOLDS = (100_000, 20, 20)
"""By Python's own (700) a fetch of some thousand records has it walk the heap again and again, for records that are in no
cycle: a third of the CPU of an event (2026-11, `make bench`)."""

ARENAS = 2
"""glibc gives every thread an arena of its own, and what one has freed no other one uses: a fifth of a worker's memory
(2026-11, `make bench ARGS="--only memory"`)."""
_M_ARENA_MAX = -8


def few_arenas() -> None:
    """Have all threads share what is freed. To be called before there are many; where malloc is not glibc's it does nothing."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, ARENAS)


def spare_the_collector() -> None:
    """What is loaded by now stays loaded: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
