"""Settings of the host: one TOML file, checked key by key; the command line overrides it."""

from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Annotated, TypeVar

from posewire.config import at_least, between, check_rules, more_than, read_table, read_toml
from posewire.errors import ConfigError
from posewire.identity.principal import check_scopes
from posewire.identity.settings import MIN_TOKEN, TOKEN_VARIABLE, AuthSettings, read_auth
from posewire.loopback import is_loopback
from posewire.rooms.settings import RoomSettings
from posewire.server.bridge.settings import UpstreamSettings
from posewire.server.connection.settings import FloodSettings
from posewire.server.http.settings import GatewaySettings, HttpSettings, OtaSettings
from posewire.server.jitsi.settings import JitsiSettings
from posewire.server.monitoring.settings import AlertSettings, TracingSettings
from posewire.server.mqtt.settings import MqttSettings
from posewire.server.push.settings import PushSettings
from posewire.server.satellites.settings import SatelliteSettings
from posewire.server.state.settings import TurnSettings
from posewire.server.transport.settings import MdnsSettings
from posewire.server.webrtc.settings import WebRtcSettings
from posewire.store.settings import StoreSettings, default_path
from posewire.update.settings import UpdateSettings
from posewire.voice.settings import VoiceSettings
from posewire.voice.tools.settings import ToolsSettings

_T = TypeVar("_T")


@dataclass(frozen=True)
class ServerSettings:
    """Section ``[server]``: the address, TLS and the limits."""

    host: str = "127.0.0.1"
    port: Annotated[int, between(0, 65535)] = 8000
    certificate: str = ""
    key: str = ""
    max_connections: Annotated[int, more_than(0)] = 2000
    max_per_address: Annotated[int, at_least(0, "(0: no limit)")] = 200
    max_memory_mb: Annotated[int, at_least(0, "(0: no limit)")] = 0
    max_message: Annotated[int, more_than(0, "bytes")] = 64 * 1024
    hello_timeout: Annotated[float, more_than(0, "seconds")] = 10.0
    resume_window: Annotated[float, more_than(0, "seconds")] = 30.0
    ping_after: Annotated[float, at_least(0, "seconds (0: never)")] = 20.0
    answer_within: Annotated[float, more_than(0, "seconds")] = 20.0
    idle_after: Annotated[float, at_least(0, "seconds (0: never)")] = 0.0
    sweep: Annotated[float, more_than(0, "seconds")] = 2.0
    plugins: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_rules(self)


@dataclass(frozen=True)
class Settings:
    """All of the host's settings."""

    server: ServerSettings = field(default_factory=ServerSettings)
    auth: AuthSettings = field(default_factory=AuthSettings)
    ota: OtaSettings = field(default_factory=OtaSettings)
    upstream: UpstreamSettings = field(default_factory=UpstreamSettings)
    http: HttpSettings = field(default_factory=HttpSettings)
    socketio: GatewaySettings = field(default_factory=GatewaySettings)
    webrtc: WebRtcSettings = field(default_factory=WebRtcSettings)
    jitsi: JitsiSettings = field(default_factory=JitsiSettings)
    flood: FloodSettings = field(default_factory=FloodSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    update: UpdateSettings = field(default_factory=UpdateSettings)
    mdns: MdnsSettings = field(default_factory=MdnsSettings)
    rooms: RoomSettings = field(default_factory=RoomSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    tracing: TracingSettings = field(default_factory=TracingSettings)
    voice: VoiceSettings | None = field(default_factory=VoiceSettings)
    turns: TurnSettings = field(default_factory=TurnSettings)
    tools: ToolsSettings = field(default_factory=ToolsSettings)
    push: PushSettings = field(default_factory=PushSettings)
    satellites: SatelliteSettings = field(default_factory=SatelliteSettings)
    mqtt: MqttSettings = field(default_factory=MqttSettings)

    def __post_init__(self) -> None:
        if self.satellites.enabled and self.upstream.wanted:
            raise ConfigError("[satellites] and [upstream] exclude each other: one of them is the boards' assistant")

    def with_upstream(self, url: str) -> "Settings":
        """Return the settings with the upstream server of the command line; the host then loads no voice engines."""
        return replace(self, upstream=replace(self.upstream, url=url))

    def with_address(self, host: str | None, port: int | None) -> "Settings":
        """Return the settings with the address and the port of the command line, where they are given."""
        server = self.server
        if host is not None:
            server = replace(server, host=host)
        if port is not None:
            server = replace(server, port=port)
        return replace(self, server=server)


def load_settings(path: Path | None = None, token: str | None = None) -> Settings:
    """Read the settings file (none: all defaults) and the secrets.

    Raises:
        ConfigError: the file cannot be read, or a setting is unknown, of the wrong type or out of range.
    """
    data = read_toml(path) if path is not None else {}
    sections = [entry.name for entry in fields(Settings)]
    for name in data:
        if name not in sections:
            known = ", ".join(f"[{section}]" for section in sections)
            raise ConfigError(f"{path} has an unknown section [{name}]; its sections can be {known}")

    def section(kind: type[_T], name: str) -> _T:
        return read_table(kind, data.get(name, {}), name)

    store, voice = section(StoreSettings, "store"), section(VoiceSettings, "voice")
    server, auth = section(ServerSettings, "server"), read_auth(data.get("auth", {}), token)
    if not server.plugins:
        try:
            check_scopes(auth.token_scopes)
        except ConfigError as error:
            raise ConfigError(f"[auth] token_scopes: {error}") from None
    return Settings(
        server=server,
        auth=auth,
        ota=section(OtaSettings, "ota"),
        upstream=section(UpstreamSettings, "upstream").with_secret(),
        http=section(HttpSettings, "http"),
        socketio=section(GatewaySettings, "socketio"),
        webrtc=section(WebRtcSettings, "webrtc"),
        jitsi=section(JitsiSettings, "jitsi").with_secret(),
        flood=section(FloodSettings, "flood"),
        store=replace(store, path=store.path or default_path()),
        update=section(UpdateSettings, "update"),
        mdns=section(MdnsSettings, "mdns"),
        tracing=section(TracingSettings, "tracing"),
        alerts=section(AlertSettings, "alerts").with_secret(),
        rooms=section(RoomSettings, "rooms"),
        voice=voice if voice.enabled else None,
        turns=section(TurnSettings, "turns"),
        tools=section(ToolsSettings, "tools"),
        push=section(PushSettings, "push"),
        satellites=section(SatelliteSettings, "satellites"),
        mqtt=section(MqttSettings, "mqtt").with_secret(),
    )


def check_exposure(settings: Settings) -> None:
    """Refuse to be reached from outside without authentication, or with a token that could be guessed.

    Raises:
        ConfigError: the address is not loopback, or there is a conference, and there is no authentication, or only a
            short token.
    """
    if is_loopback(settings.server.host) and not settings.jitsi.url:
        return
    where = f"listening on {settings.server.host}"
    if is_loopback(settings.server.host):
        where = "taking part in a conference ([jitsi] url)"
    if 0 < len(settings.auth.token) < MIN_TOKEN:
        raise ConfigError(
            f"{where} needs a shared token of at least {MIN_TOKEN} characters, this has "
            f"{len(settings.auth.token)}: make one by  python3 -c 'import secrets; print(secrets.token_hex(24))'"
        )
    if not settings.auth.required:
        raise ConfigError(
            f"{where} needs authentication: pass --token, set {TOKEN_VARIABLE}, name a "
            "file in [auth] token_file, or set [auth] pairing = true (on 127.0.0.1 none is needed)"
        )
