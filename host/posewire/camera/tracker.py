"""MediaPipe's models of bodies, hands and faces, on pictures as OpenCV has them."""

from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from posewire.camera.libraries import mediapipe
from posewire.camera.sources import Image
from posewire.errors import ConfigError
from posewire.wire.pose import from_mediapipe

PARTS = ("body", "hands", "face")
Found = dict[str, NDArray[np.float32] | None]


class Tracker:
    """Finds the wanted parts of one person. ``mirror``: pictures are turned over first, as in a mirror.

    ``confidence``: below it (0 to 1) nothing is found. ``still``: pictures that have nothing to do with each other.
    """

    def __init__(
        self,
        parts: Collection[str] = ("body", "hands"),
        *,
        mirror: bool = False,
        confidence: float = 0.5,
        still: bool = False,
    ) -> None:
        wanted = set(parts)
        if not wanted or not wanted <= set(PARTS):
            raise ConfigError(
                f"the parts to track must be some of {', '.join(PARTS)}, not {', '.join(parts) or 'nothing'}"
            )
        if not 0 < confidence < 1:
            raise ConfigError(f"a confidence must be between 0 and 1, not {confidence:g}")
        self._solutions = mediapipe().solutions
        self._parts = wanted
        self._mirror = mirror
        self._options = {"static_image_mode": still, "min_detection_confidence": confidence}
        self._model = self._make()
        self.result: Any = None
        """The last result as MediaPipe has it, for a preview."""

    def find(self, image: Image) -> Found:
        """Return landmark set → values, None for what was not found, of one picture."""
        if self._mirror:
            image = image[:, ::-1]
        self.result = self._model.process(np.ascontiguousarray(image[:, :, ::-1]))
        found = from_mediapipe(self.result)
        if self._parts == {"hands"}:
            # This model takes every picture for a mirror's.
            found = {"hand21": found["hand21_right"], "hand21_right": found["hand21"]}
        if "hands" not in self._parts:
            found = {name: values for name, values in found.items() if not name.startswith("hand")}
        if "face" not in self._parts:
            found = {name: values for name, values in found.items() if not name.startswith("face")}
        if "body" not in self._parts:
            found = {name: values for name, values in found.items() if not name.endswith("33")}
        return found

    def close(self) -> None:
        """Let the models go."""
        self._model.close()

    def draw(self, image: Image) -> Image:
        """Return a picture with what was found in it last."""
        shown = np.ascontiguousarray(image[:, ::-1] if self._mirror else image)
        drawing, solutions, result = self._solutions.drawing_utils, self._solutions, self.result
        marks = [
            (getattr(result, "pose_landmarks", None), solutions.pose.POSE_CONNECTIONS),
            (getattr(result, "left_hand_landmarks", None), solutions.hands.HAND_CONNECTIONS),
            (getattr(result, "right_hand_landmarks", None), solutions.hands.HAND_CONNECTIONS),
            (getattr(result, "face_landmarks", None), None),
            *((hand, solutions.hands.HAND_CONNECTIONS) for hand in getattr(result, "multi_hand_landmarks", None) or ()),
            *((face, None) for face in getattr(result, "multi_face_landmarks", None) or ()),
        ]
        for landmarks, connections in marks:
            if landmarks is not None:
                drawing.draw_landmarks(shown, landmarks, connections)
        return shown

    def _make(self) -> Any:
        # The one model of a body that the package holds.
        complexity = 1
        match sorted(self._parts):
            case ["body"]:
                return self._solutions.pose.Pose(model_complexity=complexity, **self._options)
            case ["hands"]:
                return self._solutions.hands.Hands(model_complexity=complexity, max_num_hands=2, **self._options)
            case ["face"]:
                return self._solutions.face_mesh.FaceMesh(max_num_faces=1, **self._options)
            case _:
                return self._solutions.holistic.Holistic(model_complexity=complexity, **self._options)
