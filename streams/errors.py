"""The root of this package's errors."""


class StreamsError(Exception):
    """Something that the person who runs fairdrift can put right; the message says what is wrong, where, and what would be right."""


class Overtaken(StreamsError):
    """Another worker has evaluated the same panes first; nothing of this evaluation was written."""
