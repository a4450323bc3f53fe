"""Gives each part of the server the few things of the host's services that it uses."""

from collections.abc import Callable, Mapping

from posewire.identity.principal import Principal
from posewire.server.admission import Admission, AdmissionLimits
from posewire.server.authenticator import Identity
from posewire.server.connection.context import ConnectionContext, ConnectionSettings
from posewire.server.connection.handler import ConnectionHandler
from posewire.server.connection.message_type import TextType
from posewire.server.connection.room_link import RoomAccess
from posewire.server.connection.router import Router, Routing
from posewire.server.connection.session_store import SessionStore
from posewire.server.connection.voice_sessions import VoiceOutputs, VoiceSessions
from posewire.server.messages.catalog import HostParts
from posewire.server.mqtt.service import MqttService
from posewire.server.satellites.service import SatelliteService
from posewire.server.services import Services
from posewire.server.speech_encoding import SpeechEncoding
from posewire.server.transport.mdns import Announcements
from posewire.server.transport.peer_socket import PeerSocket
from posewire.voice.output import TurnReport
from posewire.voice.settings import VoiceSettings


def host_parts(services: Services) -> HostParts:
    """Return the parts that message handlers use."""

    def log_in(token: str, address: str) -> Principal:
        return services.failures.attempt(address, lambda: services.authenticator.principal_of(token))

    return HostParts(
        rooms=services.rooms,
        states=services.states,
        events=services.push.events,
        reports=services.reports,
        updates=services.updates,
        control=services.control,
        audit=services.audit,
        log_in=log_in,
        counters=services.counters,
        happenings=services.happenings,
        webrtc=services.webrtc,
    )


def connection_context(services: Services) -> ConnectionContext:
    """Return the parts that connections use."""

    def settings() -> ConnectionSettings:
        now = services.settings
        return ConnectionSettings(now.flood, now.server.hello_timeout, now.server.resume_window)

    voices, encoding = None, SpeechEncoding()
    if services.assistant is not None and services.settings.voice is not None:
        voices = VoiceSessions(services.assistant, services.voiceprints, _outputs(services, encoding))
    return ConnectionContext(
        settings=settings,
        check_principal=lambda principal: services.authenticator.again(principal),
        registry=services.registry,
        resumption=services.resumption,
        rooms=RoomAccess(services.rooms, services.hub, services.states, services.resumption, services.counters),
        counters=services.counters,
        audit=services.audit,
        updates=services.updates,
        tools=services.tools.manager,
        upstream=services.settings.upstream,
        voices=voices,
        satellites=services.satellites,
        webrtc=services.webrtc.enabled,
        encoding=encoding,
    )


def satellites(services: Services, announcements: Announcements) -> SatelliteService:
    """Return what makes devices satellites of Home Assistant."""
    return SatelliteService(
        services.settings.satellites,
        services.store,
        _outputs(services, SpeechEncoding()).make,
        services.identities.known,
        services.identities.name_of,
        announcements,
    )


def mqtt(services: Services) -> MqttService:
    """Return what tells a broker of the devices."""
    return MqttService(
        services.settings.mqtt,
        services.registry,
        services.identities,
        services.reports,
        services.happenings,
        services.push.announcer,
        services.audit,
    )


def admission(services: Services, text_types: Mapping[str, TextType]) -> Admission:
    """Return what decides on opening requests, and gives each admitted connection its handler and router."""
    context = connection_context(services)
    trace = services.tracing.message if services.tracing is not None else None
    routing = Routing(text_types, services.counters, services.metrics.messages.observe, trace)

    def limits() -> AdmissionLimits:
        server = services.settings.server
        return AdmissionLimits(server.max_connections, server.max_per_address, services.memory_full)

    def authenticate(address: str, path: str, headers: Mapping[str, str]) -> Identity:
        return services.failures.attempt(address, lambda: services.authenticator.authenticate(path, headers))

    def connect(websocket: PeerSocket, identity: Identity) -> Router:
        return Router(ConnectionHandler(websocket, identity, context), routing)

    return Admission(services.registry, limits, authenticate, connect, services.audit, services.counters)


def session_store(services: Services) -> SessionStore:
    """Return what saves sessions for the next process."""
    return SessionStore(services.store, services.resumption, services.rooms, services.states)


def _outputs(services: Services, encoding: SpeechEncoding) -> VoiceOutputs:
    voice = services.settings.voice or VoiceSettings()
    return VoiceOutputs(_turn_recorder(services), encoding, voice.burst, services.turns)


def _turn_recorder(services: Services) -> Callable[[TurnReport, str, str], None]:
    def record(report: TurnReport, device_id: str, session_id: str) -> None:
        services.metrics.record_turn(report.stages)
        heard = services.turns.note_end(device_id, report)
        services.happenings.tell(device_id, "turn", report.outcome, heard=heard["heard"], said=heard["said"])
        if services.tracing is not None:
            services.tracing.turn(report, device_id, session_id)

    return record
