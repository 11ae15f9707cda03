"""The lock that makes upgrades wait for one another."""

UPGRADE_LOCK = 0x66616972
"""An advisory lock's number, "fair": the same in every version, or two versions would not wait for each other."""
