"""OFREP's answers as bytes. `Answers` keeps, for the flags that are in force, each answer that was given: a flag has one for
each side of its split, and one where the targeting key is missing.

The OpenFeature Remote Evaluation Protocol: https://openfeature.dev/specification/appendix-c.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec

from streams.tokens import Access
from streams.web.board import RouteBoard
from streams.web.routes import Flag

ALL = "/ofrep/v1/evaluate/flags"
ONE = ALL + "/"

LARGEST_BODY = 65_536
"""Bytes of an evaluation context."""

MOST_BULKS = 1024
"""So many answers about all flags are kept; there are as many as ways to fall on the sides of all splits."""


class Context(msgspec.Struct):
    """The evaluation context; only the targeting key is looked at."""

    targeting_key: str | None = msgspec.field(name="targetingKey", default=None)


class Evaluation(msgspec.Struct):
    """The body of an OFREP request."""

    context: Context = msgspec.field(default_factory=Context)


_decoder = msgspec.json.Decoder(Evaluation)


class UnreadableError(Exception):
    """The body is no evaluation request; says why."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: status, JSON, its tag where it may be asked for again, and its headers as names and values."""

    status: int
    body: bytes
    tag: str
    headers: Mapping[str, str]
    wire: bytes = field(repr=False)
    """its own headers and its body, as HTTP/1.1 has them"""


def reply_of(content: object, status: int = 200, *, tagged: bool = False) -> Reply:
    """JSON; `tagged` with an ETag of what it says."""
    body = msgspec.json.encode(content)
    return _reply(status, body, f'"{hashlib.blake2b(body, digest_size=16).hexdigest()}"' if tagged else "")


def unchanged(reply: Reply, known: str) -> Reply:
    """The reply, or 304 if `known`, an If-None-Match, has its tag."""
    if known and {"*", reply.tag} & {each.strip().removeprefix("W/") for each in known.split(",")}:
        return _reply(304, b"", reply.tag)
    return reply


def _reply(status: int, body: bytes, tag: str) -> Reply:
    headers = {"etag": tag, "cache-control": "no-cache"} if tag else {}
    if status != 304:
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return Reply(status, body, tag, headers, head.encode() + b"\r\n" + body)


def targeting_key(body: bytes) -> str:
    """The targeting key of a request's body, empty if it has none; raises `UnreadableError`."""
    if len(body) > LARGEST_BODY:
        raise UnreadableError(f"the body is larger than {LARGEST_BODY} bytes")
    try:
        return _decoder.decode(body).context.targeting_key or "" if body.strip() else ""
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(str(error)) from None


def evaluate(flag: Flag, key: str) -> dict[str, object]:
    """One OFREP result: the value with its reason, or the error that a targeting key is missing."""
    if flag.split and not key:
        return {
            "key": flag.model,
            "errorCode": "TARGETING_KEY_MISSING",
            "errorDetails": "a canary is split by targetingKey",
        }
    variant = flag.variant(key)
    reason = "SPLIT" if flag.split else "STATIC"
    return {"key": flag.model, "reason": reason, "variant": variant, "value": variant, "metadata": flag.metadata}


@dataclass(slots=True)
class Answers:
    """The answers about one set of flags, made when they are first given."""

    flags: Mapping[str, Flag]
    _one: dict[tuple[str, str], Reply] = field(default_factory=dict)
    _all: dict[tuple[str, ...], Reply] = field(default_factory=dict)

    def reply(self, model: str, body: bytes, known: str = "") -> Reply:
        """To a request about one flag, or about all if `model` is empty."""
        try:
            key = targeting_key(body)
        except UnreadableError as error:
            named = {"key": model} if model else {}
            return reply_of({**named, "errorCode": "PARSE_ERROR", "errorDetails": str(error)}, 400)
        return self.one(model, key) if model else self.all(key, known)

    def one(self, model: str, key: str) -> Reply:
        """About one flag."""
        flag = self.flags.get(model)
        if flag is None:
            missing = {"key": model, "errorCode": "FLAG_NOT_FOUND", "errorDetails": "no such model is configured"}
            return reply_of(missing, 404)
        side = _side(flag, key)
        found = self._one.get((model, side))
        if found is None:
            result = evaluate(flag, key)
            found = self._one[model, side] = reply_of(result, 400 if "errorCode" in result else 200)
        return found

    def all(self, key: str, known: str = "") -> Reply:
        """About all flags; 304 if `known`, an If-None-Match, has it."""
        sides = tuple(_side(flag, key) for flag in self.flags.values())
        found = self._all.get(sides)
        if found is None:
            if len(self._all) >= MOST_BULKS:
                self._all.clear()
            found = self._all[sides] = reply_of(
                {"flags": [evaluate(flag, key) for flag in self.flags.values()]}, tagged=True
            )
        return unchanged(found, known)


class AtOnce:
    """Whose request can be answered at once: by a known token, of flags that are held."""

    def __init__(self, access: Access, board: RouteBoard) -> None:
        self._access, self._board = access, board
        self._answers = Answers({})

    def answers(self, authorization: str) -> Answers | None:
        """The answers for who sends this header; None if the application must look: at the token, or at the database."""
        flags = self._board.held
        if flags is None or self._access.known(authorization) is None:
            return None
        if flags is not self._answers.flags:
            self._answers = Answers(flags)
        return self._answers


def flag_of(path: str) -> str | None:
    """Which flag a path is about, empty for all; None if it is neither."""
    if path == ALL:
        return ""
    model = path[len(ONE) :]
    return model if path.startswith(ONE) and model and "/" not in model else None


def _side(flag: Flag, key: str) -> str:
    """What tells the flag's answers apart: the variant, or that a key is missing."""
    return flag.variant(key) if key or not flag.split else ""
