"""Turns are asked for in a process of their own: they would stay with this one."""

import subprocess
import sys

SLICE = """
import ctypes, os, struct
from streams.turns import SLICE_NS, take_short_turns
os.nice(3)
if take_short_turns():
    number = {"x86_64": 315}.get(os.uname().machine, 275)
    found = ctypes.create_string_buffer(56)
    assert ctypes.CDLL(None).syscall(number, 0, found, 56, 0) == 0
    _, policy, _, nice, _, runtime, *_ = struct.unpack("<IIQiIQQQII", found.raw)
    print(policy, nice, runtime in (SLICE_NS, 0))
else:
    print(0, os.nice(0), True)
"""


def told(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.strip()


def test_short_turns_change_neither_policy_nor_priority() -> None:
    """What the system says afterwards; kernels before 6.12 keep no slice of one's own (0)."""
    assert told(SLICE) == "0 3 True"


def test_a_worker_gives_way() -> None:
    before = int(told("import os; print(os.nice(0))"))
    after = told("import os; from streams.turns import give_way; give_way(); print(os.nice(0))")
    assert int(after) == min(19, before + 5)


def test_the_lock_changes_hands_quickly() -> None:
    words = "import sys; from streams.turns import take_short_turns_in_python as take; take(); print(sys.getswitchinterval() < 0.001)"
    assert told(words) == "True"
