"""Whose turn it is: between the threads of a process, and between processes on a busy machine."""

import ctypes
import os
import struct
import sys

SWITCH_SECONDS = 0.0003
"""By Python's own (5 ms) a thread that has read from a socket waits so long for the lock while another one computes, and a fetch
of megabytes is many reads: the worker ran dry while Kafka had plenty (2026-11: 80-86 thousand events a second with 5 ms,
95-115 with this, `make bench ARGS="--only throughput"`)."""

SLICE_NS = 100_000
_SCHED_OTHER = 0
_ATTRIBUTES = struct.Struct("<IIQiIQQQII")
"""`struct sched_attr`: its size, policy, flags, nice value, priority, runtime, deadline, period, and two more."""
_SYSCALL = {"x86_64": 314, "aarch64": 274, "riscv64": 274}
"""The number of `sched_setattr` by machine; Debian 12's C library has no function for it."""

GIVEN_WAY = 5
"""Steps of the nice value."""


def give_way() -> None:
    """Have what answers on the same machine (`serve`, Postgres, Kafka) come first; idle processors are used as before.

    Beside a worker that counts as fast as it can, flags at 1,000 a second came within 9.0 ms at the 99th percentile without
    this and within 2.8 ms with it (2026-11, two cores, `make bench ARGS="--only ofrep"`).
    """
    os.nice(GIVEN_WAY)


def take_short_turns_in_python() -> None:
    """Have Python's lock change hands quickly between threads."""
    sys.setswitchinterval(SWITCH_SECONDS)


def take_short_turns() -> bool:
    """Ask Linux for short turns on the processor: who takes less at a time gets it sooner, and no more of it in all.

    For a process that answers quickly beside others that compute. It needs no right. False where it cannot be had:
    kernels before 6.12 (they ignore it or refuse), other systems.

    Source: sched_setattr(2); "EEVDF: custom slices", Documentation/scheduler/sched-eevdf.rst of Linux 6.12.
    """
    number = _SYSCALL.get(os.uname().machine) if sys.platform == "linux" else None
    if number is None:
        return False
    nice = os.getpriority(os.PRIO_PROCESS, 0)
    wanted = _ATTRIBUTES.pack(_ATTRIBUTES.size, _SCHED_OTHER, 0, nice, 0, SLICE_NS, 0, 0, 0, 0)
    return bool(ctypes.CDLL(None).syscall(number, 0, wanted, 0) == 0)
