"""eSpeak NG as a shared library, from the package ``espeakng-loader`` (the extra ``espeak``): pip alone installs it.

The library keeps its state in globals: a process makes one call at a time.
"""

import asyncio
import contextlib
import ctypes
import functools
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from posewire.errors import ProviderError
from posewire.voice.providers import ProviderContext
from posewire.voice.tts.base import SentenceSynthesizer, Speech
from posewire.voice.tts.espeak import VOICE, WORDS_PER_MINUTE

_SYNCHRONOUS = 2
"""Audio goes to the callback, in the calling thread; the other modes start a thread inside the library."""

_DONT_EXIT = 0x8000
_BUFFER_MS = 60
_CHARACTER = 1
_UTF8 = 1
_RATE = 1
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)

# The library's state is the process's, not an object's: so is the lock, and so is the one initialization (``_load``).
_lock = threading.Lock()


def make(context: ProviderContext) -> "EspeakLibrary":
    """Make the provider."""
    return EspeakLibrary(context.settings.tts_voice, context.settings.tts_rate)


class EspeakLibrary(SentenceSynthesizer):
    """Calls the library in a thread of its own.

    Raises:
        ProviderError: the package is not installed, the library does not load, or has no such voice.
    """

    def __init__(self, voice: str, rate: float) -> None:
        self._voice = (voice or VOICE).encode()
        self._words = round(WORDS_PER_MINUTE * rate)
        with _lock:
            self._library, self._rate = _load()
            self._set_up()
            version = self._library.espeak_Info(None) or b"?"
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="posewire-tts")
        self.name = f"espeak-ng {version.decode(errors='replace').split()[0]} (library)"

    async def synthesize(self, text: str) -> Speech:
        """Return the audio of one sentence. Cancelling stops the library within its next 60 ms of audio.

        Raises:
            ProviderError: the library failed.
        """
        stop = threading.Event()
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, self._speak, text, stop)
        finally:
            stop.set()

    async def close(self) -> None:
        """End the thread that synthesizes."""
        await asyncio.to_thread(self._thread.shutdown, wait=True, cancel_futures=True)

    def _set_up(self) -> None:
        if self._library.espeak_SetVoiceByName(self._voice) != 0:
            raise ProviderError(f"espeak-ng has no voice {self._voice.decode()!r}")
        self._library.espeak_SetParameter(_RATE, self._words, 0)

    def _speak(self, text: str, stop: threading.Event) -> Speech:
        parts: list[bytes] = []

        def collect(samples: Any, count: int, _events: int | None) -> int:
            if samples and count:
                parts.append(ctypes.string_at(samples, 2 * count))
            return int(stop.is_set())

        callback = _CALLBACK(collect)
        data = text.encode()
        with _lock:
            if stop.is_set():
                raise ProviderError("cancelled")
            self._library.espeak_SetSynthCallback(callback)
            # Another object may have chosen another voice.
            self._set_up()
            failed = self._library.espeak_Synth(data, len(data) + 1, 0, _CHARACTER, 0, _UTF8, None, None)
        if failed:
            raise ProviderError(f"espeak-ng failed with the code {failed}")
        return Speech(np.frombuffer(b"".join(parts), np.int16), self._rate)


@functools.cache
def _load() -> tuple[ctypes.CDLL, int]:
    """Load and initialize, once: a second initialization can hang the library."""
    try:
        import espeakng_loader
    except ImportError:
        raise ProviderError('espeakng-loader is not installed: pip install "posewire[espeak]"') from None
    library = None
    with contextlib.suppress(OSError):
        library = ctypes.CDLL(espeakng_loader.get_library_path())
    if library is None:
        raise ProviderError("the library in espeakng-loader does not load on this system: install espeak-ng instead")
    library.espeak_Info.restype = ctypes.c_char_p
    library.espeak_Synth.argtypes = [
        ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint,
        ctypes.c_void_p, ctypes.c_void_p,
    ]  # fmt: skip
    data = str(Path(espeakng_loader.get_data_path())).encode()
    rate = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, data, _DONT_EXIT)
    if rate <= 0:
        raise ProviderError("espeak-ng does not find its data: reinstall espeakng-loader")
    return library, rate
