"""The purposes of a board, and the files of the firmware for each."""

from typing import Final

PROFILES: Final = {
    "motion": "motion sensor or keypoints, published in a room; tools, updates; no sound",
    "voice": "microphone, speaker, button and light; tools, updates; no motion",
    "full": "voice and motion together, and following others' motion",
}

_OPUS: Final = frozenset(("opus_bands", "opus_encoder", "opus_mdct", "opus_part", "opus_range", "opus_tables"))
_VOICE: Final = _OPUS | {"adpcm", "codec_ports", "es8311", "mic", "pcm", "ring", "speaker", "vad", "voice_session"}
_MOTION: Final = frozenset(
    (
        "bno08x",
        "crc16",
        "fixed",
        "grove_ai",
        "huskylens2",
        "imu",
        "imu_bias",
        "imu_bmi270",
        "imu_chips",
        "keypoints",
        "pose_core",
        "pose_encoder",
        "pose_filter",
        "pose_pack",
        "pose_quat",
        "pose_queue",
        "pose_rate",
        "pose_sets",
        "pose_stream",
        "pose_tables",
    )
)
_FOLLOWING: Final = frozenset(("pose_decoder", "pose_receiver", "pose_tables_face", "pose_unpack"))
# For programs of users on boards that have the memory for it.
_OWN_PROGRAMS: Final = frozenset(("ogg_opus", "websocket_client"))
_LEFT_OUT: Final = {
    "motion": _VOICE | _FOLLOWING | _OWN_PROGRAMS,
    "voice": _MOTION | _FOLLOWING | _OWN_PROGRAMS,
    "full": frozenset[str](),
}


def is_used(module: str, profile: str) -> bool:
    """Whether a profile uses a module of the package, named without its ending."""
    return module not in _LEFT_OUT[profile]
