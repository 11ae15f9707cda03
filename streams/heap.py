"""The heap of processes that handle records by the thousand: when Python looks for cycles, and what malloc keeps."""

import ctypes
import gc
import sys

THRESHOLDS = (100_000, 20, 20)
"""By Python's own (700) a fetch of some thousand records has it walk the heap again and again, for records that are in no
cycle: a third of the CPU of an event (2026-11, `make bench`)."""

_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
ARENAS = 2
"""glibc gives every thread an arena of its own, and what one has freed no other one uses."""
LARGE_BYTES = 1 << 20
"""What is as large as this goes back to the system when it is freed. By itself glibc raises this to 32 MB, and keeps it all.

With a million predictions pending a worker has 355 MB with this and 434 MB without (2026-11, `make bench ARGS="--only memory"`)."""


def give_back() -> None:
    """Have malloc keep little of what is freed. To be called before there are many threads; where malloc is not glibc's it does nothing."""
    libc = ctypes.CDLL(None)
    if hasattr(libc, "mallopt"):
        libc.mallopt(_M_ARENA_MAX, ARENAS)
        libc.mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)


def spare_arrow() -> None:
    """Have pandas not load Arrow: 35 MB that a worker, which reads no Parquet, does not use. To be called before pandas is imported."""
    sys.modules.setdefault("pyarrow", None)  # type: ignore[arg-type]  # that is how an import is refused


def spare_the_collector() -> None:
    """What is loaded by now stays loaded: the collector need not look at it again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
