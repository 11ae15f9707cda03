"""The steps of the image, run without a container engine: its COPY and RUN lines in an empty folder, with an empty environment."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

from streams.database import driver_url
from tests.services.databases import Databases

ROOT = Path(__file__).resolve().parents[2]
PREFIX = "/opt/fairdrift"


def instructions() -> list[tuple[str, str]]:
    """(word, rest) of each instruction of the Dockerfile, lines joined."""
    text = re.sub(r"\\\n\s*", " ", (ROOT / "deploy" / "Dockerfile").read_text())
    lines = [line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#")]
    return [(word, rest) for word, rest in lines]


def environment(folder: Path) -> dict[str, str]:
    """Nothing of ours but where Python and its packages come from."""
    sources = {name: value for name, value in os.environ.items() if name.startswith(("PIP_INDEX", "PIP_TRUSTED", "SSL_", "PIP_CERT"))}
    return {**sources, "PATH": f"{folder}/bin:{folder / 'opt' / 'bin'}:{Path(sys.base_prefix) / 'bin'}:/usr/bin:/bin", "HOME": str(folder)}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the build stage was run; its `opt` is what the image has as /opt/fairdrift."""
    folder = tmp_path_factory.mktemp("image")
    source = folder / "src"
    source.mkdir()
    (folder / "bin").mkdir()
    (folder / "bin" / "python").symlink_to(sys.executable if sys.prefix == sys.base_prefix else Path(sys.base_prefix) / "bin" / "python3")
    build = instructions()
    end = [number for number, (word, _) in enumerate(build) if word == "FROM"][1]
    for word, rest in build[:end]:
        if word == "COPY":
            *names, to = rest.split()
            for name in names:
                copy(ROOT / name, source / (to if len(names) == 1 and to != "./" else name))
        if word == "RUN":
            command = rest.replace(PREFIX, str(folder / "opt"))
            done = subprocess.run(
                ["/bin/sh", "-ec", command], cwd=source, env=environment(folder), capture_output=True, text=True, check=False
            )
            assert done.returncode == 0, f"{rest}\n{done.stdout[-2000:]}{done.stderr[-2000:]}"
    shutil.rmtree(source)
    return folder


def copy(source: Path, to: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, to, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy(source, to)


def program(image: Path, *words: str) -> str:
    """The image's entry point with these words, in an empty working directory."""
    entry = json.loads(dict(instructions())["ENTRYPOINT"])
    work = image / "work"
    work.mkdir(exist_ok=True)
    command = [str(image / "opt" / "bin" / entry[0]), *words]
    done = subprocess.run(command, cwd=work, env=environment(image), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_the_image_has_every_command(image: Path) -> None:
    told = program(image, "--help")
    assert all(command in told for command in ("worker", "serve", "migrate", "check", *json.loads(dict(instructions())["CMD"])))


@pytest.mark.services
def test_the_image_brings_its_migrations_along(image: Path, databases: Databases) -> None:
    with databases.empty() as url:
        assert "is now at revision" in program(image, "migrate", "--database", url)
        engine = sa.create_engine(driver_url(url), poolclass=sa.NullPool)
        with engine.connect() as connection:
            assert connection.execute(sa.text("select count(*) from fairdrift.positions")).scalar_one() == 0


def test_it_does_not_run_as_root() -> None:
    users = [rest for word, rest in instructions() if word == "USER"]
    assert users == ["10001:10001"]
