"""The simulated I2S behaves as the chip's driver does: DMA buffers of 256 frames that time fills and empties."""

import numpy as np
import pytest

from posewire.errors import SimulatorError
from sim.conftest import Program
from sim.programs import shown

OPEN = """
    import asyncio, time, machine
    from machine import I2S, Pin

    def microphone(bits=32, format=I2S.MONO, ibuf=16384, rate=16000):
        return I2S(0, sck=Pin(5), ws=Pin(4), sd=Pin(6), mode=I2S.RX, bits=bits, format=format, rate=rate, ibuf=ibuf)

    def speaker(bits=16, format=I2S.MONO, ibuf=4096, rate=16000):
        return I2S(1, sck=Pin(15), ws=Pin(16), sd=Pin(7), mode=I2S.TX, bits=bits, format=format, rate=rate, ibuf=ibuf)

    def loud(count):
        return bytearray(b"\\x00\\x20" * count)
"""


def test_asyncio_reads_are_short(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = microphone()
    i2s.ioctl(3, 1)
    buf = bytearray(640 * 4)
    show(i2s.readinto(buf))
    time.sleep_ms(40)
    show([i2s.ioctl(3, 1), i2s.readinto(buf), i2s.readinto(buf), i2s.ioctl(3, 1)])
    """
    )
    nothing_yet, (ready, first, second, empty) = shown(board)
    assert nothing_yet == 0
    assert (ready, first) == (1, 512 * 4), "40 ms are 640 frames, of which two whole buffers are there"
    assert (second, empty) == (0, 0)


def test_the_oldest_is_lost_without_a_word(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = microphone(ibuf=8192)
    i2s.ioctl(3, 1)
    time.sleep_ms(300)
    got = 0
    buf = bytearray(256 * 4)
    while True:
        count = i2s.readinto(buf)
        if not count:
            break
        got += count // 4
    show(got)
    """
    )
    assert shown(board) == [3 * 256], "of four buffers one is being filled, three are in the driver's queue"


def test_blocking_reads_take_the_time_of_the_samples(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = microphone()
    start = time.ticks_us()
    buf = bytearray(1600 * 4)
    count = i2s.readinto(buf)
    show([count, time.ticks_diff(time.ticks_us(), start)])
    """
    )
    count, elapsed = shown(board)[0]
    assert count == 6400
    assert elapsed >= 100_000


def test_irq_reads_call_back_when_the_buffer_is_full(program: Program) -> None:
    board = program(
        OPEN
        + """
    start = time.ticks_us()
    i2s = microphone()
    buf = bytearray(320 * 4)
    calls = []
    def full(port):
        calls.append(port is i2s)
        port.readinto(buf)
    i2s.irq(full)
    show([i2s.readinto(buf), len(calls)])
    async def main():
        while len(calls) < 20:
            await asyncio.sleep_ms(5)
    asyncio.run(main())
    show([all(calls), time.ticks_diff(time.ticks_us(), start)])
    """
    )
    returned, (only_this_port, elapsed) = shown(board)
    assert returned == [1280, 0], "it returns at once"
    assert only_this_port is True
    assert elapsed >= 400_000, "20 buffers of 20 ms"


def test_the_drivers_task_works_while_the_program_is_busy(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = speaker()
    async def main():
        done = []
        i2s.irq(done.append)
        i2s.write(loud(3000))
        await asyncio.sleep_ms(20)
        time.sleep_ms(300)
        await asyncio.sleep_ms(20)
        show(len(done))
    asyncio.run(main())
    """
    )
    assert shown(board) == [1]
    assert board.speaker.samples().tolist() == [0x2000] * 3000, "no gap, though more than the DMA buffers hold"


def test_a_request_is_filled_while_the_program_is_busy(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = microphone(ibuf=4096)
    buf = bytearray(4 * 4096)
    async def main():
        done = []
        i2s.irq(done.append)
        await asyncio.sleep_ms(2)
        i2s.readinto(buf)
        time.sleep_ms(280)
        await asyncio.sleep_ms(5)
        show(len(done))
    asyncio.run(main())
    """
    )
    assert shown(board) == [1]


def test_a_third_request_is_dropped(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = microphone()
    calls = []
    i2s.irq(calls.append)
    async def main():
        for _ in range(3):
            i2s.readinto(bytearray(4 * 160))
        await asyncio.sleep_ms(150)
    asyncio.run(main())
    show(len(calls))
    """
    )
    assert shown(board) == [2]


@pytest.mark.parametrize(
    ("layout", "frame"),
    [
        ("16, I2S.MONO", "73fd"),
        ("32, I2S.MONO", "007073fd"),
        ("16, I2S.STEREO", "73fd0000"),
        ("32, I2S.STEREO", "007073fd00000000"),
    ],
)
def test_words_are_left_justified(program: Program, layout: str, frame: str) -> None:
    board = program(
        OPEN
        + f"""
    i2s = microphone({layout})
    buf = bytearray(4096)
    while True:
        i2s.readinto(buf)
        show(buf[:{len(frame) // 2}].hex())
    """,
        wait=False,
    )
    board.wait(lambda: shown(board), what="the microphone")
    # 24 bits at the top of a 32-bit word: -10441 makes 0xfd737000.
    board.mic.play(np.full(16000, -10441, np.int16))
    board.wait(lambda: frame in shown(board), what="the constant level")


def test_the_speaker_takes_what_fits_and_plays_in_real_time(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = speaker()
    i2s.ioctl(3, 4)
    data = loud(4000)
    show(i2s.write(data))
    show(i2s.write(data))
    time.sleep_ms(70)
    show([i2s.ioctl(3, 4), i2s.write(data)])
    """
    )
    first, second, (ready, third) = shown(board)
    assert first == 7 * 256 * 2, "eight buffers, of which one is being played"
    assert second == 0
    assert ready == 4
    assert third in (4 * 512, 5 * 512), "70 ms later four buffers are free (five when the program was late)"


def test_what_is_written_is_heard_once_and_in_order(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = speaker()
    data = bytearray(16000 * 2)
    for i in range(16000):
        data[2 * i] = i & 0xFF
        data[2 * i + 1] = 0x20 | i >> 8 & 0x1F
    i2s.write(data)
    time.sleep_ms(200)
    """
    )
    expected = np.arange(16000) & 0x1FFF | 0x2000
    assert np.array_equal(board.speaker.samples(), expected.astype(np.int16))
    assert board.speaker.audible_seconds == pytest.approx(1.0, abs=0.02)


def test_an_underrun_is_a_gap(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = speaker()
    i2s.write(loud(1600))
    time.sleep_ms(300)
    i2s.write(loud(1600))
    time.sleep_ms(250)
    """
    )
    samples = board.speaker.samples()
    gap = int((samples == 0).sum())
    assert (samples != 0).sum() == 3200
    assert 3000 < gap < 8000, "300 ms less the 100 ms that were still played, and some"


def test_closing_discards_what_was_not_heard(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = speaker()
    i2s.write(loud(1792))
    time.sleep_ms(30)
    i2s.deinit()
    time.sleep_ms(200)
    try:
        i2s.write(loud(10))
    except OSError as exc:
        show(exc.errno)
    """
    )
    assert 0 < board.speaker.seconds < 0.1
    assert board.speaker.is_silent(0.1)
    assert shown(board) == [22]


def test_stereo_and_wide_outputs_are_heard_as_their_left_channel(program: Program) -> None:
    board = program(
        OPEN
        + """
    i2s = speaker(32, I2S.STEREO, 16384)
    i2s.write(bytearray(b"\\x00\\x00\\x34\\x12\\x00\\x00\\xff\\x7f" * 800))
    time.sleep_ms(150)
    """
    )
    assert set(board.speaker.samples().tolist()) == {0x1234}


def test_one_port_has_one_user(program: Program) -> None:
    board = program(
        OPEN
        + """
    first = microphone()
    second = microphone()
    try:
        first.readinto(bytearray(4))
    except OSError:
        show("the first is closed")
    show(second.readinto(bytearray(4)))
    """
    )
    assert shown(board) == ["the first is closed", 4]


@pytest.mark.parametrize("wrong", ["bits=24", "rate=44100", "format=7"])
def test_wrong_settings_are_refused(program: Program, wrong: str) -> None:
    board = program(
        OPEN
        + f"""
    try:
        microphone({wrong})
    except ValueError as exc:
        show(str(exc))
    """
    )
    assert len(shown(board)) == 1


def test_steady_streaming_allocates_nothing(program: Program) -> None:
    board = program(
        OPEN
        + """
    import gc, micropython, neopixel
    mic, out = microphone(), speaker()
    raw, pcm, motion, line = bytearray(1280), loud(320), bytearray(14), bytearray(256)
    i2c = machine.I2C(0, scl=Pin(42), sda=Pin(41))
    i2c.writeto_mem(0x68, 0x6B, b"\\x00")
    uart = machine.UART(1, 921600, rxbuf=2048)
    button = Pin(21, Pin.IN, Pin.PULL_UP)
    pixel = neopixel.NeoPixel(Pin(48, Pin.OUT), 1)
    counts = [0, 0, 0]
    def filled(port):
        counts[0] += 1
        port.readinto(raw)
    def emptied(port):
        counts[1] += 1
        port.write(pcm)
    async def main():
        mic.irq(filled)
        out.irq(emptied)
        mic.readinto(raw)
        out.write(pcm)
        await asyncio.sleep_ms(100)
        show("streaming")
        gc.collect()
        before = gc.mem_alloc()
        micropython.heap_lock()
        for _ in range(200):
            i2c.readfrom_mem_into(0x68, 0x3B, motion)
            if uart.any():
                counts[2] += uart.readinto(line)
            button.value()
            pixel.write()
            await asyncio.sleep_ms(5)
        micropython.heap_unlock()
        show(gc.mem_alloc() - before)
        show(counts)
    asyncio.run(main())
    """,
        wait=False,
    )
    board.wait(lambda: "streaming" in shown(board), what="the program")
    board.mic.play(np.full(8000, 1000, np.int16))
    board.camera.play(np.zeros((40, 17, 3), np.float32), fps=50, kind="coco17")
    board.imu.play(np.arange(50) / 100, np.ones((50, 3)), np.ones((50, 3)))
    board.button.press()
    board.wait(lambda: "<<< end" in board.log, 20, "the program to end")
    _, allocated, (read, written, received) = shown(board)
    assert allocated == 0
    assert read > 30
    assert written > 30
    assert received > 10 * (17 * 3 * 4 + 12)


def test_the_hardware_leaves_the_heap_to_the_firmware(program: Program) -> None:
    board = program(
        """
    import gc
    gc.collect()
    show(gc.mem_free())
    """,
        heap=200_000,
    )
    assert shown(board)[0] == pytest.approx(200_000, abs=5000)


def test_a_program_that_fails_says_why(program: Program) -> None:
    board = program("raise ValueError('of no use')", wait=False)
    with pytest.raises(SimulatorError, match="of no use"):
        board.wait(lambda: False, 5, "nothing")
    assert any("ValueError: of no use" in error for error in board.errors)
