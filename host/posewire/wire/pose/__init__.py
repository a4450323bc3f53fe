"""Pose packets: landmark streams as small, loss-proof, bit-exact packets (``docs/pose-packet.md``).

encoder = PoseEncoder("body33")
packet = encoder.encode(landmarks, time_ms)      # (33, 4) float array -> bytes
frame = PoseDecoder().decode(packet)             # frame.values["body33"], frame.time_ms
"""

from posewire.wire.pose.decoder import PoseDecoder
from posewire.wire.pose.encoder import PoseEncoder
from posewire.wire.pose.filter import OneEuro
from posewire.wire.pose.frame import PoseFrame
from posewire.wire.pose.frame_cache import FrameCache
from posewire.wire.pose.mediapipe_results import from_mediapipe
from posewire.wire.pose.packet import Control, Kind, control, parse_control, parse_header
from posewire.wire.pose.recording import Recording, load_recording
from posewire.wire.pose.relay import PoseRelay
from posewire.wire.pose.sets import SETS, LandmarkSet, custom_set, landmark_set

__all__ = [
    "SETS",
    "Control",
    "FrameCache",
    "Kind",
    "LandmarkSet",
    "OneEuro",
    "PoseDecoder",
    "PoseEncoder",
    "PoseFrame",
    "PoseRelay",
    "Recording",
    "control",
    "custom_set",
    "from_mediapipe",
    "landmark_set",
    "load_recording",
    "parse_control",
    "parse_header",
]
