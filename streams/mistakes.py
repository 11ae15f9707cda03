"""What pydantic found wrong with a configuration, in plain words with the path in the YAML."""

import copy
import difflib
import re
from collections.abc import Iterator
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from streams.settings import Settings

Path = tuple[str | int, ...]
Mistake = tuple[Path, str]

_PLAIN = {
    "missing": "is needed",
    "string_type": "must be text; put it in quotes",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_from_float": "must be a whole number",
    "float_type": "must be a number",
    "float_parsing": "must be a number",
    "finite_number": "must be a finite number",
    "mapping_type": "must be a mapping of `key: value` lines",
    "dict_type": "must be a mapping of `key: value` lines",
    "model_type": "must be a mapping of `key: value` lines",
    "model_attributes_type": "must be a mapping of `key: value` lines",
    "tuple_type": "must be a list",
    "list_type": "must be a list",
    "path_type": "must be a path",
    "string_pattern_mismatch": "may hold letters, digits, '.', '_' and '-' only",
    "union_tag_not_found": "needs a `type`",
    **dict.fromkeys(
        ("datetime_type", "datetime_parsing", "datetime_from_date_parsing", "timezone_aware"),
        "must be a time with its offset, as in 2026-11-20T10:00:00Z",
    ),
    "ip_any_network": "must be a network, as in 10.0.0.0/8, without bits of a host",
}


_OF_CLASSES = (
    "rules look at favourable against not; what `classes` tell apart is computed by the hour, without evidence"
)
_WEIGHED = "rules count decisions, each as one; what `weights` weigh is computed by the hour, without evidence"
_ELSEWHERE = {
    "label_class": _OF_CLASSES,
    "class": _OF_CLASSES,
    "classes": _OF_CLASSES,
    "weight": _WEIGHED,
    "weights": _WEIGHED,
}
"""Keys that somebody may look for in a rule, and why there are none."""

_SCALARS = ("bool", "int", "float", "str")
"""What pydantic adds to the place of a value that might be any of them."""


def path_text(path: Path) -> str:
    """`models[0].attributes.sex`"""
    return re.sub(r"\.\[", "[", ".".join(f"[{part}]" if isinstance(part, int) else part for part in path))


class _Placed(dict[str, Any]):
    """A mapping in a list that remembers its place there, however many before it are taken away."""

    place = 0


def placed(raw: Any) -> Any:
    """A copy in which the mappings in lists remember their places."""
    if isinstance(raw, dict):
        return {key: placed(inner) for key, inner in raw.items()}
    if not isinstance(raw, list):
        return raw
    copied: list[Any] = []
    for place, inner in enumerate(raw):
        one = placed(inner)
        if isinstance(one, dict):
            one = _Placed(one)
            one.place = place
        copied.append(one)
    return copied


def told(error: ValidationError, raw: Any, *, only_between: bool = False) -> list[Mistake]:
    """Every mistake in an error; `only_between`: only those between fields, which `Config.problems` gave."""
    found: list[Mistake] = []
    for one in error.errors(include_url=False):
        path, context = yaml_path(one["loc"], raw), one.get("ctx", {})
        if one["type"] == "problems":
            found += [(yaml_path((*one["loc"], *where), raw), text) for where, text in context["problems"]]
        elif not only_between and not _follows(one) and not _of_text(one):
            scalar = one["loc"] and one["loc"][-1] in _SCALARS and path != one["loc"]
            found.append((path, "must be text, a number, true or false" if scalar else _text(one, path, context)))
    return found


def _follows(one: ErrorDetails) -> bool:
    """A list that is too short only because all in it is wrong."""
    return one["type"] == "too_short" and bool(one["input"])


def _of_text(one: ErrorDetails) -> bool:
    """A mapping that is no text, where either might have been: what is wrong with the mapping is told beside it."""
    return isinstance(one["input"], dict) and any(str(part).startswith("lax-or-strict[") for part in one["loc"])


def _text(one: ErrorDetails, path: Path, context: dict[str, Any]) -> str:
    kind = one["type"]
    if kind == "extra_forbidden":
        if path[:1] == ("rules",) and path[-1] in _ELSEWHERE:
            return _ELSEWHERE[str(path[-1])]
        known = sorted(known_keys(path[:-1]))
        near = difflib.get_close_matches(str(path[-1]), known, n=1)
        return f"unknown key; did you mean {near[0]}?" if near else f"unknown key; known here are {', '.join(known)}"
    if kind == "union_tag_invalid":
        return f"unknown type {context['tag']!r}; known are {context['expected_tags']}"
    if kind == "literal_error":
        return f"must be {context['expected']}"
    if kind in ("too_short", "string_too_short"):
        return "must not be empty"
    if kind == "string_pattern_mismatch" and "[0-9a-f]{64}" in context["pattern"]:
        return "must be 64 hexadecimal digits, as `sha256sum` prints them"
    if kind in _PLAIN:
        return _PLAIN[kind]
    text = str(context["error"]) if "error" in context else one["msg"]
    return text.replace("Input should be", "must be").replace("Input should have", "must have")


def yaml_path(location: Path, raw: Any) -> Path:
    """pydantic's location without what is not in the YAML: the types of unions, the marks of keys."""
    path: list[str | int] = []
    for part in location:
        if part == "[key]":
            break
        if isinstance(part, str) and not isinstance(raw, dict):
            break  # one of the types that a value might have had
        tag = isinstance(raw, dict) and part not in raw and (raw.get("type") == part or "[" in str(part))
        if not tag:
            raw = _inside(raw, part)
            path.append(raw.place if isinstance(raw, _Placed) else part)
    return tuple(path)


def _inside(raw: Any, part: str | int) -> Any:
    if isinstance(raw, dict):
        return raw.get(part)
    return raw[part] if isinstance(raw, list) and isinstance(part, int) and part < len(raw) else None


def known_keys(path: Path) -> set[str]:
    """The keys that may stand at a path of the configuration."""
    whole = Settings.model_json_schema(by_alias=True)
    definitions = whole.get("$defs", {})

    def flat(schema: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if "$ref" in schema:
            yield from flat(definitions[schema["$ref"].rpartition("/")[2]])
        yield schema
        for choice in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
            yield from flat(choice)

    here = list(flat(whole))
    for part in path:
        inner = [s for schema in here for s in (_property(schema, part),) if s is not None]
        here = [one for schema in inner for one in flat(schema)]
    return {key for schema in here for key in schema.get("properties", {})}


def _property(schema: dict[str, Any], part: str | int) -> dict[str, Any] | None:
    if isinstance(part, int):
        found = schema.get("items")
    else:
        found = schema.get("properties", {}).get(part, schema.get("additionalProperties"))
    return found if isinstance(found, dict) else None


def without(raw: Any, error: ValidationError) -> Any:
    """A copy without the values that are wrong in themselves (and whatever lacks what it needs)."""
    rest = copy.deepcopy(raw)
    found = [one for one in error.errors(include_url=False) if one["type"] != "problems" and not _follows(one)]
    doomed = [_at(one["loc"][:-1] if one["type"] == "missing" else one["loc"], rest) for one in found]
    for parent, key in doomed:
        if isinstance(parent, dict):
            parent.pop(key, None)
        elif isinstance(parent, list) and key < len(parent):
            parent[key] = None  # dropped below: the places of the others must hold until all are marked
    _drop_nones(rest)
    return rest


def _at(location: Path, raw: Any) -> tuple[Any, Any]:
    """The container of what pydantic's location names, and its key there."""
    parent, key = None, None
    for part in location:
        if part == "[key]" or (isinstance(part, str) and not isinstance(raw, dict)):
            break
        if isinstance(raw, dict) and part not in raw and (raw.get("type") == part or "[" in str(part)):
            continue
        parent, key, raw = raw, part, _inside(raw, part)
    return parent, key


def _drop_nones(raw: Any) -> None:
    for inner in raw.values() if isinstance(raw, dict) else raw if isinstance(raw, list) else ():
        _drop_nones(inner)
    if isinstance(raw, list):
        raw[:] = [inner for inner in raw if inner is not None]


def reference_mistakes(raw: dict[str, Any]) -> Iterator[Mistake]:
    """Names that are given twice, or named and not there. Read from the raw values, however wrong the rest is."""
    names = {section: _names(raw, section) for section in ("models", "receivers", "rules", "policies")}
    for section, found in names.items():
        for place, name in found.items():
            if name in [other for before, other in found.items() if before < place]:
                yield (section, place, "name"), f"{name} is the name of another one too"
    models, receivers = set(names["models"].values()), set(names["receivers"].values())
    for place, rule in _mappings(raw, "rules"):
        model = rule.get("model", "*")
        if isinstance(model, str) and model not in {*models, "*"}:
            yield ("rules", place, "model"), f"no model is named {model}"
        yield from _unknown(rule, ("rules", place), "receivers", receivers)
    for place, route in _mappings(raw, "routes"):
        yield from _unknown(route, ("routes", place), "receivers", receivers)
    intervals = {one["name"] for _, one in _mappings(raw, "time_intervals") if isinstance(one.get("name"), str)}
    if isinstance(raw.get("route"), dict):
        yield from _tree_mistakes(raw["route"], ("route",), receivers, intervals)
    for place, receiver in _mappings(raw, "receivers"):
        other = receiver.get("fallback")
        if isinstance(other, str) and other and other not in receivers - {receiver.get("name")}:
            yield ("receivers", place, "fallback"), f"no other receiver is named {other}"
    for place, policy in _mappings(raw, "policies"):
        yield from _unknown(policy, ("policies", place), "models", models)


def _tree_mistakes(node: dict[str, Any], path: Path, receivers: set[str], intervals: set[str]) -> Iterator[Mistake]:
    """The same for a node of the routing tree and all below it."""
    named = [node["receiver"]] if isinstance(node.get("receiver"), str) else []
    yield from _unknown({"receivers": named}, path, "receivers", receivers)
    yield from _unknown(node, path, "receivers", receivers)
    for when in ("mute_time_intervals", "active_time_intervals"):
        yield from _unknown(node, path, when, intervals)
    for place, step in _mappings(node, "escalate"):
        yield from _unknown(step, (*path, "escalate", place), "receivers", receivers)
    for place, child in _mappings(node, "routes"):
        yield from _tree_mistakes(child, (*path, "routes", place), receivers, intervals)


def _unknown(given: dict[str, Any], path: Path, field: str, known: set[str]) -> Iterator[Mistake]:
    named = given.get(field, [])
    for name in named if isinstance(named, list) else []:
        if isinstance(name, str) and name not in known:
            yield (*path, field), f"no {field.removesuffix('s')} is named {name}"


def _mappings(raw: dict[str, Any], section: str) -> list[tuple[int, dict[str, Any]]]:
    given = raw.get(section)
    return [(n, one) for n, one in enumerate(given) if isinstance(one, dict)] if isinstance(given, list) else []


def _names(raw: dict[str, Any], section: str) -> dict[int, str]:
    return {place: one["name"] for place, one in _mappings(raw, section) if isinstance(one.get("name"), str)}
