"""Deployments of Jitsi with a real Prosody, and a host in one."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from posewire.identity.settings import AuthSettings
from posewire.server.host import Host
from posewire.server.jitsi.settings import JitsiSettings
from support.conference.deployment import Deployment
from support.conference.prosody import Prosody
from support.hosts import running, settings
from support.programs.debian_packages import find

TOKEN = "a-token-that-nobody-guesses"


def _need_prosody() -> None:
    if find("prosody") is None:
        pytest.skip("Prosody is not installed: make programs, as root on Debian or Ubuntu")


@pytest.fixture(scope="module")
def prosody(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Prosody]:
    """A Prosody in whose rooms there is no focus; tests share it, each with a room of its own."""
    _need_prosody()
    with Prosody(tmp_path_factory.mktemp("prosody")) as started:
        yield started


@pytest.fixture(scope="module")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Deployment]:
    """A whole deployment that tests leave as it is."""
    _need_prosody()
    with Deployment(tmp_path_factory.mktemp("deployment")) as started:
        yield started


@pytest.fixture
def fragile(tmp_path: Path) -> Iterator[Deployment]:
    """A whole deployment that a test may break."""
    _need_prosody()
    with Deployment(tmp_path) as started:
        yield started


@asynccontextmanager
async def host_in(address: str, *, max_clients: int = 8, **more: Any) -> AsyncIterator[Host]:
    """A host in a conference while the block runs; ``more``: sections of its settings."""
    jitsi = JitsiSettings(url=address, max_clients=max_clients)
    wanted = replace(settings(resume_window=20.0), auth=AuthSettings(token=TOKEN), jitsi=jitsi, **more)
    async with running(wanted) as host:
        yield host


def address_of(host: Host) -> str:
    """The address at which programs find a host in its conference."""
    assert host.services.jitsi is not None
    return host.services.jitsi.address
