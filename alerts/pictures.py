"""Where a page finds the picture of its chart: an address that opens for whoever was given it, until it expires.

    signature = HMAC-SHA256(key, "fairdrift picture" LF alert LF expires), in hex

Services that show pictures in pages (PagerDuty) fetch them without a token. So the address carries its right: it names the
alert by its identity, which is a hash, and an end in epoch seconds; nobody can make another one without the key. It holds no
model, rule, attribute or group. Ends are whole days, so that a page that is repeated bears the same address.
"""

import hashlib
import hmac
from dataclasses import dataclass, field
from datetime import datetime
from math import ceil

from monitor.times import DAY, SECOND

PATH = "/pictures/{alert}/chart.png"
LASTS = 30 * DAY
"""So long a page can be looked at with its picture, at least."""

CHARTED = frozenset({"threshold", "drift"})
"""The types of rules whose figures are kept as a series; the others have no chart."""


@dataclass(frozen=True, slots=True)
class Pictures:
    """Makes such addresses below `public_url`, and knows its own again."""

    public_url: str
    key: bytes = field(repr=False)

    def address(self, alert: str, now: datetime) -> str:
        """The address of an alert's picture, good for `LASTS` and up to a day more."""
        day = DAY // SECOND
        expires = ceil((now.timestamp() + LASTS // SECOND) / day) * day
        path = PATH.format(alert=alert)
        return f"{self.public_url.rstrip('/')}{path}?expires={expires}&signature={self._signature(alert, str(expires))}"

    def right(self, alert: str, expires: str, signature: str, now: datetime) -> bool:
        """Whether an address is one of ours, and not over."""
        made = self._signature(alert, expires)
        ours = hmac.compare_digest(made.encode(), signature.encode())
        return ours and expires.isdecimal() and now.timestamp() < int(expires)

    def _signature(self, alert: str, expires: str) -> str:
        said = f"fairdrift picture\n{alert}\n{expires}".encode()
        return hmac.new(self.key, said, hashlib.sha256).hexdigest()
