"""Help pages as plain text: options in groups, examples line by line. Needs no import beyond typer's own, so it is there at once."""

from __future__ import annotations

import textwrap
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

_WIDEST = 28  # characters of "--option TYPE"; a longer one gets a line of its own


class Command(TyperCommand):
    """A subcommand whose help groups its options under their headings."""

    def collect_usage_pieces(self, ctx: Any) -> list[str]:
        """FILE instead of {FILE}."""
        return [piece.strip("{}") for piece in super().collect_usage_pieces(ctx)]

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Arguments and options, group by group."""
        _options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples."""
        _epilog(self.epilog, formatter)


class Group(TyperGroup):
    """The command itself: its subcommands first, its few options last."""

    def format_options(self, ctx: Any, formatter: Any) -> None:
        """Subcommands, then options."""
        with formatter.section(typer.style("Commands", bold=True)):
            parts = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
            formatter.write_dl([(name, str(part.help).split("\n\n")[0]) for name, part in parts if part is not None])
        _options(self, ctx, formatter)

    def format_epilog(self, ctx: Any, formatter: Any) -> None:
        """The examples."""
        _epilog(self.epilog, formatter)


def _options(command: Any, ctx: Any, formatter: Any) -> None:
    groups: dict[str, list[tuple[str, str]]] = {}
    for parameter in command.get_params(ctx):
        if getattr(parameter, "hidden", False):
            continue
        argument = parameter.param_type_name == "argument"
        heading = "Arguments" if argument else getattr(parameter, "rich_help_panel", None) or "Options"
        groups.setdefault(heading, []).append((_name(parameter, ctx, argument), _told(parameter, ctx, argument)))
    for heading, rows in groups.items():
        with formatter.section(typer.style(heading, bold=True)):
            formatter.write_dl(rows, col_max=_WIDEST)


def _name(parameter: Any, ctx: Any, argument: bool) -> str:
    if argument:
        return str(parameter.metavar or parameter.name)
    names = [*parameter.opts, *parameter.secondary_opts]
    names.sort(key=lambda name: name.startswith("--"))
    return ", ".join(names) + ("" if parameter.is_flag else f" {_kind(parameter, ctx)}")


def _kind(parameter: Any, ctx: Any) -> str:
    shown = str(parameter.display_type_rich(ctx=ctx) or "")
    if "|" in shown:  # a choice
        return shown.strip("[]<>")
    return {"<int": "N", "<float>": "X", "<path>": "PATH"}.get(shown.split()[0].removesuffix(">") if "int" in shown else shown, "TEXT")


def _told(parameter: Any, ctx: Any, argument: bool) -> str:
    text = str(parameter.help or "")
    default = None if argument or parameter.is_flag else parameter.get_default(ctx, call=False)
    if parameter.required and not argument:
        return f"{text} [required]"
    return text if default in (None, "", ()) or not parameter.show_default else f"{text} [default: {default}]"


def _epilog(text: str | None, formatter: Any) -> None:
    """Headings in ** stand bold, lines in back-ticks are commands, their remark below them; everything else is a paragraph."""
    for part in (text or "").strip().split("\n\n"):
        formatter.write("\n" if not part.startswith("`") else "")
        command, dash, remark = part.partition("  — ")
        if part.startswith("**"):
            formatter.write(typer.style(part.strip("*"), bold=True) + ":\n")
        elif part.startswith("`"):
            lines = textwrap.wrap(command.replace("`", ""), formatter.width - 4, break_on_hyphens=False, break_long_words=False)
            formatter.write("  " + " \\\n    ".join(lines) + "\n" + (f"      {remark.replace('`', '')}\n" if dash else ""))
        else:
            formatter.write_text(part.replace("`", ""))
