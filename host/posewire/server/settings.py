"""Settings of the host: one TOML file, checked key by key; the command line overrides it."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from posewire.errors import ConfigError
from posewire.identity.settings import MIN_TOKEN, TOKEN_VARIABLE, AuthSettings, read_auth
from posewire.loopback import is_loopback
from posewire.rooms.settings import RoomSettings
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.token_bucket import FloodSettings
from posewire.server.http.ota_settings import OtaSettings
from posewire.server.http.settings import HttpSettings
from posewire.server.monitoring.alerts import AlertSettings
from posewire.server.monitoring.tracing import TracingSettings
from posewire.server.push.events import PushSettings
from posewire.server.transport.mdns import MdnsSettings
from posewire.store import StoreSettings
from posewire.store.settings import default_path
from posewire.update.settings import UpdateSettings
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.settings import ToolsSettings

_T = TypeVar("_T")

SECTIONS = (
    "server",
    "alerts",
    "tracing",
    "auth",
    "ota",
    "http",
    "flood",
    "rooms",
    "store",
    "update",
    "mdns",
    "voice",
    "tools",
    "push",
    "upstream",
)


@dataclass(frozen=True)
class ServerSettings:
    """Section ``[server]``: where to listen, and the limits."""

    host: str = "127.0.0.1"
    port: int = 8000
    certificate: str = ""
    key: str = ""
    max_connections: int = 2000
    max_per_address: int = 200
    max_memory_mb: int = 0
    max_message: int = 64 * 1024
    hello_timeout: float = 10.0
    resume_window: float = 30.0
    ping_after: float = 20.0
    answer_within: float = 20.0
    idle_after: float = 0.0
    sweep: float = 2.0
    plugins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65535:
            raise ConfigError(f"the port must be 0 to 65535, is {self.port}")
        for name in ("max_per_address", "max_memory_mb"):
            if getattr(self, name) < 0:
                raise ConfigError(f"[server] {name} must be 0 (no limit) or more, is {getattr(self, name)}")
        for name in ("max_connections", "max_message", "hello_timeout", "resume_window", "answer_within", "sweep"):
            if getattr(self, name) <= 0:
                raise ConfigError(f"[server] {name} must be more than 0, is {getattr(self, name)}")


@dataclass(frozen=True)
class Settings:
    """All of the host's settings."""

    server: ServerSettings = field(default_factory=ServerSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    ota: OtaSettings = field(default_factory=OtaSettings)
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    flood: FloodSettings = field(default_factory=FloodSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    update: UpdateSettings = field(default_factory=UpdateSettings)
    mdns: MdnsSettings = field(default_factory=MdnsSettings)
    rooms: RoomSettings = field(default_factory=RoomSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    voice: VoiceSettings | None = field(default_factory=VoiceSettings)
    tools: ToolsSettings = field(default_factory=ToolsSettings)
    push: PushSettings = field(default_factory=PushSettings)

    def with_upstream(self, url: str) -> "Settings":
        """Return the settings with the upstream server of the command line; this host needs no voice engines then."""
        return replace(self, upstream=replace(self.upstream, url=url))

    def with_address(self, host: str | None, port: int | None) -> "Settings":
        """Return the settings with the address of the command line, where given."""
        server = self.server
        if host is not None:
            server = replace(server, host=host)
        if port is not None:
            server = replace(server, port=port)
        return replace(self, server=server)


def load_settings(path: Path | None = None, token: str | None = None) -> Settings:
    """Read the settings file (none: all defaults) and the secrets.

    Raises:
        ConfigError: the file is missing or not TOML, a key is unknown, a value is of the wrong type.
    """
    data: dict[str, Any] = {}
    if path is not None:
        try:
            data = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as exc:
            raise ConfigError(f"cannot read {path}: {exc.strerror}") from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as exc:
            raise ConfigError(f"{path} is not valid TOML: {exc}") from None
    unknown = set(data) - set(SECTIONS)
    if unknown:
        known = ", ".join(f"[{name}]" for name in SECTIONS)
        raise ConfigError(f"{path}: unknown section [{sorted(unknown)[0]}]; there are {known}")
    store = _section(StoreSettings, data.get("store", {}), "store")
    voice = dict(data.get("voice", {}))
    enabled = voice.pop("enabled", True)
    if not isinstance(enabled, bool):
        raise ConfigError(f"[voice] enabled must be true or false, is {enabled!r}")
    return Settings(
        server=_section(ServerSettings, data.get("server", {}), "server"),
        auth=read_auth(data.get("auth", {}), token),
        ota=_section(OtaSettings, data.get("ota", {}), "ota"),
        upstream=_section(UpstreamSettings, data.get("upstream", {}), "upstream").with_secret(),
        http=_section(HttpSettings, data.get("http", {}), "http"),
        flood=_section(FloodSettings, data.get("flood", {}), "flood"),
        store=replace(store, path=store.path or default_path()),
        update=_section(UpdateSettings, data.get("update", {}), "update"),
        mdns=_section(MdnsSettings, data.get("mdns", {}), "mdns"),
        tracing=_section(TracingSettings, data.get("tracing", {}), "tracing"),
        alerts=_section(AlertSettings, data.get("alerts", {}), "alerts").with_secret(),
        rooms=_section(RoomSettings, data.get("rooms", {}), "rooms"),
        voice=VoiceSettings.from_mapping(voice) if enabled else None,
        tools=ToolsSettings.from_mapping(_table(data, "tools")),
        push=PushSettings.from_mapping(_table(data, "push")),
    )


def check_exposure(settings: Settings) -> None:
    """Refuse to listen on the network without authentication, or with a token that could be guessed.

    Raises:
        ConfigError: the address is not loopback and there is no token, or a short one.
    """
    if is_loopback(settings.server.host):
        return
    if 0 < len(settings.auth.token) < MIN_TOKEN:
        raise ConfigError(
            f"listening on {settings.server.host} needs a shared token of at least {MIN_TOKEN} characters, this has "
            f"{len(settings.auth.token)}: make one by  python3 -c 'import secrets; print(secrets.token_urlsafe())'"
        )
    if not settings.auth.required:
        raise ConfigError(
            f"listening on {settings.server.host} needs authentication: pass --token, set {TOKEN_VARIABLE}, name a "
            "file in [auth] token_file, or set [auth] pairing = true (on 127.0.0.1 none is needed)"
        )


def _table(data: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    table = data.get(name, {})
    if not isinstance(table, Mapping):
        raise ConfigError(f"[{name}] must be a section")
    return table


def _section(kind: type[_T], values: Any, name: str) -> _T:
    if not isinstance(values, Mapping):
        raise ConfigError(f"[{name}] must be a section")
    known = {entry.name: entry for entry in fields(kind)}  # type: ignore[arg-type]
    for key, value in values.items():
        if key not in known:
            raise ConfigError(f"[{name}] has no setting {key!r}; there are {', '.join(known)}")
        wanted, accepted = _TYPES[known[key].type]
        if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in accepted):
            raise ConfigError(f"[{name}] {key} must be {wanted}, is {value!r}")
        if isinstance(value, list) and any(not isinstance(entry, str) for entry in value):
            raise ConfigError(f"[{name}] {key} must be {wanted}, is {value!r}")
    given = {key: tuple(value) if isinstance(value, list) else value for key, value in values.items()}
    return kind(**given)


_TYPES: dict[Any, tuple[str, tuple[type, ...]]] = {
    str: ("a string", (str,)),
    int: ("a whole number", (int,)),
    float: ("a number", (int, float)),
    bool: ("true or false", (bool,)),
    tuple[str, ...]: ("a list of strings", (list,)),
}
