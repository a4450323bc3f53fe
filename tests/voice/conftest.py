"""The fixtures of the voice tests: an assistant with the real offline engines, and a voice session of it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from posewire.voice.assistant import Assistant
from posewire.voice.session import VoiceSession
from posewire.voice.settings import VoiceSettings
from support.board import ALL_TOOLS, Board
from support.ear import Ear


@pytest.fixture
async def assistant() -> AsyncIterator[Assistant]:
    made = await asyncio.to_thread(Assistant.create, VoiceSettings(tts="espeak-lib"))
    yield made
    await made.close()


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture
def board() -> Board:
    return Board(*ALL_TOOLS)


@pytest.fixture
async def session(assistant: Assistant, ear: Ear, board: Board) -> AsyncIterator[VoiceSession]:
    made = assistant.session(ear, board, device_name="kitchen")
    yield made
    await made.close()
