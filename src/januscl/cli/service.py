"""``janus serve``, ``janus token`` and ``janus config``: the service and who may use it."""

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from januscl.cli.options import JsonOption, chosen
from januscl.cli.output import console, print_json, print_rows
from januscl.store import Role

if TYPE_CHECKING:
    from januscl.line.settings import Settings

tokens = typer.Typer(no_args_is_help=True)

FolderOption = Annotated[
    Path | None,
    typer.Option(
        "--workspace", "-w", help="Folder that Janus keeps its state in; made if need be."
    ),
]
HostOption = Annotated[str | None, typer.Option(help="Address to listen on.")]
PortOption = Annotated[int | None, typer.Option(help="Port to listen on; 0 for any.")]
WorkerOption = Annotated[
    bool | None,
    typer.Option("--worker/--no-worker", help="Drain the inbox, in a process beside it."),
]


def serve(
    workspace: FolderOption = None,
    host: HostOption = None,
    port: PortOption = None,
    worker: WorkerOption = None,
) -> None:
    """Run the service: robots send, people look; stop it with Ctrl-C."""
    settings = _settings(workspace=workspace, host=host, port=port, worker=worker)
    # By name, as servers load apps: the service and the command line never import each other.
    import_module("januscl.service").serve(settings)


def config(
    workspace: FolderOption = None,
    host: HostOption = None,
    port: PortOption = None,
    worker: WorkerOption = None,
    json: JsonOption = False,
) -> None:
    """Show every setting of the service and where it comes from; secrets are masked."""
    from januscl.line.settings import describe

    options = {"workspace": workspace, "host": host, "port": port, "worker": worker}
    found = describe(_settings(**options), options)
    if json:
        print_json({s.name: {"value": s.value, "source": s.source} for s in found})
    else:
        rows = [{"setting": s.name, "value": s.value, "from": s.source} for s in found]
        print_rows("Settings", rows, False, "")


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, for a person.")],
    role: Annotated[
        Role,
        typer.Option(
            parser=chosen(Role),
            metavar="ROLE",
            help=f"What it is for: {', '.join(Role)}.",
        ),
    ],
    robot: Annotated[str | None, typer.Option(help="The robot it speaks for.")] = None,
    days: Annotated[float | None, typer.Option(help="Until it expires; never if omitted.")] = None,
    workspace: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token and print it; it is shown this once."""
    from januscl.line.access import create_token
    from januscl.line.checking_in import signing_key
    from januscl.line.settings import key_file, open_workspace
    from januscl.release.signing import public_key

    settings = _settings(workspace=workspace)
    with open_workspace(settings) as opened:
        secret, token = create_token(opened.catalogue, name, role, robot, days)
        key = public_key(signing_key(key_file(settings))) if role is Role.ROBOT else None
    if json:
        print_json({"id": token.id, "token": secret, "expires": token.expires, "public_key": key})
        return
    print(secret)
    told = f"Token {token.id} of role {token.role}. It is shown this once; keep it secret."
    console.print(told, markup=False, highlight=False)
    if key is not None:
        console.print(f"The public key for the robot: {key}", markup=False, highlight=False)


@tokens.command("list")
def show(workspace: FolderOption = None, json: JsonOption = False) -> None:
    """List all tokens, without their secrets."""
    from januscl.line.settings import open_workspace

    with open_workspace(_settings(workspace=workspace)) as opened:
        rows: list[dict[str, Any]] = [dict(vars(t)) for t in opened.catalogue.tokens.list()]
    print_rows("Tokens", rows, json, "No tokens: nobody has access.", json_only=("created",))


@tokens.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(help="Its id, or the start of it.")],
    workspace: FolderOption = None,
    json: JsonOption = False,
) -> None:
    """Make a token void from now on."""
    from januscl.cli.output import one_of
    from januscl.line.access import revoke_token
    from januscl.line.settings import open_workspace

    with open_workspace(_settings(workspace=workspace)) as opened:
        found = one_of(opened.catalogue.tokens.list(), token, "token")
        revoke_token(opened.catalogue, found.id, "command line")
    if json:
        print_json({"revoked": found.id})
    else:
        console.print(f"Revoked {found.id} ({found.name}).", markup=False, highlight=False)


def _settings(**options: Any) -> "Settings":
    from januscl.line.settings import load_settings

    return load_settings(options)
