"""What every section of the configuration is made of: the base of sections, durations, names.

Checks that concern several fields raise one error that carries all of them (`Problem`), so that the loader can print
every mistake at once with its path.
"""

from collections.abc import Iterator
from typing import Annotated, Self

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    ValidationInfo,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import PydanticCustomError

from monitor.times import format_duration, parse_duration

LARGEST_NAME = 128

Problem = tuple[tuple[str | int, ...], str]
"""Where, below the object at hand, and what is wrong in plain words."""

Scalar = bool | int | float | str


def text_of(value: object) -> str:
    """The text by which values are compared: JSON's for booleans and whole numbers (1.0 is `1`), else as written."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _duration(value: object) -> object:
    if isinstance(value, str):
        return parse_duration(value)
    if isinstance(value, int) and value != 0:
        raise ValueError(f"{value} has no unit: write a duration such as 90s, 5m, 24h or 30d")
    return value


Duration = Annotated[
    int,
    BeforeValidator(_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
    WithJsonSchema({"type": "string", "pattern": r"^(\d+(ms|s|m|h|d|w))+$", "examples": ["5m", "24h", "30d"]}),
]
"""Milliseconds, written with units."""

Name = Annotated[str, Field(min_length=1, max_length=LARGEST_NAME, pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$")]
"""A name that is safe in labels, topics and addresses."""

Topic = Annotated[str, Field(min_length=1, max_length=249, pattern=r"^[A-Za-z0-9._-]+$")]
"""A Kafka topic's name."""


TOLD = "told"
"""Key of the validation context: texts of problems not to be raised again."""


class Config(BaseModel):
    """The base of every section: frozen, and unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True, hide_input_in_errors=True)

    def problems(self) -> Iterator[Problem]:
        """What is wrong between fields; subclasses say."""
        return iter(())

    @model_validator(mode="after")
    def _no_problems(self, info: ValidationInfo) -> Self:
        told = (info.context or {}).get(TOLD, ())  # a second look asks for what the first one's problems hid
        found = [problem for problem in self.problems() if problem[1] not in told]
        if found:
            raise PydanticCustomError("problems", "{text}", {"text": "; ".join(p[1] for p in found), "problems": found})
        return self
