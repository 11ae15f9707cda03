"""The root of this package's errors."""


class StreamsError(Exception):
    """Something that the person who runs fairdrift can put right; the message says what is wrong, where, and what would be right."""
