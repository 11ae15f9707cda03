"""What pip-audit found, as an answer: 0 nothing known, 1 vulnerable, 3 no answer. `python -m tests.deploy.audited FILE`.

pip-audit asks a service for each package, fails alike when it finds something and when nobody answers, and says "No known
vulnerabilities found" where the service knows none of the packages (2026-11, behind a mirror). So its file is read: what it
skipped it cannot say. No answer is not a pass; and there is no other source that could honestly stand in for it offline,
since a list that came with the program would be as old as the program.
"""

import json
import sys
from pathlib import Path
from typing import Any

from alerts.words import several

NOTHING_KNOWN, VULNERABLE, NO_ANSWER = 0, 1, 3

UNASKED = """make audit: NO ANSWER. The service that knows vulnerabilities (PyPI's, through pip-audit) could not be asked; why stands above.
Nothing is known about the pinned versions, good or bad. Run it where that service can be reached: no answer is not a pass."""


def answer(found: Path) -> tuple[int, str]:
    """The exit code, and what to say."""
    try:
        told: dict[str, Any] = json.loads(found.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return NO_ANSWER, UNASKED
    packages = told["dependencies"]
    lines = [
        f"{one['name']} {one['version']}: {flaw['id']}, mended in {', '.join(flaw['fix_versions']) or 'no version yet'}"
        for one in packages
        for flaw in one.get("vulns", ())
    ]
    if lines:
        return VULNERABLE, "\n".join([*lines, f"make audit: VULNERABLE, {len(lines)} known in the pinned versions"])
    skipped = [f"{one['name']}: {one['skip_reason']}" for one in packages if "skip_reason" in one]
    if len(skipped) == len(packages):
        return NO_ANSWER, "\n".join([*skipped[:1], UNASKED])
    if skipped:
        return NO_ANSWER, "\n".join([*skipped, f"make audit: NO ANSWER about {several(len(skipped), 'package')}"])
    return NOTHING_KNOWN, f"make audit: {several(len(packages), 'package')}, none with a known vulnerability"


if __name__ == "__main__":
    code, words = answer(Path(sys.argv[1]))
    print(words, file=sys.stderr if code else sys.stdout)
    sys.exit(code)
