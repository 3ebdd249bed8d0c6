"""What service and workers are told: by options, the environment, one TOML file; in this order."""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal

from januscl.core import InvalidInput, MissingDependency, NotFound, how_to_install
from januscl.line.flat import flat, policy_of
from januscl.line.wording import expected
from januscl.store import Workspace

try:
    from pydantic import (
        BaseModel,
        Field,
        SecretStr,
        ValidationError,
        ValidationInfo,
        field_validator,
    )
    from pydantic_settings import (
        BaseSettings,
        PydanticBaseSettingsSource,
        SettingsConfigDict,
        SettingsError,
        TomlConfigSettingsSource,
    )

    from januscl.line.telling.notify import Mailbox, Target, Webhook
except ModuleNotFoundError as error:
    raise MissingDependency(
        f"the service needs {error.name}; install it with: {how_to_install('service')}"
    ) from error

PREFIX = "JANUS_"
FILE = "JANUS_CONFIG"
"""The environment's variable that names the TOML file."""
_MIB = 2**20
_SECRETS = ("database", "workflows", "webhooks", "emails")


class Settings(BaseSettings):
    """The settings of service and workers; each is ``JANUS_`` and its name in the environment.

    Attributes:
        workspace: Folder that Janus keeps its state in.
        database: URL of a PostgreSQL catalogue; the workspace's own SQLite file when omitted.
            Secret, as it may hold a password.
        blobs: ``s3://bucket/prefix``; the workspace's own folder when omitted.
        host, port: Where the service listens.
        worker: Move the inbox to the log and the catalogue, in a process beside the service.
        signing_key: File of the Ed25519 key that signs models; ``signing.key`` in the workspace
            when omitted.
        max_body_bytes: Of one request.
        max_records: Observations or outcomes in one request.
        body_seconds: That a request's body may take to arrive.
        pending_bytes: Of all bodies that are being read or kept at once.
        requests_a_second: Of one token, over a long time.
        burst: Requests of one token at once.
        min_free_bytes: Room on the disk below which nothing is taken in.
        drain_messages: Messages that a worker moves in one transaction.
        drain_seconds: That a worker waits before it looks at an inbox again that held little, so
            that one commit serves many messages.
        tend_seconds: Between two tidyings of the observation log.
        keep_days: Age at which pictures and embeddings that nothing needs are forgotten; never
            when omitted.
        keep_health_days: Age at which the minutes of the cameras' health are forgotten; never when
            omitted.
        log_level: The least that is logged.
        executor: Where a worker's heavy jobs run; see `januscl.compute.executor_from`.
        executor_id: What a worker is called, after a restart as well; the machine's name when
            omitted.
        jobs: Where heavy jobs keep their state; a folder in the workspace when omitted.
        workflows: Database of the workflows, a file or a PostgreSQL URL; beside the catalogue when
            omitted. Secret, as it may hold a password.
        cells: TOML file of the fleet's cells; those kept before when omitted.
        picks_a_day: Attempts a day in the whole fleet, for the cost of a novelty.
        policy: Settings of the line by their names, in one flat table; see `policy_of`.
        webhooks, emails: Who is told of what happens; see `januscl.line.telling.notify`. They hold
            secrets, so nothing of them is shown but their names.
    """

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="forbid", frozen=True)

    workspace: Path = Path("janus-workspace")
    database: SecretStr | None = None
    blobs: str | None = None
    host: str = "127.0.0.1"
    port: int = Field(default=8321, ge=0, le=65535)
    worker: bool = True
    signing_key: Path | None = None
    max_body_bytes: int = Field(default=16 * _MIB, ge=1024)
    max_records: int = Field(default=500, ge=1)
    body_seconds: float = Field(default=60.0, gt=0)
    pending_bytes: int = Field(default=256 * _MIB, ge=1024)
    requests_a_second: float = Field(default=50.0, gt=0)
    burst: int = Field(default=200, ge=1)
    min_free_bytes: int = Field(default=256 * _MIB, ge=0)
    drain_messages: int = Field(default=64, ge=1)
    drain_seconds: float = Field(default=1.0, gt=0)
    tend_seconds: float = Field(default=600.0, gt=0)
    keep_days: float | None = Field(default=None, gt=0, le=36500)
    keep_health_days: float | None = Field(default=None, gt=0, le=36500)
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    executor: str = "local"
    executor_id: str | None = None
    jobs: str | None = None
    workflows: SecretStr | None = None
    cells: Path | None = None
    picks_a_day: float = Field(default=10_000.0, ge=0, allow_inf_nan=False)
    policy: dict[str, Any] = Field(default_factory=dict)
    webhooks: tuple[Webhook, ...] = ()
    emails: tuple[Mailbox, ...] = Field(default=(), validate_default=True)

    @field_validator("emails")
    @classmethod
    def _told_apart(cls, value: tuple[Mailbox, ...], info: ValidationInfo) -> tuple[Mailbox, ...]:
        names = [one.name for one in (*info.data.get("webhooks", ()), *value)]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"{twice[0]} is the name of two targets")
        return value

    @property
    def targets(self) -> tuple[Target, ...]:
        """Who is told of what happens."""
        return (*self.webhooks, *self.emails)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the sources, the strongest first."""
        named = os.environ.get(FILE)
        file = TomlConfigSettingsSource(settings_cls, Path(named) if named else None)
        return init_settings, env_settings, file


@dataclass(frozen=True)
class Setting:
    """One setting as `janus config` prints it.

    Attributes:
        value: As text; a secret one is masked.
        source: ``option``, the variable's name, the file's path, or ``default``.
    """

    name: str
    value: str
    source: str


def load_settings(options: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings; what is None among ``options`` was not given.

    Raises:
        NotFound: The file that ``JANUS_CONFIG`` names does not exist.
        InvalidInput: A value cannot be used, or the file names a setting that there is not.
    """
    _file()
    try:
        settings = Settings(**{k: v for k, v in (options or {}).items() if v is not None})
    except SettingsError as error:
        raise InvalidInput(
            _unread(error), "JSON: an object in JANUS_POLICY, else a list of objects",
            "something else", 'Write it like {"frames": 40}.',
        ) from None  # fmt: skip
    except ValidationError as error:
        raise _unusable(error.errors(include_url=False)[0]) from None
    policy_of(settings.policy)
    return settings


def _unusable(error: Mapping[str, Any]) -> InvalidInput:
    """Return the error of a setting that cannot be used, without what is secret."""
    where = [str(part) for part in error["loc"]]
    secret = where[0] in _SECRETS
    found = "a value that is not shown" if secret else repr(error["input"])[:80]
    fix = "`janus config` shows all settings."
    if error["type"] == "extra_forbidden":
        forms: Mapping[str, type[BaseModel]] = {"webhooks": Webhook, "emails": Mailbox}
        near = get_close_matches(where[-1], forms.get(where[0], Settings).model_fields, 1)
        fix = f"Did you mean `{near[0]}`? {fix}" if near else fix
        found = f"`{where[-1]}`, which is none"
    return InvalidInput(f"setting {'.'.join(where)}", expected(error), found, fix)


def _unread(error: SettingsError) -> str:
    """Return the variable that is no JSON; the error's own text names it."""
    names = ("policy", "webhooks", "emails")
    return next((f"{PREFIX}{n.upper()}" for n in names if f'"{n}"' in str(error)), "environment")


def describe(settings: Settings, options: Mapping[str, Any] | None = None) -> list[Setting]:
    """Return every setting with where it came from, secrets masked; each of the policy's too."""
    given = {name for name, value in (options or {}).items() if value is not None}
    path, in_file = _file()
    variables = {name.upper() for name in os.environ}
    found = []
    for name in Settings.model_fields:
        if name == "policy":
            continue
        variable, source = f"{PREFIX}{name.upper()}", "default"
        if name in given:
            source = "option"
        elif variable in variables:
            source = variable
        elif name in in_file:
            source = str(path)
        found.append(Setting(name, _shown(getattr(settings, name)), source))
    return [*found, *_of_policy(settings, path, in_file)]


def _of_policy(
    settings: Settings, path: Path | None, in_file: Mapping[str, Any]
) -> Iterator[Setting]:
    variable = f"{PREFIX}POLICY"
    in_environment = json.loads(os.environ.get(variable) or "{}")
    for name, value in flat(policy_of(settings.policy)).items():
        source = "default"
        if name in in_environment:
            source = variable
        elif name in in_file.get("policy", {}):
            source = str(path)
        yield Setting(f"policy.{name}", _shown(value), source)


def _shown(value: Any) -> str:
    if value is None:
        return "none"
    if isinstance(value, tuple):
        return ", ".join(one.name for one in value) or "none"
    return "**********" if isinstance(value, SecretStr) else str(value)


def _file() -> tuple[Path | None, Mapping[str, Any]]:
    named = os.environ.get(FILE)
    if not named:
        return None, {}
    path = Path(named)
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise NotFound(f"{path}, which {FILE} names, does not exist") from error
    except (OSError, ValueError) as error:
        raise InvalidInput(
            f"{path}, which {FILE} names", "a TOML file", str(error)[:120], "Correct it."
        ) from error


def open_workspace(settings: Settings) -> Workspace:
    """Open the workspace, with its catalogue and blobs where the settings say they are.

    Raises:
        Conflict: The folder holds something else, or a workspace whose parts are elsewhere.
        MissingDependency: The database's driver is not installed.
        StorageFull: There is no room.
    """
    url = None if settings.database is None else settings.database.get_secret_value()
    return Workspace.open(settings.workspace, catalogue=url, blobs=settings.blobs)


def key_file(settings: Settings) -> Path:
    """Return the path of the key that signs models."""
    return settings.signing_key or settings.workspace / "signing.key"
