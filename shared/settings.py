"""Every setting of kefu: one typed model, and how it is filled.

The model is the only place that describes a setting. The flags of the start scripts, the names of
environment variables, ``deploy/kefu.sample.toml`` and ``docs/settings.md`` are made from it (see
``settings_docs.py``). Values hold JSON types only, because the supervisor sends them to its
children as JSON, and children read them by the same names without importing this module.
"""

from __future__ import annotations

import difflib
import functools
import json
import os
import tomllib
import types
import typing
import warnings
import zoneinfo
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.fields import FieldInfo

from .errors import SettingsError
from .setting_names import FILE, PREFIX, environment_name, flag, refuse

MINIMUM_SECRET = 32
"""Fewest characters of a secret: 128 bits even where they are hexadecimal digits."""


def _items(value: Any) -> Any:
    """A list from text: a JSON list, or items separated by commas."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        return _json(value)
    return [item.strip() for item in value.split(",") if item.strip()]


def _json(value: Any) -> Any:
    """Lists of what may hold commas or is no text: JSON."""
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value) if value.strip() else []
    except ValueError:
        raise ValueError("should be a JSON list") from None


def _keys(value: Any) -> Any:
    """A list of keys from text: a JSON list, or one key (which may hold commas)."""
    if isinstance(value, str) and not value.lstrip().startswith("["):
        return [value] if value else []
    return _json(value)


def _secret(value: Any) -> Any:
    if isinstance(value, str) and value.lstrip().startswith("["):
        value = _json(value)
    parts = value if isinstance(value, list) else [value]
    if value == "":
        return value
    if not 1 <= len(parts) <= 2 or not all(isinstance(part, str) for part in parts):
        raise ValueError("should be a text, or a list [current, previous] of two")
    if any(len(part) < MINIMUM_SECRET for part in parts):
        raise ValueError(f"is too short: at least {MINIMUM_SECRET} characters")
    return value


def _address(value: str) -> str:
    host, colon, port = value.rpartition(":")
    if value and not (host and colon and port.isascii() and port.isdigit() and int(port) < 65536):
        raise ValueError("should be host:port")
    return value


def _ipv4(value: str) -> str:
    parts = value.split(".")
    if len(parts) != 4 or not all(p.isascii() and p.isdigit() and int(p) < 256 for p in parts):
        raise ValueError("should be an IPv4 address, because client ids carry it")
    return value


def _zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("is no time zone of the tz database") from None
    return value


Words = Annotated[list[str], BeforeValidator(_items)]
Keys = Annotated[list[str], BeforeValidator(_keys), Field(json_schema_extra={"secret": True})]
Secret = Annotated[
    str | list[str], BeforeValidator(_secret), Field(json_schema_extra={"secret": True})
]
SecretText = Annotated[str, Field(json_schema_extra={"secret": True})]
Address = Annotated[str, AfterValidator(_address)]
Port = Annotated[int, Field(ge=0, le=65535)]
Count = Annotated[int, Field(ge=0)]
Processes = Annotated[int, Field(ge=1, le=256)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Period = Annotated[float, Field(gt=0, allow_inf_nan=False)]


class Section(BaseModel):
    """Base of all sections: unknown names are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Admin(Section):
    """Where the supervisors serve /healthz, /readyz and /metrics. Never make these public."""

    listen: Address = Field(
        default="127.0.0.1:9282",
        description="Of start_gateway.py, host:port. Port 0: any free one. Empty: none.",
    )
    business_listen: Address = Field(
        default="127.0.0.1:9283",
        description="Of start_business.py, host:port. Port 0: any free one. Empty: none.",
    )


class Log(Section):
    """What is logged, and how. Logs go to standard error, with start -d to a file in run_dir."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="Least important level that is logged."
    )
    format: Literal["console", "json"] = Field(
        default="console", description="For people, or one JSON object per line."
    )


class Supervision(Section):
    """How the start scripts look after their processes."""

    start_timeout: Period = Field(
        default=30.0, description="A process that is not ready after this many seconds has failed."
    )
    ping_interval: Period = Field(
        default=1.0,
        description="Seconds between the pings that fetch the numbers of status and metrics.",
    )
    ping_timeout: Seconds = Field(
        default=15.0,
        description="A process that does not answer a ping for this many seconds is killed"
        " and replaced. 0: never.",
    )


class Public(Section):
    """What the outside world sees."""

    websocket_url: str = Field(
        default="",
        description="ws:// or wss:// URL that pages connect to. Empty: made from the request.",
    )


class Tls(Section):
    """TLS of the gateway's public port. Both or none; re-read by start_gateway.py reload."""

    certificate: str = Field(
        default="", description="PEM file with the certificate chain. Empty: no TLS."
    )
    key: str = Field(default="", description="PEM file with its private key.")


class Register(Section):
    """The list of living gateways."""

    listen: Address = Field(
        default="127.0.0.1:1236",
        description="host:port of the register that start_gateway.py runs. Empty: none here.",
    )
    addresses: Words = Field(
        default=[],
        description="All registers, host:port each. Gateways register at all of them, the"
        " others use the union. Empty: the one of register.listen.",
    )

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: Any) -> Any:
        """Spells the default of addresses out."""
        if isinstance(values, dict) and not values.get("addresses"):
            listen = values.get("listen", cls.model_fields["listen"].default)
            if isinstance(listen, str) and listen:
                host, _, port = listen.rpartition(":")
                reachable = "127.0.0.1" if host in ("0.0.0.0", "::", "[::]") else host  # noqa: S104
                return {**values, "addresses": [f"{reachable}:{port}"]}
        return values


class Inner(Section):
    """Links between gateways and their peers."""

    heartbeat_interval: Period = Field(
        default=5.0, description="Seconds between heartbeats of a link."
    )
    heartbeat_timeout: Period = Field(
        default=15.0, description="A link without sign of life for this many seconds is lost."
    )


class Gateway(Section):
    """The processes that hold the clients' sockets."""

    host: str = Field(default="0.0.0.0", description="Public address to listen on.")  # noqa: S104
    port: Port = Field(
        default=8282, description="Public port, shared by all processes. 0: any free one."
    )
    processes: Annotated[int, Field(ge=0, le=256)] = Field(
        default=1, description="Number of gateway processes. 0: only the register."
    )
    lan_ip: Annotated[str, AfterValidator(_ipv4)] = Field(
        default="127.0.0.1",
        description="IPv4 address by which business processes reach this machine.",
    )
    lan_port: Annotated[int, Field(ge=1, le=65535)] = Field(
        default=2900, description="Inner port of the first process; the others count up from it."
    )
    lan_listen: str = Field(
        default="", description="Address to listen on where it differs from lan_ip (docker, NAT)."
    )
    default_service: str = Field(
        default="servicer", description="Service of clients whose URL names none that is known."
    )
    worker_wait: Seconds = Field(
        default=5.0,
        description="Seconds that a new client waits for a worker before it is closed (1013).",
    )
    router: Literal["least", "random"] = Field(
        default="least",
        description="Which worker gets a new client: the one with the fewest, or any.",
    )
    allowed_origins: Words = Field(
        default=[],
        description="Origins (https://shop.example) whose pages may connect. Empty: all.",
    )
    ping_interval: Seconds = Field(
        default=60.0,
        description="Seconds between two looks at a client's silence. 0: no heartbeat.",
    )
    ping_not_response_limit: Count = Field(
        default=1,
        description="A client silent for more than this many intervals and a half is closed."
        " 0: never.",
    )
    max_send_buffer: Annotated[int, Field(ge=1024)] = Field(
        default=1024 * 1024,
        description="Bytes that may wait for a client before it counts as slow.",
    )
    max_message_size: Annotated[int, Field(ge=125, le=16 * 1024 * 1024)] = Field(
        default=64 * 1024,
        description="Largest message of a client, bytes. A larger one closes it (1009).",
    )
    max_connections: Count = Field(
        default=0, description="Clients per gateway process; more are refused. 0: no limit."
    )
    max_connections_per_address: Count = Field(
        default=0, description="Clients per address and gateway process. 0: no limit."
    )
    handshake_timeout: Period = Field(
        default=10.0, description="Seconds that a client has for TLS and the WebSocket handshake."
    )
    drain_timeout: Seconds = Field(
        default=10.0,
        description="At stop, clients are told to come back, spread over this many seconds.",
    )


class ApiKey(Section):
    """Who may use the HTTP push API."""

    name: Annotated[str, Field(min_length=1)] = Field(description="Shown in logs.")
    key: Annotated[str, Field(min_length=MINIMUM_SECRET)] = Field(
        description="Bearer key.", repr=False
    )
    services: Words = Field(default=["servicer"], description="Services it may use.")


class Business(Section):
    """The processes that run the services."""

    host: str = Field(default="0.0.0.0", description="Address of the HTTP server.")  # noqa: S104
    port: Port = Field(default=8080, description="Port of the HTTP server. 0: any free one.")
    processes: Processes = Field(default=1, description="Number of business processes.")
    services: Words = Field(
        default=[], description="More directories with services. Flag: also --services, repeatable."
    )
    only: Words = Field(
        default=[],
        description="Run only the services of these names. Empty: all that are found."
        " Flag: also --only, repeatable.",
    )
    hook_timeout: Period = Field(
        default=30.0, description="Seconds after which an async hook is cancelled."
    )
    threads: Annotated[int, Field(ge=1, le=1000)] = Field(
        default=16, description="Threads for hooks that are not async."
    )
    drain_timeout: Seconds = Field(
        default=0.0,
        description="Seconds that a process has to finish its work when it is stopped."
        " 0: hook_timeout + 5.",
    )
    api_keys: Annotated[list[ApiKey], BeforeValidator(_json)] = Field(
        default=[],
        description="Keys of the HTTP push API: tables with name, key (at least 32 characters)"
        " and services. Empty: the API does not exist.",
        json_schema_extra={"secret": True},
    )

    @model_validator(mode="before")
    @classmethod
    def _derive(cls, values: Any) -> Any:
        """Spells the drain time out, so that nobody else has to know what 0 stands for."""
        if isinstance(values, dict) and str(values.get("drain_timeout", 0)) in ("0", "0.0"):
            try:
                drain = float(values.get("hook_timeout", 30.0)) + 5.0
            except (TypeError, ValueError):
                return values  # refused under its own name when the fields are checked
            return {**values, "drain_timeout": drain}
        return values


class Database(Section):
    """The database of kefu itself."""

    url: str = Field(
        default="sqlite+aiosqlite:///var/kefu.db",
        description="SQLAlchemy URL: sqlite+aiosqlite, postgresql+asyncpg or mysql+asyncmy.",
    )


class Shop(Section):
    """The shop's own data."""

    url: str = Field(
        default="",
        description="Where sites, members, goods and orders are read: a NiuShop database"
        " (mysql+asyncmy, postgresql+asyncpg or sqlite+aiosqlite), or the shop's own back end"
        " (https or http). Empty: the demo shop.",
    )
    key: SecretText = Field(
        default="",
        description="What a back end wants to see as Authorization: Bearer, at least 32"
        " characters. Not used with a database.",
    )
    prefix: Annotated[str, Field(pattern="^[A-Za-z0-9_]*$")] = Field(
        default="ns_", description="What the names of the tables of a database begin with."
    )
    timeout: Period = Field(
        default=3.0,
        description="Seconds that an answer of the shop takes at most; the chat goes on without.",
    )
    cache: Seconds = Field(
        default=30.0,
        description="Seconds that sites, members and skus are remembered. 0: not at all.",
    )


class Servicer(Section):
    """The customer service."""

    token_keys: Keys = Field(
        default=[],
        description="Keys that verify customers' tokens: texts of at least 32 characters"
        " (HS256) or PEM public keys (RS256). All are good, so that a new one can be put before"
        " the old.",
    )
    token_url: str = Field(
        default="",
        description="URL of the shop that is sent a token (POST, form field token) and answers"
        " whose it is, as /api/member/info of NiuShop does. Empty: only tokens of token_keys.",
    )
    token_cache: Seconds = Field(
        default=60.0,
        description="Seconds that an answer of token_url is remembered; refusals at most 5.",
    )
    token_timeout: Period = Field(
        default=3.0, description="Seconds that an answer of token_url takes at most."
    )
    default_site: Annotated[int, Field(ge=1)] = Field(
        default=1, description="Shop of customers that name none."
    )
    require_bind_key: bool = Field(
        default=False,
        description="Refuse a bind without the bind_key of init. No legacy clients then.",
    )
    disconnect_delay: Seconds = Field(
        default=10.0,
        description="Seconds that a customer whose socket was lost has to come back before the"
        " agent is told.",
    )
    push_timeout: Seconds = Field(
        default=0.2,
        description="Seconds that an HTTP answer waits at most for pushes to be acknowledged.",
    )
    image_hosts: Words = Field(
        default=[],
        description="Hosts (shop.example) whose images may be shown in messages. Empty: only"
        " images of this site, and emoji of any.",
    )
    session_lifetime: Period = Field(
        default=604800.0, description="Seconds after which an agent's login ends."
    )
    login_failures: Count = Field(
        default=10,
        description="Failed logins per account within 15 minutes, and four times that per address,"
        " before more are refused. 0: no limit.",
    )
    captcha_failures: Count = Field(
        default=3,
        description="Failed logins per account within 15 minutes, and four times that per address,"
        " after which a login needs a captcha. 0: never.",
    )
    bind_refusals: Count = Field(
        default=30,
        description="Refused binds per member, and per address, within a minute before more are"
        " refused unseen. 0: no limit.",
    )
    say_rate: Count = Field(
        default=120,
        description="Messages that a member or an agent may send per minute and business process."
        " 0: no limit.",
    )
    recall_window: Seconds = Field(
        default=120.0,
        description="Seconds for which who said something may take it back. 0: never.",
    )
    visitors: bool = Field(
        default=True, description="Whether customers who are not logged in may chat."
    )
    visitor_rate: Count = Field(
        default=20,
        description="New visitors per address, minute and business process. 0: no limit.",
    )
    cors_origins: Words = Field(
        default=[],
        description="Origins (https://shop.example) of storefronts elsewhere, whose pages may show"
        " the chat and call the customers' API.",
    )
    upload_dir: Annotated[str, Field(min_length=1)] = Field(
        default="var/upload",
        description="Directory of uploaded pictures. The same one on all business nodes.",
    )
    upload_size: Annotated[int, Field(ge=1, le=15 * 1024 * 1024)] = Field(
        default=10 * 1024 * 1024, description="Largest picture that is taken, bytes."
    )
    upload_rate: Count = Field(
        default=30,
        description="Pictures that a member or an agent may upload per minute and business"
        " process, and four times that per address. 0: no limit.",
    )


# ABCMeta lends every class a method ``register``, which instances do not have: nothing is hidden.
warnings.filterwarnings("ignore", 'Field name "register" in "Settings" shadows', UserWarning)


class Settings(Section):
    """All settings. Made by ``load``, or in tests by ``Settings(secret=..., gateway={...})``."""

    secret: Secret = Field(
        default="",
        description="Common to all machines of an installation, at least 32 characters; or"
        " [current, previous] while it is being changed.",
    )
    run_dir: Annotated[str, Field(min_length=1)] = Field(
        default="var", description="Directory for locks, control sockets, logs."
    )
    time_zone: Annotated[str, AfterValidator(_zone)] = Field(
        default="Asia/Shanghai", description="Local time in stored dates."
    )
    trusted_proxies: Words = Field(
        default=[],
        description="Addresses or networks of proxies whose X-Forwarded-For is believed.",
    )
    demo: bool = Field(
        default=False, description="Demo shop, accounts and tokens. Only on loopback addresses."
    )
    loop: Literal["auto", "asyncio", "uvloop"] = Field(
        default="auto", description="Event loop. auto: uvloop where it is installed."
    )
    admin: Admin = Admin()
    log: Log = Log()
    supervision: Supervision = Supervision()
    public: Public = Public()
    tls: Tls = Tls()
    register: Register = Register.model_validate({})
    inner: Inner = Inner()
    gateway: Gateway = Gateway()
    business: Business = Business.model_validate({})
    database: Database = Database()
    shop: Shop = Shop()
    servicer: Servicer = Servicer()


class Leaf(NamedTuple):
    """One setting: dotted name and its field in the model."""

    name: str
    field: FieldInfo

    @property
    def is_list(self) -> bool:
        """Whether it holds several values."""
        return typing.get_origin(self.field.annotation) is list

    @property
    def is_bool(self) -> bool:
        """Whether it is a switch."""
        return self.field.annotation is bool

    @property
    def is_secret(self) -> bool:
        """Whether its value must not be shown."""
        extra = self.field.json_schema_extra
        return isinstance(extra, dict) and bool(extra.get("secret"))


def sections() -> Iterator[tuple[str, type[BaseModel]]]:
    """Name and model of each section, the nameless one of the top level first."""
    yield "", Settings
    for name, field in Settings.model_fields.items():
        if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel):
            yield name, field.annotation


@functools.cache
def leaves() -> Mapping[str, Leaf]:
    """All settings by dotted name, in the order of the model."""
    found: dict[str, Leaf] = {}
    names = {name for name, _ in sections()}
    for section, model in sections():
        for key, field in model.model_fields.items():
            if section or key not in names:
                name = f"{section}.{key}" if section else key
                found[name] = Leaf(name, field)
    return types.MappingProxyType(found)


def unknown(name: str, source: str) -> SettingsError:
    """The error for something that looks like a setting and is none."""
    near = difflib.get_close_matches(name, leaves(), n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return SettingsError(f"{name} (from {source}): there is no such setting{hint}")


def load(
    config: str | None = None,
    flags: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] | None = None,
) -> Settings:
    """Read the settings: the file, overridden by the environment, overridden by flags.

    Args:
        config: path of the TOML file. None: ``kefu.toml`` of the working directory, if there is
            one.
        flags: values from the command line by dotted name.
        environ: None: the environment of this process.

    Raises:
        SettingsError: a name is unknown or a value is refused. ``check`` finds what concerns
            several settings at once.
    """
    file = config or FILE
    sources = {
        file: _from_file(config),
        "the environment": _from_environment(os.environ if environ is None else environ),
        "the command line": dict(flags or {}),
    }
    values: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for source, found in sources.items():
        for name, value in found.items():
            section, _, key = name.rpartition(".")
            (values.setdefault(section, {}) if section else values)[key] = value
            origin[name] = source
    try:
        return Settings(**values)
    except ValidationError as exc:
        raise _first_error(exc, origin) from None


def _from_file(config: str | None) -> dict[str, Any]:
    path = Path(config or FILE)
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if config is None:
            return {}
        raise SettingsError(f"{config}: there is no such settings file") from None
    except (OSError, ValueError) as exc:
        raise SettingsError(f"{path}: {' '.join(str(exc).split())}") from None
    names = {name for name, _ in sections()}
    found: dict[str, Any] = {}
    for key, value in tables.items():
        if key in names and isinstance(value, dict):
            found.update({f"{key}.{inner}": item for inner, item in value.items()})
        else:
            found[key] = value
    for name in found:
        if name not in leaves():
            raise unknown(name, str(path))
    return found


def _from_environment(environ: Mapping[str, str]) -> dict[str, str]:
    names = {environment_name(name): name for name in leaves()}
    found = {}
    for variable, text in environ.items():
        if variable.upper().startswith(PREFIX):
            name = names.get(variable.upper())
            if name is None:
                guess = variable[len(PREFIX) :].lower().replace("__", ".")
                raise unknown(guess, variable)
            found[name] = text
    return found


def _first_error(exc: ValidationError, origin: Mapping[str, str]) -> SettingsError:
    """One line for the first thing that is wrong."""
    error = exc.errors()[0]
    name, detail = "", ""
    for part in error["loc"]:
        longer = f"{name}.{part}" if name else str(part)
        if name in leaves():
            detail += f"[{part}]" if isinstance(part, int) else f".{part}"
        else:
            name = longer
    reason = error["msg"].removeprefix("Value error, ").removeprefix("Input ")
    reason = reason[:1].lower() + reason[1:]
    if detail:
        reason = f"{detail}: {reason}"
    value = None if leaves()[name].is_secret else error["input"]
    source = origin.get(name, "")
    if source == "the environment":
        source = environment_name(name)
    elif source == "the command line":
        source = flag(name)
    return refuse(name, value, reason, source)
