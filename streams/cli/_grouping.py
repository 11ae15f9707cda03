"""Many options of one command, kept in dataclasses by what they are about."""

import inspect
from collections.abc import Callable
from dataclasses import MISSING, fields
from functools import wraps
from typing import Any, get_args, get_type_hints

Command = Callable[..., None]


def with_options(*groups: type) -> Callable[[Command], Command]:
    """The command gets an object of each dataclass, by the class's name in lower case; Typer sees their fields as options.

    A field is annotated as Typer wants an option to be; the first line of its class's docstring heads it in the help.
    """
    options = {group: _options(group) for group in groups}

    def grouped(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True)
        plain = [p for p in own.parameters.values() if p.kind is p.POSITIONAL_OR_KEYWORD]

        @wraps(command)
        def called(**given: Any) -> None:
            made = {
                group.__name__.lower(): group(**{p.name: given.pop(p.name) for p in options[group]}) for group in groups
            }
            command(**given, **made)

        every = [*plain, *(option for group in groups for option in options[group])]
        called.__signature__ = inspect.Signature(every)  # type: ignore[attr-defined]  # what `inspect.signature` looks at
        called.__annotations__ = {parameter.name: parameter.annotation for parameter in every}
        return called

    return grouped


def _options(group: type) -> list[inspect.Parameter]:
    hints, found = get_type_hints(group, include_extras=True), []
    for field in fields(group):
        _, option = get_args(hints[field.name])
        option.rich_help_panel = inspect.getdoc(group)
        assert field.default is not MISSING
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        found.append(inspect.Parameter(field.name, kind, default=field.default, annotation=hints[field.name]))
    return found
