"""How often somebody may ask: a bucket of tokens for each key. Pure; the time is passed in.

    tokens(now) = min(burst, tokens(then) + rate (now - then)), and each request takes one

Keys are bounded: when there are too many, those whose bucket is full again are forgotten, which changes no answer, and then
the one that asked longest ago.
"""

from dataclasses import dataclass, field

MOST = 10_000
"""So many keys are kept."""


@dataclass(frozen=True, slots=True)
class Allowed:
    """So many requests a second on average, and `burst` at once."""

    rate: float
    burst: float


@dataclass(slots=True)
class Buckets:
    """The buckets of all keys under one allowance. Not safe to share between threads."""

    allowed: Allowed
    most: int = MOST
    _filled: dict[str, tuple[float, float]] = field(default_factory=dict, repr=False)
    """key -> (tokens, when); in the order of their last request"""

    def wait(self, key: str, now: float) -> float:
        """Seconds until the key may ask again; 0 if it may now, and then this request is counted."""
        tokens = self._tokens(key, now)
        if tokens < 1:
            return (1 - tokens) / self.allowed.rate
        self._filled.pop(key, None)
        self._filled[key] = (tokens - 1, now)
        if len(self._filled) > self.most:
            self._forget(now)
        return 0.0

    def empty(self, key: str, now: float) -> bool:
        """Whether the key would have to wait; nothing is counted."""
        return self._tokens(key, now) < 1

    def _tokens(self, key: str, now: float) -> float:
        tokens, then = self._filled.get(key, (self.allowed.burst, now))
        return min(self.allowed.burst, tokens + self.allowed.rate * max(0.0, now - then))

    def _forget(self, now: float) -> None:
        full = [key for key in self._filled if self._tokens(key, now) >= self.allowed.burst]
        for key in full or [next(iter(self._filled))]:
            del self._filled[key]
