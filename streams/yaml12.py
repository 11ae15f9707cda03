"""YAML as version 1.2 means it, on PyYAML's safe loader, which follows 1.1."""

import re
from typing import Any, ClassVar

import yaml

Mistake = tuple[tuple[str | int, ...], str]


class YamlMistake(Exception):
    """The text is no YAML; the message has the line."""


class _Loader(yaml.SafeLoader):
    """No implicit types but those of the 1.2 core schema; finds keys that are there twice."""

    yaml_implicit_resolvers: ClassVar[dict[str, list[tuple[str, re.Pattern[str]]]]] = {}  # type: ignore[misc]


_CORE = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+0123456789."),
    ),
    "merge": (r"<<", ["<"]),
}
for _tag, (_pattern, _first) in _CORE.items():
    _Loader.add_implicit_resolver(f"tag:yaml.org,2002:{_tag}", re.compile(f"^(?:{_pattern})$"), _first)


def _int(loader: yaml.SafeLoader, node: yaml.ScalarNode) -> int:
    text = str(loader.construct_scalar(node))
    if text.startswith(("0o", "0x")):
        return int(text, 0)
    return int(text)


_Loader.add_constructor("tag:yaml.org,2002:int", _int)


def read_yaml(text: str) -> tuple[Any, list[Mistake]]:
    """The plain values of a YAML text, and keys that are there twice; YamlMistake if it is no YAML."""
    try:
        loader = _Loader(text)
    except yaml.reader.ReaderError as error:  # raised before there is a loader
        line = text.count("\n", 0, error.position) + 1
        raise YamlMistake(f"line {line}: is not YAML: it has the character U+{ord(text[error.position]):04X}") from None
    try:
        node = loader.get_single_node()
        twice: list[Mistake] = []
        if node is not None:
            _find_twice(node, (), twice)
        return (None if node is None else loader.construct_document(node)), twice
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        raise YamlMistake(f"{where}is not YAML: {getattr(error, 'problem', None) or 'it cannot be read'}") from None
    except RecursionError:
        raise YamlMistake("is nested too deep") from None
    finally:
        loader.dispose()


def _find_twice(node: yaml.Node, path: tuple[str | int, ...], found: list[Mistake]) -> None:
    if isinstance(node, yaml.SequenceNode):
        for place, inner in enumerate(node.value):
            _find_twice(inner, (*path, place), found)
    elif isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, inner in node.value:
            name = str(key.value)
            if name in seen:
                found.append(((*path, name), f"is there twice, again in line {key.start_mark.line + 1}"))
            seen.add(name)
            _find_twice(inner, (*path, name), found)
