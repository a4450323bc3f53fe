"""Text messages: whatever a peer sends is either understood or refused with a code."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import WireError
from posewire.wire.messages import dump_text, error_message, parse_hello, parse_listen, parse_text
from posewire.wire.room_actions import parse_room

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=12), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.dictionaries(
    st.sampled_from(
        ["type", "version", "features", "audio_params", "device", "resume", "state", "mode", "text", "action", "room",
         "publish", "subscribe", "codecs", "format", "sample_rate"]
    ),
    JSON,
)  # fmt: skip


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("{", "bad_json"),
        ("", "bad_json"),
        ("42", "bad_json"),
        ("[]", "bad_json"),
        ("[" * 100_000, "bad_json"),
        ('{"type":"ping","id":NaN}', "bad_json"),
        ('{"type":"ping","id":1e999}', "bad_json"),
        ('{"type":"ping","id":"\\ud83d"}', "bad_json"),
        ("{}", "bad_message"),
        ('{"type":7}', "bad_message"),
    ],
)
def test_what_is_no_message_is_refused_with_its_code(text: str, code: str) -> None:
    with pytest.raises(WireError) as caught:
        parse_text(text)
    assert caught.value.code == code


@given(FIELDS)
def test_any_object_is_read_or_refused(message: dict[str, Any]) -> None:
    for parse in (parse_hello, parse_listen, parse_room):
        try:
            parse(message)
        except WireError as error:
            assert error.code
            assert str(error)


def test_a_message_survives_the_way() -> None:
    message = {"type": "stt", "text": "naïve 你好 🙂"}
    assert parse_text(dump_text(message)) == message


def hello(**fields: Any) -> dict[str, Any]:
    return {"type": "hello", **fields}


def test_an_absurd_rate_is_refused_by_name() -> None:
    with pytest.raises(WireError, match="sample_rate"):
        parse_hello(hello(audio_params={"format": "pcm", "sample_rate": 10**9}))


def test_an_unknown_listen_mode_is_auto() -> None:
    assert parse_listen({"type": "listen", "state": "start", "mode": "ptt"}).mode == "auto"


def test_listen_without_a_state_names_the_field() -> None:
    with pytest.raises(WireError, match='"state"'):
        parse_listen({"type": "listen"})


def test_errors_are_json() -> None:
    assert json.loads(dump_text(error_message(WireError("no", "busy")))) == {
        "type": "error",
        "code": "busy",
        "message": "no",
    }
