"""`fairdrift check`: what is wrong with an installation, and what to do about it.

A check looks and changes nothing; it waits for nothing either: what does not answer now is a finding. Findings tell no id
and no attribute value.
"""

from streams.checks.findings import Finding, Level
from streams.checks.run import run_checks

__all__ = ["Finding", "Level", "run_checks"]
