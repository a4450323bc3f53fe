"""A gyroscope that does not show zero at rest is corrected once it was measured."""

from array import array

from posewire_fw.imu_bias import Bias


def sample(rates):
    return array("h", [1, 2, 4096] + rates)


def test_what_it_shows_at_rest_is_taken_off():
    bias = Bias()
    values = sample([30, -20, 5])
    bias.correct(values)
    assert list(values) == [1, 2, 4096, 30, -20, 5]
    bias.measure()
    for number in range(64):
        assert bias.measuring()
        bias.correct(sample([30 + number % 2, -20 - number % 2, 5]))
    assert not bias.measuring()
    values = sample([30, -20, 1005])
    bias.correct(values)
    assert list(values) == [1, 2, 4096, 0, 1, 1000]


def test_a_board_that_moves_is_waited_for():
    bias = Bias()
    bias.measure()
    for number in range(300):
        bias.correct(sample([number % 2 * 1000, 0, 0]))
    assert bias.measuring()
    for _ in range(66):
        bias.correct(sample([7, 0, 0]))
    assert not bias.measuring()
    assert bias.values[3] == 7
