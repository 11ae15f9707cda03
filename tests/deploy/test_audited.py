"""`make audit` says which of three answers it has: nothing known, vulnerable, or none."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.audited import NO_ANSWER, NOTHING_KNOWN, VULNERABLE, answer

GOOD = {"name": "rich", "version": "13.9", "vulns": []}
BAD = {"name": "pyyaml", "version": "5.3", "vulns": [{"id": "PYSEC-2021-142", "fix_versions": ["5.4"], "aliases": []}]}
SKIPPED = {"name": "fairdrift", "skip_reason": "not found on PyPI"}


@pytest.mark.parametrize(
    ("packages", "code", "words"),
    [
        ([GOOD], NOTHING_KNOWN, "1 package, none"),
        ([GOOD, BAD, SKIPPED], VULNERABLE, "pyyaml 5.3: PYSEC-2021-142, mended in 5.4"),
        ([GOOD, SKIPPED], NO_ANSWER, "fairdrift: not found on PyPI"),
        ([SKIPPED, SKIPPED], NO_ANSWER, "Nothing is known about the pinned versions"),
        ([], NO_ANSWER, "NO ANSWER"),
    ],
)
def test_answers(tmp_path: Path, packages: list[dict[str, Any]], code: int, words: str) -> None:
    file = tmp_path / "found.json"
    file.write_text(json.dumps({"dependencies": packages, "fixes": []}))
    assert answer(file)[0] == code
    assert words in answer(file)[1]


def test_a_file_that_was_never_written_is_no_answer(tmp_path: Path) -> None:
    assert answer(tmp_path / "found.json")[0] == NO_ANSWER
