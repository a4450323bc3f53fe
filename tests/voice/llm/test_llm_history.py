"""The history of a conversation stays within its bounds."""

from hypothesis import given
from hypothesis import strategies as st

from posewire.voice.llm.base import ChatMessage, ToolCall
from posewire.voice.llm.history import History, tokens_of


@given(st.lists(st.integers(0, 400), max_size=40), st.integers(1, 10), st.integers(10, 300))
def test_history_stays_within_its_bounds_and_keeps_turns_whole(sizes: list[int], turns: int, tokens: int) -> None:
    history = History(turns, tokens)
    for number, size in enumerate(sizes):
        call = ToolCall(str(number), "t", "x" * size)
        history.add([ChatMessage("user", str(number)), ChatMessage("assistant", tool_calls=(call,))])
        assert len(history) <= turns
        assert history.tokens == sum(map(tokens_of, history.messages())) <= tokens
        assert [message.role for message in history.messages()] == ["user", "assistant"] * len(history)
        kept = [int(message.content) for message in history.messages() if message.role == "user"]
        assert kept == list(range(number + 1 - len(kept), number + 1))


def test_other_writing_weighs_more() -> None:
    assert tokens_of(ChatMessage("user", "今天天气怎么样")) > tokens_of(ChatMessage("user", "weather"))
