"""Real processes, killed and stopped at every step while events flow; in the end every sum must be exact: `make chaos`."""
