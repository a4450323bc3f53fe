"""The ES8311 driver against a register file that behaves as the chip's does."""

from fw_support import raises
from posewire_fw.es8311 import Es8311


class Bus:
    """Remembers what was written, in order. Registers begin as the chip's reset leaves them: powered down."""

    def __init__(self):
        self.written = []
        self.registers = {0x0D: 0xFC, 0x12: 0x02}
        self.present = True

    def writeto_mem(self, address, register, data):
        if not self.present:
            raise OSError(19)
        self.written.append((address, register, data[0]))
        if address == 0x18:
            self.registers[register] = data[0]


def codec(setup=()):
    bus = Bus()
    return Es8311(bus, 0x18, setup), bus


def inner_clock(bus, rate, bits):
    """The converters' rate, from the bit clock, as the registers have it."""
    assert bus.registers[0x01] & 0x80, "the clock is not made from the bit clock"
    divider = (bus.registers[0x02] >> 5) + 1
    multiplier = 1 << (bus.registers[0x02] >> 3 & 3)
    return rate * 2 * bits * multiplier // divider


def test_both_directions_of_the_port_give_the_converters_their_clock():
    chip, bus = codec()
    for bits in (32, 16, 32):
        chip.start(bits)
        assert inner_clock(bus, 16000, bits) == 256 * 16000
        assert bus.registers[0x0A] == bus.registers[0x09] == {16: 12, 32: 16}[bits]


def test_a_start_powers_up_once():
    chip, bus = codec()
    chip.start(32)
    resets = [entry for entry in bus.written if entry[1] == 0]
    assert [value for _, _, value in resets] == [0x1F, 0, 0x80]
    assert bus.registers[0x0D] == 1 and bus.registers[0x12] == 0
    bus.written = []
    chip.start(16)
    assert 0 not in [register for _, register, _ in bus.written]
    bus.written = []
    chip.start(16)
    assert bus.written == []


def test_other_chips_are_set_up_first():
    chip, bus = codec([[0x43, 7, 0], [0x43, 5, 0xFF]])
    chip.start(16)
    assert bus.written[:2] == [(0x43, 7, 0), (0x43, 5, 0xFF)]


def test_volume_and_gain_hold_over_a_restart():
    chip, bus = codec()
    chip.set_volume(50)
    chip.set_gain(9)
    assert bus.written == []
    chip.start(16)
    assert bus.registers[0x32] == 127
    assert bus.registers[0x16] == 7
    chip.set_volume(100)
    assert bus.registers[0x32] == 255
    chip.stop()
    assert bus.registers[0x32] == 0
    chip.start(16)
    assert bus.registers[0x32] == 255


def test_mute():
    chip, bus = codec()
    chip.start(16)
    chip.mute(True)
    assert bus.registers[0x31] == 0x60
    chip.mute(False)
    assert bus.registers[0x31] == 0


def test_a_codec_that_is_not_there_and_words_that_it_cannot_take():
    chip, bus = codec()
    raises(ValueError, chip.start, 24)
    bus.present = False
    raises(OSError, chip.start, 16)
    bus.present = True
    chip.start(16)
    assert bus.registers[0x0D] == 1
