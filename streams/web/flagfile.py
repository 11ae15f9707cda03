"""The flagd definition as a file: for flagd's file sync and for providers that read it in process.

Written beside and renamed, so that a reader sees the old file or the new one, and only when it is different.
"""

import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

import msgspec

from streams.web.routes import Flag, definition


def write(path: Path, flags: Iterable[Flag]) -> bool:
    """Write the flags; False if the file says so already. OSError if it cannot be written."""
    body = msgspec.json.format(msgspec.json.encode(definition(flags)), indent=2) + b"\n"
    if path.exists() and path.read_bytes() == body:
        return False
    handle, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(body)
        Path(beside).chmod(0o644)
        Path(beside).replace(path)
    except OSError:
        Path(beside).unlink(missing_ok=True)
        raise
    return True
