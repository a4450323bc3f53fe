"""OpenCV and MediaPipe (extra ``camera``), loaded when they are needed: that takes seconds."""

import os
from types import ModuleType

from posewire.errors import ConfigError

_REMEDY = "pip install 'posewire[camera]', with Python 3.11 or 3.12"


def opencv() -> ModuleType:
    """Return OpenCV.

    Raises:
        ConfigError: it is not installed, or does not load.
    """
    # Of a camera that is not there we speak ourselves.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "OFF")
    os.environ.setdefault("OPENCV_VIDEOIO_DEBUG", "0")
    try:
        import cv2
    except ModuleNotFoundError as error:
        raise ConfigError(f"this needs OpenCV ({error}): {_REMEDY}") from None
    except ImportError as error:  # a library of the system is missing
        raise ConfigError(
            f"OpenCV does not load here: {error} (Debian, Ubuntu: apt install libgl1 libglib2.0-0)"
        ) from None
    found: ModuleType = cv2
    return found


def mediapipe() -> ModuleType:
    """Return MediaPipe, of a version whose models are in its package.

    Raises:
        ConfigError: it is not installed, or of another kind.
    """
    os.environ.setdefault("GLOG_minloglevel", "2")
    try:
        import mediapipe
    except ImportError as error:
        raise ConfigError(f"this needs MediaPipe ({error}): {_REMEDY}") from None
    if not hasattr(mediapipe, "solutions"):
        raise ConfigError("this MediaPipe has no models in its package: pip install mediapipe==0.10.21")
    found: ModuleType = mediapipe
    return found
