"""Puts a host together: the services that its parts share, and what it does again and again."""

from collections import Counter

from posewire.boards.folders import firmware_folder
from posewire.hub import ConnectionHub, Limits
from posewire.identity.audit import Audit
from posewire.identity.identities import Identities
from posewire.server.authenticator import ConnectionAuthenticator
from posewire.server.connection.peer import Peer
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.host_tools import HostTools
from posewire.server.monitoring.health import HealthMonitor
from posewire.server.monitoring.malloc_trim import malloc_trim
from posewire.server.push.service import Push
from posewire.server.scheduler import Job
from posewire.server.services import Services
from posewire.server.settings import Settings
from posewire.server.state.cache_registry import Caches
from posewire.server.state.erasures import Erasures
from posewire.server.state.happenings import Happenings
from posewire.server.state.shared_states import REFRESH
from posewire.server.state.voiceprints import Voiceprints
from posewire.server.transport.listener import Listener
from posewire.store import Store
from posewire.update.service import UpdateService
from posewire.voice.assistant import Assistant

CERTIFICATE_EVERY = 10.0
REVOCATIONS_EVERY = 1.0
"""Seconds between checks of the certificate's files, and of the store for what other processes wrote."""

RELIEF_EVERY = 1.0
"""Seconds between attempts to give memory back while the process uses more than it may."""


def make_services(settings: Settings, assistant: Assistant | None, store: Store, identities: Identities) -> Services:
    """Make the parts that a host's connections, HTTP and plug-ins share."""
    server = settings.server
    hub: ConnectionHub[Peer] = ConnectionHub(
        Limits(server.ping_after, server.answer_within, server.idle_after, server.sweep)
    )
    registry, caches, counters = ConnectionRegistry(hub.pool), Caches(), Counter[str]()
    for name, cache in (assistant.caches() if assistant is not None else {}).items():
        caches.add(name, cache)
    happenings = Happenings()
    push = Push(settings.push, registry, store, counters, happenings)
    return Services(
        settings,
        assistant,
        store,
        identities,
        ConnectionAuthenticator(settings.auth, identities),
        Audit(store),
        UpdateService(settings.update, firmware_folder),
        hub,
        registry,
        push,
        HostTools(settings.tools, counters, caches, push.tools.functions()),
        happenings,
        None if assistant is None or assistant.voiceprint is None else Voiceprints(assistant.voiceprint, store),
        caches=caches,
        counters=counters,
    )


def periodic_jobs(services: Services, listener: Listener, sweep_every: float) -> list[Job]:
    """Return what a host does again and again, besides checking its health and its configuration."""

    def sweep() -> None:
        services.hub.monitor.check()

    async def relieve() -> None:
        # Freed memory is not the process's any more only when it is given back: nobody is kept out for that.
        if services.memory_full:
            await malloc_trim()
            services.metrics.measure_memory()

    erasures = Erasures(services.store, services.turns.forget, services.turns.forget_all)
    jobs = [
        Job("memory", RELIEF_EVERY, relieve),
        Job("signs of life", sweep_every, sweep),
        Job("revocations", REVOCATIONS_EVERY, services.identities.refresh_quietly),
        Job("erasures", REVOCATIONS_EVERY, erasures.carry_out),
        Job("state of the host", REFRESH, services.states.refresh),
    ]
    if listener.certificate is not None:
        jobs.append(Job("certificate", CERTIFICATE_EVERY, listener.certificate.refresh))
    return jobs


def health_monitor(services: Services) -> HealthMonitor:
    """Make the monitor of a host's health."""
    return HealthMonitor(
        services.metrics, services.counters, services.registry, services.rooms, lambda: services.settings.alerts
    )
