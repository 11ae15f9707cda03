"""What was measured, on what, and how it is shown: a table, and JSON below bench-results/."""

import json
import os
import platform
import subprocess
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from rich.console import Console
from rich.table import Table

FOLDER = Path(__file__).resolve().parents[2] / "bench-results"
PACKAGES = (
    "aiokafka",
    "faust-streaming",
    "quixstreams",
    "msgspec",
    "numpy",
    "rocksdict",
    "psycopg2-binary",
    "sqlalchemy",
)


@dataclass(frozen=True, slots=True)
class Result:
    """One measured figure. `target` is what it should be at least (at most if `less`), None if it is there to compare."""

    name: str
    value: float
    unit: str
    target: float | None = None
    less: bool = False
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met; None without one."""
        if self.target is None:
            return None
        return self.value <= self.target if self.less else self.value >= self.target


@dataclass(frozen=True, slots=True)
class Machine:
    """What it was measured on."""

    processor: str
    cores: int
    memory_gb: float
    system: str
    python: str
    broker: str
    versions: dict[str, str]

    @classmethod
    def here(cls, broker: str) -> "Machine":
        """This machine."""
        memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
        versions = {name: version(name) for name in PACKAGES} | {"fairdrift": revision()}
        cores = len(os.sched_getaffinity(0))
        return cls(
            processor(), cores, round(memory, 1), platform.platform(), platform.python_version(), broker, versions
        )


def processor() -> str:
    """The processor's name, as Linux tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def revision() -> str:
    """The commit that was measured, with a plus if files were changed since."""
    done = subprocess.run(
        ["git", "describe", "--always", "--dirty=+"], cwd=FOLDER.parent, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


def show(machine: Machine, results: Sequence[Result]) -> None:
    """Print the table."""
    table = Table("what", "measured", "target", "", title="fairdrift and its peers, side by side")
    for result in results:
        target = "" if result.target is None else f"{'<=' if result.less else '>='} {result.target:,.6g}"
        sign = {None: "", True: "[green]met[/]", False: "[red]missed[/]"}[result.met]
        name = f"{result.name}\n  [dim]{result.note}[/]" if result.note else result.name
        table.add_row(name, f"{figure(result.value)} {result.unit}", target, sign)
    console = Console()
    console.print(table)
    console.print(
        f"{machine.processor}, {machine.cores} cores, {machine.memory_gb} GB; {machine.system}; {machine.broker}"
    )
    console.print(
        f"Python {machine.python}; " + ", ".join(f"{name} {number}" for name, number in machine.versions.items())
    )


def figure(value: float) -> str:
    """Thousands with separators, small numbers with three digits."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def write(machine: Machine, results: Sequence[Result]) -> Path:
    """Write the JSON; its path."""
    FOLDER.mkdir(exist_ok=True)
    now = datetime.now(UTC)
    body = {
        "measured_at": now.isoformat(timespec="seconds"),
        "machine": asdict(machine),
        "results": [asdict(result) | {"met": result.met} for result in results],
    }
    path = FOLDER / f"{now:%Y%m%dT%H%M%SZ}.json"
    path.write_text(json.dumps(body, indent=2) + "\n")
    return path
