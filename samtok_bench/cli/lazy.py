"""Commands that are made when they are asked for: Typer takes milliseconds for each of them."""

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import typer
from typer.core import TyperGroup
from typer.main import get_command_from_info, get_command_name, get_group_from_info, solve_typer_info_defaults
from typer.models import CommandInfo, TyperInfo

Info = CommandInfo | TyperInfo


def added(app: typer.Typer) -> dict[str, Info]:
    """What an app adds to the command line, by name: its commands and groups, or itself if it has a name."""
    return _below(TyperInfo(app))


def _below(info: TyperInfo) -> dict[str, Info]:
    app = info.typer_instance
    assert app is not None
    if name := solve_typer_info_defaults(info).name:
        return {name: info}
    found: dict[str, Info] = {_name(command): command for command in app.registered_commands}
    for group in app.registered_groups:
        found |= _below(group)
    return found


def _name(info: CommandInfo) -> str:
    assert info.callback is not None
    return info.name or get_command_name(info.callback.__name__)


def _help(info: Info) -> str:
    """The first paragraph of a command's help, in one line."""
    text = solve_typer_info_defaults(info).help if isinstance(info, TyperInfo) else info.help
    if text is None:
        text = inspect.getdoc(info.callback)
    return " ".join((text or "").split("\n\n")[0].split())


class LazyGroup(TyperGroup):
    """A root command whose subclass names its commands; all text is plain, without rich."""

    infos: ClassVar[Mapping[str, Info]]

    def list_commands(self, context: Any) -> list[str]:
        return list(self.infos)

    def get_command(self, context: Any, name: str) -> Any:
        # an unknown name is compared with all of them
        for wanted in [name] if name in self.infos else self.infos:
            if wanted not in self.commands:
                self.commands[wanted] = self._made(self.infos[wanted])
        return self.commands.get(name)

    def _made(self, info: Info) -> Any:
        options: dict[str, Any] = {"pretty_exceptions_short": True, "rich_markup_mode": self.rich_markup_mode}
        if isinstance(info, CommandInfo):
            return get_command_from_info(info, **options)
        return get_group_from_info(info, suggest_commands=self.suggest_commands, **options)

    def format_commands(self, context: Any, formatter: Any) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, _help(info)) for name, info in self.infos.items() if not info.hidden])
