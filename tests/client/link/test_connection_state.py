"""The states of a connection, and which may follow which."""

import itertools

import pytest

from posewire.client.link.connection_state import ConnectionState, StateMachine

S = ConnectionState


def test_a_life_with_a_loss() -> None:
    seen: list[tuple[S, S]] = []
    machine = StateMachine(lambda old, new: seen.append((old, new)))
    for state in (S.CONNECTING, S.CONNECTED, S.CONNECTED, S.RECONNECTING, S.CONNECTED, S.CLOSED):
        machine.change(state)
    assert [new for _, new in seen] == [S.CONNECTING, S.CONNECTED, S.RECONNECTING, S.CONNECTED, S.CLOSED]
    assert all(before[1] is after[0] for before, after in itertools.pairwise(seen))


@pytest.mark.parametrize("state", [S.NEW, S.CONNECTING, S.CONNECTED, S.RECONNECTING])
def test_what_is_closed_stays_closed(state: S) -> None:
    machine = StateMachine(lambda old, new: None)
    machine.change(S.CLOSED)
    with pytest.raises(ValueError, match=f"from closed to {state.value}"):
        machine.change(state)
