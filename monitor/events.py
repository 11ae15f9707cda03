"""The events of the contract, and what becomes of a message that is none.

`Prediction` and `Outcome` are what the published JSON Schemas are generated from. The reader decodes their `Wire` twins, which
leave attributes and factors as bytes: one cell in a hundred thousand events needs them taken apart.

Unknown fields are ignored, so that producers may send more. Of a key that is repeated in one object the last counts, as in
most JSON readers. Absent and null are the same.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

ID_BYTES = 1024
"""The longest id, in bytes of UTF-8."""
VERSION_LENGTH = 128
MESSAGE_BYTES = 1 << 20
"""The longest message: Kafka's own default for a record batch."""
ATTRIBUTES = 64
"""The most attributes, and the most factors, of one event."""
AHEAD_MS = 600_000
"""How far an event's time may lie ahead of its record's: clocks of producers differ, but not by more than 10 minutes."""

Arm = Literal["live", "canary", "shadow", "fallback"]

Id = Annotated[str, Meta(min_length=1, max_length=ID_BYTES, description="1 to 1024 bytes; also the key of the message")]
Time = Annotated[int | str, Meta(description="RFC 3339, or epoch milliseconds", examples=["2026-11-20T10:00:00.123Z"])]
Value = Annotated[
    float | None, Meta(description="a continuous output: a limit, a price; counted in units of the resolution")
]
Version = Annotated[str, Meta(max_length=VERSION_LENGTH)]
Score = Annotated[float, Meta(ge=0, le=1)]
Weight = Annotated[float, Meta(gt=0)]
Scalars = Annotated[dict[str, str | int | float | bool | None], Meta(max_length=ATTRIBUTES)]


class Prediction(msgspec.Struct, gc=False):
    """A decision of a model about a person. At least one of decision, score and value is there."""

    id: Id
    model: Annotated[str, Meta(description="a configured model")]
    time: Time
    version: Annotated[Version | None, Meta(description="of the model; '*' is not one")] = None
    decision: Annotated[bool | int | str | None, Meta(description="favourable or not, or a configured class label")] = (
        None
    )
    score: Score | None = None
    value: Value = None
    attributes: Annotated[Scalars | None, Meta(description="protected attributes; null is the group `unknown`")] = None
    factors: Annotated[Scalars | None, Meta(description="legitimate factors to control for")] = None
    arm: Annotated[Arm | None, Meta(description="live, unless told otherwise")] = None
    weight: Annotated[
        Weight | None,
        Meta(description="how much the decision counts, 1 if absent; only models with `weights` look at it"),
    ] = None


class Outcome(msgspec.Struct, gc=False):
    """What became of it. At least one of label and value is there. Joins every prediction of its model and id."""

    id: Id
    model: Annotated[str, Meta(description="a configured model")]
    time: Time
    label: Annotated[bool | int | str | None, Meta(description="positive or not, or a configured class label")] = None
    value: Value = None


class WirePrediction(msgspec.Struct, gc=False):
    """`Prediction` as the reader decodes it: fields in the order of the contract's example, which decodes fastest."""

    id: Annotated[str, Meta(min_length=1)]
    model: str
    time: int | str
    version: str | None = None
    decision: bool | int | str | None = None
    score: float | None = None
    value: float | None = None
    attributes: msgspec.Raw = msgspec.Raw()
    factors: msgspec.Raw = msgspec.Raw()
    arm: Arm | None = None


class WireWeighted(WirePrediction, gc=False):
    """`WirePrediction` of a stream in which some model weighs its decisions; the others ignore whatever stands there."""

    weight: msgspec.Raw = msgspec.Raw()


class WireOutcome(msgspec.Struct, gc=False):
    """`Outcome` as the reader decodes it."""

    id: Annotated[str, Meta(min_length=1)]
    model: str
    time: int | str
    label: bool | int | str | None = None
    value: float | None = None


class Reason(StrEnum):
    """Why a message, or an event in it, cannot be read. The texts are stored and counted."""

    MALFORMED = "malformed"
    """Not JSON: cut off, NaN or Infinity, broken UTF-8, nested too deep."""
    WRONG_TYPE = "wrong_type"
    MISSING_FIELD = "missing_field"
    UNKNOWN_CONTENT_TYPE = "unknown_content_type"
    MESSAGE_TOO_LARGE = "message_too_large"
    UNKNOWN_MODEL = "unknown_model"
    BAD_ID = "bad_id"
    BAD_TIME = "bad_time"
    TIME_AHEAD = "time_ahead"
    TIME_TOO_OLD = "time_too_old"
    BAD_DECISION = "bad_decision"
    BAD_LABEL = "bad_label"
    BAD_SCORE = "bad_score"
    BAD_VALUE = "bad_value"
    BAD_WEIGHT = "bad_weight"
    BAD_VERSION = "bad_version"
    TOO_MANY_ATTRIBUTES = "too_many_attributes"
    NOTHING_TO_COUNT = "nothing_to_count"
    """Neither decision, score nor value; or neither label nor value."""
    MISPLACED = "misplaced"
    """An id in a batch belongs to another partition than its message."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """An event that cannot be read. `detail` names the field and the rule, never an id or an attribute's value."""

    offset: int
    index: int
    model: str
    """Empty if unknown."""
    reason: Reason
    detail: str
    time_ms: int
    """Of the record, not of the event."""
    raw: bytes
    """The message, or the element of a batch, whole. Restricted."""
