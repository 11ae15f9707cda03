"""What can go wrong in concluding and telling. The class says what to do about it; the attributes say with what."""


class AlertsError(Exception):
    """Root of everything that `alerts` raises on purpose."""


class UnknownRuleType(AlertsError):
    """A configured rule names a type that has no module in `alerts/rules/`."""

    def __init__(self, rule: str, type_: str, known: tuple[str, ...]) -> None:
        self.rule, self.type, self.known = rule, type_, known
        super().__init__(f"rule {rule!r} is of the unknown type {type_!r}; known types: {', '.join(known)}")


class UnknownChannel(AlertsError):
    """A configured receiver names a channel that has no module in `alerts/channels/`."""

    def __init__(self, receiver: str, type_: str, known: tuple[str, ...]) -> None:
        self.receiver, self.type, self.known = receiver, type_, known
        super().__init__(f"receiver {receiver!r} is of the unknown type {type_!r}; known types: {', '.join(known)}")


class UnknownReceiver(AlertsError):
    """A rule names a receiver that is not configured."""

    def __init__(self, receiver: str, known: tuple[str, ...]) -> None:
        self.receiver, self.known = receiver, known
        super().__init__(f"no receiver is called {receiver!r}; configured: {', '.join(known) or 'none'}")


class UnreadableMatcher(AlertsError, ValueError):
    """A matcher of labels cannot be read."""

    def __init__(self, matcher: str, why: str) -> None:
        self.matcher = matcher
        super().__init__(f"the matcher {matcher!r} cannot be read: {why}")


class UnreadableInterval(AlertsError, ValueError):
    """A time interval cannot be read."""


class UnusableSecret(AlertsError):
    """A webhook's secret is not what receivers' libraries can verify with. Says whose, never which."""

    def __init__(self, receiver: str) -> None:
        self.receiver = receiver
        super().__init__(
            f"a secret of receiver {receiver!r} is not base64 of at least 16 bytes (with or without whsec_ before it); "
            "make one with `openssl rand -base64 32`"
        )


class TransportError(AlertsError):
    """A notification was not delivered.

    `permanent` carries the whole decision: the dispatcher retries unless it is set. `retry_after` is the least number
    of seconds the receiver asked us to wait, if it did. The message never contains a secret, a path or query of an
    address (they may hold one), or a word of the receiver's answer that was not asked for.
    """

    def __init__(self, message: str, *, permanent: bool, retry_after: float | None = None) -> None:
        self.permanent, self.retry_after = permanent, retry_after
        super().__init__(message)


class DestinationRefused(TransportError):
    """The address is one that notifications may not go to (private, loopback, link-local, not https)."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)
