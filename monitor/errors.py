"""What can go wrong in the core of measurement. Every error of this package is a `MonitorError`."""


class MonitorError(Exception):
    """The root: the message says what is wrong, where, and what would be right."""


class DurationError(MonitorError, ValueError):
    """A text that is not a duration such as `5m` or `30d`."""


class MappingError(MonitorError, ValueError):
    """A path of a `mapping` that cannot be compiled."""
