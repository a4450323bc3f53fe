"""Measure the voice side: many boards that talk in the same second, with real audio frames and the real voice detector.

With ``--audio opus`` they are stock devices: frame protocol 1, Opus both ways, each packet decoded as it comes, and
what a board hears must be the tone that the voice made. Recogniser, language model and voice are stand-ins that answer
at once, behind real HTTP; every tenth transcription takes 800 ms, and must delay nobody but the board that waits for
it. A third of the boards hears its reply to the end, a third aborts it, a third talks into it. All answers have the
same sentences, which a host synthesizes and encodes once; with ``--distinct`` no sentence comes twice. Times do not
contain the configured silence that ends an utterance.

examples:
  posewire bench talk
  posewire bench talk --audio opus
  posewire bench talk --boards 20 --json
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from posewire.bench.relay_load import cpu, waited
from posewire.bench.talk_load import FORMATS, TalkTask
from posewire.errors import PosewireError
from posewire.progress import meanwhile
from posewire.server.host_process import HostProcess
from posewire.terminal import show_json, show_text

END_SILENCE_MS = 512
"""The host's setting in these measurements."""

SENTENCE = files("posewire.demo") / "data" / "turn_the_light_blue.wav"
"""The sentence that boards say in them."""

_BUSY = 0.05
"""Part of the time that the host waits for a core; beyond, the figures say more about the machine than about it."""

_SLOW_SHARE, _SLOW_S = 0.1, 0.8
_VOICE = """\
[voice]
asr = "openai"
llm = "openai"
tts = "openai"
end_silence_ms = {silence}
[voice.providers.asr.openai]
base_url = "{url}"
[voice.providers.llm.openai]
base_url = "{url}"
[voice.providers.tts.openai]
base_url = "{url}"
"""

ROWS = (
    ("hello", "connection opened → hello answered", 0.95, 100.0),
    ("stt", "end of speech → stt", 0.95, 250.0),
    ("stt_slow", "the same, where the recogniser takes 800 ms", 0.95, None),
    ("first_audio", "end of speech → first audio", 0.95, None),
    ("gaps", "between two frames of a reply (60 ms)", 0.99, 80.0),
    ("abort", "abort → last audio frame", 1.0, 50.0),
    ("barge", "speech onset → reply stopped", 0.95, 200.0),
)
"""Key, meaning, the percentile that counts, and the limit that it is held against, in milliseconds."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire bench talk``."""
    parser.add_argument("--boards", type=int, default=100, metavar="N", help="boards that talk (default 100)")
    parser.add_argument("--turns", type=int, default=3, metavar="N", help="sentences of each board (default 3)")
    parser.add_argument("--wav", type=Path, help="what they say: 16 kHz, mono, 16 bits (default: a shipped sentence)")
    parser.add_argument("--audio", choices=FORMATS, default=FORMATS[0], help="their audio format (default %(default)s)")
    parser.add_argument("--distinct", action="store_true", help="no sentence of an answer comes twice")
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")


def run(args: argparse.Namespace) -> int:
    """Measure and print; 0 when every board got through."""
    with meanwhile(f"{args.boards} boards talk"):
        result = measure(args.boards, args.turns, args.wav, args.audio, args.distinct)
    if args.json:
        show_json(result, 1)
    else:
        show_text(table(result))
    return 1 if result["failed"] else 0


def measure(
    boards: int, turns: int, wav: Path | None = None, audio: str = FORMATS[0], distinct: bool = False
) -> dict[str, Any]:
    """Run host, stand-ins and boards, each in a process; returns percentiles in ms, and the host's CPU time."""
    with (
        tempfile.TemporaryDirectory() as folder,
        as_file(SENTENCE) as shipped,
        backends(distinct) as url,
    ):
        config = Path(folder) / "talk.toml"
        config.write_text('[store]\npath = ":memory:"\n' + voice_config(url), encoding="utf-8")
        with HostProcess("--config", str(config), "--log-level", "warning") as host:
            task = TalkTask(host.url, "", str(wav or shipped), boards, turns, END_SILENCE_MS, audio=audio)
            started, before, late = time.perf_counter(), cpu(host.pid), waited(host.pid)
            done = subprocess.run(
                [sys.executable, "-m", "posewire.bench.talk_load"],
                input=json.dumps(asdict(task)),
                capture_output=True,
                text=True,
                check=False,
                timeout=60 + 40 * turns,
            )
            after, waiting, seconds = cpu(host.pid), waited(host.pid), time.perf_counter() - started
    if done.returncode:
        raise PosewireError(f"the boards failed: {(done.stderr.strip().splitlines() or ['no output'])[-1]}")
    findings = json.loads(done.stdout)
    result: dict[str, Any] = {"boards": boards, "turns": turns, "audio": audio, "failed": findings.pop("failed")}
    for key, values in findings.items():
        result[key] = {name: percentile(values, share) for name, share in _SHARES} | {"count": len(values)}
    used = None if before is None or after is None else after - before
    result["host_waited"] = None if late is None or waiting is None else round((waiting - late) / seconds, 2)
    answered = len(findings["first_audio"])
    result["host_cpu"] = None if used is None else round(used / seconds, 2)
    result["host_cpu_ms_a_turn"] = None if used is None or not answered else round(1000 * used / answered, 1)
    return result


_SHARES = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))


def percentile(values: Sequence[float], share: float) -> float | None:
    """Return the value that ``share`` of the values do not pass."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[min(int(len(ordered) * share), len(ordered) - 1)], 1)


def table(result: dict[str, Any]) -> str:
    """The percentiles, and whether the one that counts is within its limit."""
    lines = [f"{'ms':48}{'p50':>8}{'p95':>8}{'p99':>8}{'max':>8}{'count':>8}  limit"]
    for key, about, share, limit in ROWS:
        found = result[key]
        cells = "".join(f"{'-' if found[name] is None else found[name]:>8}" for name in ("p50", "p95", "p99", "max"))
        counts = next(name for name, value in _SHARES if value == share)
        verdict = ""
        if limit is not None and found[counts] is not None:
            verdict = f"  {counts} < {limit:.0f}: {'yes' if found[counts] < limit else 'NO'}"
        lines.append(f"{about:48}{cells}{found['count']:>8}{verdict}")
    lines.append(
        f"{result['boards']} boards, {result['audio']}; host: {result['host_cpu']} of a core, "
        f"{result['host_cpu_ms_a_turn']} ms of CPU a turn; failed: {len(result['failed'])}"
    )
    if (result["host_waited"] or 0.0) > _BUSY:
        lines.append(f"this machine is busy: {result['host_waited']:.0%} of the time the host waited for a core")
    lines += sorted(set(result["failed"]))[:5]
    return "\n".join(lines)


def voice_config(url: str) -> str:
    """Return the section ``[voice]`` of a host that uses the stand-ins at ``url``."""
    return _VOICE.format(url=url, silence=END_SILENCE_MS)


@contextmanager
def backends(distinct: bool = False) -> Iterator[str]:
    """Run stand-ins for recogniser, model and voice; gives their URL. ``distinct``: no sentence comes twice."""
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "-m", "posewire.bench.talk_backends", str(_SLOW_SHARE), str(_SLOW_S), str(int(distinct))],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/v1"
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
