"""What others do with the same topic, each in a process of its own: `python -m tests.benchmarks.peers.NAME KAFKA TOPIC WARM COUNT`."""
