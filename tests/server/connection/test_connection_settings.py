"""Section ``[flood]`` of the settings."""

import pytest

from posewire.errors import ConfigError
from posewire.server.connection.settings import FloodSettings


@pytest.mark.parametrize(
    "values",
    [
        {"text_rate": -1.0},
        {"audio_burst": 0},
        {"pose_burst": -5},
    ],
)
def test_a_limit_out_of_range_is_refused_by_name(values: dict[str, float]) -> None:
    (name,) = values
    with pytest.raises(ConfigError, match=name):
        FloodSettings(**values)  # type: ignore[arg-type]


def test_a_rate_of_0_is_allowed() -> None:
    assert FloodSettings(text_rate=0.0).text_rate == 0
