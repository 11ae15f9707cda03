"""Examples in the help of every command: written once for a file, and shown by its subcommands where they name them."""

import re
import shlex

import typer

_EXAMPLE = re.compile(r"(?P<head>\S.*?:)?\s*(?P<line>fairdrift .*)")
_REMARK = re.compile(r"\s{3,}|\s+>\s")


def commands(text: str) -> list[list[str]]:
    """The command lines in a text of examples, as lists of words; `a && b` is two.

    A line that begins with an option goes on with the one before; what stands far to the right, or below, is a remark.
    """
    found = []
    for paragraph in re.split(r"\n\s*\n", text.strip()):
        match = _EXAMPLE.search(re.sub(r"\n\s*(?!--)[^\n]*", "", paragraph.replace("\n--", " --")))
        if match is not None:
            line = _REMARK.split(match["line"])[0]
            found += [shlex.split(part) for part in line.split("&&")]
    return found


def hand_down(app: typer.Typer) -> None:
    """Give every subcommand the examples of its group that are of it."""
    for group in app.registered_groups:
        inner = group.typer_instance
        text = inner.info.epilog if inner is not None and isinstance(inner.info.epilog, str) else ""
        for command in inner.registered_commands if inner is not None else ():
            if not command.epilog:
                wanted = [group.name, command.name]
                mine = [one for one in text.strip().split("\n\n") if any(w[1:3] == wanted for w in commands(one))]
                command.epilog = "\n\n".join(mine)
