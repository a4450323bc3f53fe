"""Close codes: each has one meaning, and all that are sent may be sent."""

import pytest
from websockets.exceptions import ProtocolError
from websockets.frames import Close

from posewire.wire import close_codes

CODES = {name: code for name, code in vars(close_codes).items() if name.isupper()}


def test_each_code_has_one_meaning() -> None:
    assert len(set(CODES.values())) == len(CODES)


@pytest.mark.parametrize(("name", "code"), CODES.items())
def test_every_code_but_that_of_a_lost_connection_may_be_sent(name: str, code: int) -> None:
    if name == "ABNORMAL":
        with pytest.raises(ProtocolError):
            Close(code, "").check()
    else:
        Close(code, "").check()
