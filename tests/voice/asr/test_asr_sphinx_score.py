"""The judgement of commands, on segments written down here."""

from posewire.voice.asr.sphinx_score import Segment, judge

PHONES = [
    Segment("SIL", 0, 19, -100),
    Segment("AA", 20, 59, -200),
    Segment("B", 60, 99, -200),
    Segment("SIL", 100, 109, 0),
]


def words(*spoken: tuple[str, int, int], likelihood: float = -500.0) -> list[Segment]:
    each = likelihood / len(spoken)
    return [Segment(word, first, last, each) for word, first, last in spoken] + [Segment("</s>", 100, 109, 0)]


def test_words_that_explain_the_sound_as_well_as_free_phones_are_accepted() -> None:
    transcript = judge(words(("light", 20, 59), ("on(2)", 60, 99)), PHONES, -0.5)
    assert (transcript.text, transcript.accepted) == ("light on", True)
    assert transcript.score == 0
    assert transcript.coverage == 1


def test_a_worse_likelihood_lowers_the_score_by_what_it_is_worse_in_a_frame() -> None:
    transcript = judge(words(("light", 20, 99), likelihood=-500 - 110), PHONES, -0.5)
    assert transcript.score == -1
    assert not transcript.accepted


def test_speech_that_no_word_covers_costs() -> None:
    transcript = judge(words(("light", 20, 59)), PHONES, -2.0)
    assert (transcript.coverage, transcript.score, transcript.accepted) == (0.5, -1.5, True)
    assert not judge(words(("light", 20, 49)), PHONES, -100).accepted, "less than half of it is covered"


def test_noise_alone_is_no_text() -> None:
    for found in ([], words(("[NOISE]", 20, 99))):
        assert judge(found, PHONES, -100).text == ""
    assert judge(words(("light", 20, 99)), [], -100).text == ""
