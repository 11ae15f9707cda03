"""Runs the real command line against services of a test."""

import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]


def configuration(
    folder: Path,
    kafka: str,
    postgres: str,
    models: Sequence[Mapping[str, Any]],
    letters: str = "dead-letters",
    **more: Any,
) -> Path:
    """A `fairdrift.yaml` in the folder: small steps, so that tests do not wait. `letters`: the dead-letter topic."""
    body = {
        "kafka": {
            "bootstrap": kafka, "group": f"group-{folder.name}", "session_timeout": "6s", "dead_letter_topic": letters,
        },
        "postgres": {"url": postgres},
        "worker": {"data_dir": str(folder / "state"), "idle_after": "1s", "commit_every": "200ms", "health": {"port": 0}},
        "models": list(models),
        **more,
    }  # fmt: skip
    path = folder / "fairdrift.yaml"
    path.write_text(yaml.safe_dump(body, sort_keys=False))
    return path


def start(*arguments: str, **environment: str) -> "subprocess.Popen[str]":
    """`fairdrift ARGUMENTS` in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "streams.cli", *arguments],
        cwd=ROOT,
        env=os.environ | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(*arguments: str, seconds: float = 400, **environment: str) -> "subprocess.CompletedProcess[str]":
    """`fairdrift ARGUMENTS`, to its end."""
    with start(*arguments, **environment) as process:
        try:
            out, err = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(
                f"fairdrift {' '.join(arguments)} did not end in {seconds} s:\n{err[-3000:]}"
            ) from None
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)
