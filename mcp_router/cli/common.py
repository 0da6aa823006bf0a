"""What all commands share: where the settings come from, and how an error is told."""

import getpass
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click

from mcp_router.canonical import encodable
from mcp_router.errors import (
    ConfigurationError,
    NotConfigured,
    RouterError,
    SettingsMissing,
    UnknownPolicy,
)
from mcp_router.sandbox.fleet import Sandbox
from mcp_router.settings import Settings, load_settings

DEFAULT_CONFIG = "router.yaml"
CONFIG_VARIABLE = "MCP_ROUTER_CONFIG"

EXIT_FAILED = 1
EXIT_CONFIGURATION = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Settings, the file that they came from, and the sandbox behind them if there is one."""

    settings: Settings
    file: Path
    sandbox: Sandbox | None = None


config_option = click.option(
    "--config",
    type=click.Path(path_type=Path),
    help=f"Settings to use; default {DEFAULT_CONFIG}, then ${CONFIG_VARIABLE}.",
)
sandbox_option = click.option(
    "--sandbox", is_flag=True, help="Use embedded servers: no account, no key, nothing leaves."
)


def text(value: str) -> str:
    """Return an option's text, which is to be the `type` of it.

    Raises:
        BadParameter: it is not in UTF-8, and cannot be asked for or kept.
    """
    if not encodable(value):
        raise click.BadParameter("it is not in UTF-8.")

    return value


who_option = click.option("--who", type=text, help="Who decides; default the user of this machine.")
why_option = click.option("--why", type=text, default="", help="What the decision rests on.")
json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON for programs.")


class Commands(click.Group):
    """Commands that are listed with their whole first sentence; click cuts it after a line."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list."""
        rows = [
            (name, (command.help or "").partition("\n\n")[0].replace("\n", " "))
            for name in self.list_commands(ctx)
            if (command := self.get_command(ctx, name)) is not None
        ]

        with formatter.section("Commands"):
            formatter.write_dl(rows)


class CodedGroup(Commands):
    """Commands whose coded errors are told on standard error, with the way on, not as tracebacks.

    The exit code is 2 where the operator must correct something, else 1.
    """

    def invoke(self, ctx: click.Context) -> object:
        """Run the command and tell the error that it ends with."""
        try:
            result: object = super().invoke(ctx)
            sys.stdout.flush()  # a reader who has gone is noticed here, not after the exit code
            return result
        except (RouterError, BaseExceptionGroup) as raised:
            error = _innermost(raised)

            if isinstance(error, SystemExit | BrokenPipeError):
                ctx.exit(EXIT_FAILED)  # whoever read the output has gone away

            if not isinstance(error, RouterError):
                raise

            click.echo(f"{error.code}: {error.message}\n  {error.advice}", err=True)
            # On a command line it was the operator who named the policy.
            wrong = isinstance(error, ConfigurationError | UnknownPolicy)
            ctx.exit(EXIT_CONFIGURATION if wrong else EXIT_FAILED)


def _innermost(error: BaseException) -> BaseException:
    """Return what a group of one was raised for: task groups wrap whatever passes through them."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]

    return error


@contextmanager
def open_source(config: Path | None, *, sandbox: bool = False) -> Iterator[Source]:
    """Yield the settings that a command works with; a sandbox lives as long as the block.

    Raises:
        SettingsMissing: there is no file and no sandbox was asked for.
        InvalidSettings, MissingSecret: the file cannot be used.
    """
    if not sandbox:
        file = find_config(config, os.environ)
        yield Source(settings=load_settings(file, os.environ), file=file)
        return

    with Sandbox.start() as running:
        folder = running.certificate.ca_file.parent
        file = folder / DEFAULT_CONFIG
        file.write_text(running.router_yaml(), encoding="utf-8")
        click.echo(running.describe(), err=True)
        click.echo(f"configuration  {file}  (for --config, as long as this runs)", err=True)
        yield Source(settings=load_settings(file, os.environ), file=file, sandbox=running)


def is_folder(path: Path) -> bool:
    """Return whether there is such a folder; a name that no system takes names none."""
    try:
        return path.is_dir()
    except OSError:  # Python raises it for a name that is too long
        return False


def whoever(named: str | None) -> str:
    """Return who decides: the one named, else the user of this machine.

    Raises:
        NotConfigured: the machine does not say who that is.
    """
    if named:
        return named

    try:
        user = getpass.getuser()
    except (OSError, KeyError):  # a container's user may have no name
        user = ""

    if not user or not encodable(user):
        raise NotConfigured(
            "This machine does not say who you are.", next_step="Name yourself with --who."
        )

    return user


def find_config(config: Path | None, environ: "os._Environ[str]") -> Path:
    """Return the settings file: the one named, else router.yaml here, else the environment's.

    Raises:
        SettingsMissing: none of them is there.
    """
    if config is not None:
        return config

    here = Path(DEFAULT_CONFIG)

    if here.exists():
        return here

    if named := environ.get(CONFIG_VARIABLE):
        return Path(named)

    raise SettingsMissing(f"There is no {DEFAULT_CONFIG} here, and ${CONFIG_VARIABLE} is not set.")
