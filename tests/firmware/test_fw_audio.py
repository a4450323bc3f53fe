"""Microphone and speaker against a port that behaves like machine.I2S in irq mode (the driver's side of the pins)."""

import struct
import time

import twins
from posewire_fw.mic import PIECE, Microphone, frame_bytes
from posewire_fw.ring import Ring
from posewire_fw.speaker import Speaker
from posewire_fw.vad import VoiceStart


class Port:
    """One opened I2S port. The test plays the driver: fill() what was asked for, or take() what was written."""

    def __init__(self, rate):
        self.rate = rate
        self.callback = None
        self.pending = None
        self.closed = False

    def irq(self, callback):
        self.callback = callback

    def readinto(self, buf):
        assert not self.closed
        self.pending = buf
        return len(buf)

    write = readinto

    def deinit(self):
        self.closed = True

    def fill(self, samples):
        buf, self.pending = self.pending, None
        # a 24-bit microphone: the sample is in the upper bits, scaled so that a gain of 4 gives it back
        buf[:] = struct.pack("<%di" % len(samples), *[sample << 12 for sample in samples])
        self.callback(self)

    def take(self):
        buf, self.pending = self.pending, None
        samples = struct.unpack("<%dh" % (len(buf) // 2), bytes(buf))
        self.callback(self)
        return samples


class Ports:
    def __init__(self):
        self.opened = []

    def open(self, rate):
        self.opened.append(Port(rate))
        return self.opened[-1]


def wave(start, count):
    return [((start + i) * 37) % 4001 - 2000 for i in range(count)]


def microphone(format_name, frame_ms=60, frames=16):
    size = frame_bytes(format_name, frame_ms)
    ring = Ring(size * frames, size)
    ports = Ports()
    return Microphone(ports.open, ring, format_name, frame_ms, 4), ring, ports


def frames_of(ring):
    out = []
    while ring.front() >= 0:
        at = ring.front()
        out.append(bytes(ring.buffer[at : at + ring.length()]))
        ring.release()
    return out


def test_pcm_frames_are_what_was_heard():
    mic, ring, ports = microphone("pcm")
    mic.start()
    for piece in range(7):
        ports.opened[0].fill(wave(piece * PIECE, PIECE))
        mic.poll()
    assert frames_of(ring) == [struct.pack("<960h", *wave(at, 960)) for at in (0, 960)]
    assert ports.opened[0].rate == 16000
    assert mic.frames == 2
    assert mic.level == max(abs(value) for value in wave(6 * PIECE, PIECE))


def test_adpcm_frames_decode_alone():
    mic, ring, ports = microphone("ima-adpcm")
    mic.start()
    coder = twins.Adpcm()
    expected = []
    for frame in range(3):
        samples = wave(frame * 960, 960)
        for at in range(0, 960, PIECE):
            ports.opened[0].fill(samples[at : at + PIECE])
            mic.poll()
        expected.append(coder.header() + coder.encode(samples))
    assert frames_of(ring) == expected


def test_frames_of_20_and_40_ms():
    for frame_ms in (20, 40):
        mic, ring, ports = microphone("pcm", frame_ms)
        mic.start()
        for piece in range(4):
            ports.opened[0].fill(wave(piece * PIECE, PIECE))
            mic.poll()
        assert [len(frame) for frame in frames_of(ring)] == [frame_ms * 32] * (80 // frame_ms)


def test_two_pieces_may_wait_and_then_the_driver_holds_on():
    mic, ring, ports = microphone("pcm")
    mic.start()
    port = ports.opened[0]
    port.fill(wave(0, PIECE))
    port.fill(wave(PIECE, PIECE))
    assert port.pending is None  # both buffers are full and not taken: nothing to read into
    mic.poll()
    assert port.pending is not None
    port.fill(wave(2 * PIECE, PIECE))
    mic.poll()
    assert frames_of(ring) == [struct.pack("<960h", *wave(0, 960))]


def test_finish_pads_the_last_frame_with_silence_and_stop_forgets_it():
    mic, ring, ports = microphone("pcm")
    mic.start()
    ports.opened[0].fill(wave(0, PIECE))
    mic.finish()
    assert ports.opened[0].closed
    assert frames_of(ring) == [struct.pack("<320h", *wave(0, PIECE)) + bytes(1280)]
    mic.start()
    ports.opened[1].fill(wave(0, PIECE))
    mic.poll()
    mic.stop()
    mic.start()
    for piece in range(3):
        ports.opened[2].fill(wave(piece * PIECE, PIECE))
        mic.poll()
    assert frames_of(ring) == [struct.pack("<960h", *wave(0, 960))]


def test_a_late_callback_of_a_closed_port_does_nothing():
    mic, ring, ports = microphone("pcm")
    mic.start()
    old = ports.opened[0]
    mic.stop()
    mic.start()
    old.callback(old)
    mic.poll()
    assert mic.frames == 0
    assert ring.count == 0


def test_nobody_takes_the_frames_the_oldest_go():
    mic, ring, ports = microphone("pcm", 20, frames=4)
    mic.start()
    for piece in range(10):
        ports.opened[0].fill(wave(piece * PIECE, PIECE))
        mic.poll()
    assert ring.dropped == 6
    assert frames_of(ring) == [struct.pack("<320h", *wave(piece * PIECE, PIECE)) for piece in (6, 7, 8, 9)]


def test_a_microphone_port_that_falls_silent_is_opened_anew():
    mic, ring, ports = microphone("pcm", 20)
    mic.start()
    mic._last_us = time.ticks_add(time.ticks_us(), -1100000)
    mic.poll()
    assert mic.stalls == 1
    assert ports.opened[0].closed
    ports.opened[1].fill(wave(0, PIECE))
    mic.poll()
    assert frames_of(ring) == [struct.pack("<320h", *wave(0, PIECE))]
    mic.stop()
    mic._last_us = time.ticks_add(time.ticks_us(), -1100000)
    mic.poll()
    assert mic.stalls == 1


def broken_port(rate):
    raise OSError(5)


def test_a_microphone_port_that_does_not_open_is_a_problem_until_the_next_start():
    for error in (OSError(12), MemoryError(), ValueError("invalid id")):
        mic, ring, ports = microphone("pcm", 20)
        works = mic._open_port

        def broken(rate, error=error):
            raise error

        mic._open_port = broken
        mic.start()
        assert not mic.running()
        assert "does not open" in mic.problem
        mic._open_port = works
        mic._last_us = time.ticks_add(time.ticks_us(), -1100000)
        mic.poll()
        assert not mic.running()
        mic.start()
        assert mic.running() and mic.problem is None
        ports.opened[0].fill(wave(0, PIECE))
        mic.poll()
        assert frames_of(ring) == [struct.pack("<320h", *wave(0, PIECE))]
        mic.stop()


def test_a_microphone_port_that_gives_nothing_again_and_again_is_a_problem():
    mic, ring, ports = microphone("pcm", 20)
    mic.start()
    for _ in range(3):
        mic._last_us = time.ticks_add(time.ticks_us(), -1100000)
        mic.poll()
        assert mic.running()
    mic._last_us = time.ticks_add(time.ticks_us(), -1100000)
    mic.poll()
    assert not mic.running()
    assert "nothing comes" in mic.problem
    assert all(port.closed for port in ports.opened)


def heard(detector, loudness, pieces):
    """Feed pieces of a loudness; return after how many a voice was noticed, None for not at all."""
    for number in range(pieces):
        if detector.feed(loudness):
            return number + 1
    return None


def test_a_voice_is_noticed_at_once_and_noise_is_not_one():
    detector = VoiceStart()
    assert heard(detector, 20, 500) is None  # a quiet room
    assert heard(detector, 3000, 2) is None  # a click
    assert heard(detector, 20, 50) is None
    assert heard(detector, 1500, 10) == 4  # 80 ms of speech
    for room in (0, 100, 400, 1000):
        detector.reset()
        for _ in range(500):
            detector.feed(room)  # a fan is switched on: it may be noticed once
        assert heard(detector, room, 500) is None
        assert heard(detector, room + room // 2, 100) is None
        assert heard(detector, 5 * room + 400, 10) == 4


def test_the_microphone_says_when_a_voice_begins():
    ports = Ports()
    ring = Ring(484 * 4, 484)
    mic = Microphone(ports.open, ring, "ima-adpcm", 20, 4, VoiceStart())
    mic.start()
    for _ in range(20):
        ports.opened[0].fill([5, -5] * 160)
        mic.poll()
    assert not mic.voice
    for _ in range(5):
        ports.opened[0].fill([2000, -2000] * 160)
        mic.poll()
    assert mic.voice


# speaker


def speaker(format_name="pcm", rate=16000, frame_ms=60, size=23040):
    ports = Ports()
    player = Speaker(ports.open, Ring(size, 100), 100)
    player.configure(format_name, rate, frame_ms)
    return player, ports


def encoded(format_name, samples):
    if format_name == "pcm":
        return struct.pack("<%dh" % len(samples), *samples)
    coder = twins.Adpcm()
    return coder.header() + coder.encode(samples)


def play_out(player, ports, limit=200):
    """Be the driver until nothing more is written; return what was heard."""
    heard = []
    for _ in range(limit):
        player.poll()
        port = ports.opened[-1] if ports.opened else None
        if port is None or port.pending is None:
            break
        heard += port.take()
    return heard


def test_what_was_sent_is_heard():
    for format_name, rate, frame_ms in (
        ("pcm", 16000, 60),
        ("ima-adpcm", 16000, 60),
        ("pcm", 24000, 60),
        ("pcm", 16000, 20),
    ):
        player, ports = speaker(format_name, rate, frame_ms)
        count = rate * frame_ms // 1000
        player.begin()
        expected = []
        for number in range(4):
            samples = wave(number * count, count)
            frame = encoded(format_name, samples)
            if format_name == "pcm":
                expected += samples
            else:
                predictor, index, _ = struct.unpack("<hBB", frame[:4])
                expected += twins.Adpcm(predictor, index).decode(frame[4:])
            message = b"\x00\x00\x00\x00" + frame
            player.push(message, 4, len(frame))
        assert play_out(player, ports) == expected
        assert ports.opened[0].rate == rate


def test_playing_waits_for_three_frames_or_for_the_end():
    player, ports = speaker()
    frame = encoded("pcm", wave(0, 960))
    player.begin()
    player.push(frame, 0, len(frame))
    player.push(frame, 0, len(frame))
    player.poll()
    assert ports.opened == []
    player.finish()
    player.poll()
    assert len(ports.opened) == 1


def test_finish_plays_everything_and_then_closes_the_port():
    player, ports = speaker()
    frame = encoded("pcm", wave(0, 960))
    player.begin()
    player.push(frame, 0, len(frame))
    player.finish()
    assert len(play_out(player, ports)) == 960
    assert player.active()  # what the driver holds is still being heard
    player._since -= 1000
    player.poll()
    assert not player.active()
    assert ports.opened[0].closed


def test_silence_drops_everything_at_once():
    player, ports = speaker()
    frame = encoded("pcm", wave(0, 960))
    player.begin()
    for _ in range(5):
        player.push(frame, 0, len(frame))
    player.poll()
    player.silence()
    assert ports.opened[0].closed
    assert not player.active()
    player.push(frame, 0, len(frame))
    assert play_out(player, ports) == [] or ports.opened[-1].closed
    assert player.late == 1


def starving(player, milliseconds):
    """So long ago the driver took its last piece."""
    player._real = time.ticks_add(time.ticks_ms(), -milliseconds)


def three_frames(player, level=8000):
    frame = encoded("pcm", [level] * 960)
    for _ in range(3):
        player.push(frame, 0, len(frame))


def test_a_frame_that_comes_while_the_driver_still_plays_is_no_underrun():
    player, ports = speaker()
    player.begin()
    three_frames(player)
    assert len(play_out(player, ports)) == 3 * 960
    frame = encoded("pcm", [8000] * 960)
    player.push(frame, 0, len(frame))
    assert len(play_out(player, ports)) == 960
    assert (player.underruns, player.concealed, player.late) == (0, 0, 0)


def test_a_late_frame_is_concealed_and_then_played():
    player, ports = speaker()
    player.begin()
    three_frames(player)
    play_out(player, ports)
    starving(player, 81)
    assert play_out(player, ports) == [4000] * 320  # the piece before, at half the volume
    starving(player, 101)
    assert play_out(player, ports) == [2000] * 320
    frame = encoded("pcm", [8000] * 960)
    player.push(frame, 0, len(frame))
    assert play_out(player, ports) == [8000] * 960
    assert (player.underruns, player.concealed, player.late) == (0, 2, 1)


def test_an_underrun_is_counted_and_more_is_kept_in_hand_after_it():
    player, ports = speaker()
    player.begin()
    three_frames(player)
    play_out(player, ports)
    starving(player, 1000)
    assert len(play_out(player, ports)) == 3 * 320
    player.poll()
    assert player.underruns == 1
    three_frames(player)
    assert play_out(player, ports) == []  # three are not enough any more
    frame = encoded("pcm", [8000] * 960)
    player.push(frame, 0, len(frame))
    assert len(play_out(player, ports)) == 4 * 960


def test_a_speaker_port_that_takes_nothing_is_opened_anew():
    player, ports = speaker()
    player.begin()
    three_frames(player)
    player.poll()
    player._moved = time.ticks_add(time.ticks_ms(), -1001)
    player.poll()
    assert ports.opened[0].closed
    assert player.stalls == 1
    assert len(play_out(player, ports)) == 960 * 3 - 640
    assert len(ports.opened) == 2


def test_a_speaker_port_that_does_not_open_costs_the_reply_and_nothing_else():
    player, ports = speaker()
    works = player._open_port
    player._open_port = broken_port
    player.begin()
    three_frames(player)
    player.poll()
    assert not player.active()
    assert "does not open" in player.problem
    player._open_port = works
    player.begin()
    three_frames(player)
    assert len(play_out(player, ports)) == 3 * 960


def test_opus_under_a_known_name_is_refused():
    player, ports = speaker("ima-adpcm")
    player.begin()
    for size in (3, 76, 111, 240, 483, 485):
        player.push(bytes(size), 0, size)
    player.finish()
    assert play_out(player, ports) == []
    assert player.undecodable == 6
    player.poll()
    assert not player.active()


def test_a_full_jitter_buffer_drops_the_oldest_even_half_played():
    player, ports = speaker(size=1920 * 6)
    player.begin()
    for number in range(6):
        frame = encoded("pcm", [number] * 960)
        player.push(frame, 0, len(frame))
    player.poll()
    heard = list(ports.opened[0].take())
    for number in (6, 7):
        frame = encoded("pcm", [number] * 960)
        player.push(frame, 0, len(frame))
    player.finish()
    heard += play_out(player, ports)
    order = [value for i, value in enumerate(heard) if i == 0 or heard[i - 1] != value]
    assert order == [0, 2, 3, 4, 5, 6, 7]


def test_volume():
    player, ports = speaker()
    loud = encoded("pcm", [10000] * 960)
    for volume, expected in ((100, 10000), (50, 2500), (0, 0)):
        player.silence()
        player.set_volume(volume)
        player.begin()
        player.push(loud, 0, len(loud))
        player.finish()
        assert set(play_out(player, ports)) == {expected}


def test_unknown_formats_and_damaged_frames_are_counted_and_dropped():
    for format_name, rate, frame_ms in (
        ("opus", 24000, 60),
        ("pcm", 96000, 60),
        ("pcm", 16000, 0),
        ("pcm", 48000, 120),
    ):
        player, ports = speaker(format_name, rate, frame_ms)
        player.begin()
        player.push(bytes(100), 0, 100)
        assert player.undecodable == 1
        player.finish()
        assert play_out(player, ports) == []
        assert not player.active()
    player, ports = speaker("ima-adpcm")
    player.begin()
    player.push(b"\x00\x00\x60\x00" + bytes(480), 0, 484)  # step index 96
    player.push(bytes(3), 0, 3)
    player.push(bytes(2000), 0, 2000)
    player.finish()
    assert play_out(player, ports) == []
    assert player.undecodable == 3


def test_a_beep_is_heard_when_idle_only():
    player, ports = speaker()
    player.beep(200)
    heard = play_out(player, ports)
    assert 3200 <= len(heard) < 3200 + 640
    assert max(heard) > 5000
    player, ports = speaker()
    player.begin()
    player.beep(200)
    player.poll()
    assert ports.opened == []


def test_the_microphone_sends_opus():
    from posewire_fw.opus_encoder import OpusEncoder

    for frame_ms in (20, 60):
        encoder = OpusEncoder(24000, frame_ms)
        ports = Ports()
        ring = Ring(8 * 484, 484)
        mic = Microphone(ports.open, ring, "ima-adpcm", frame_ms, 4)
        mic.opus = encoder
        pieces = frame_ms // 20
        expected = bytearray(encoder.packet_bytes)
        # An utterance is a stream of its own, and what is missing of its last packet is silence.
        for _ in range(2):
            mic.start()
            for i in range(pieces + 1):
                ports.opened[-1].fill(wave(320 * i, 320))
                mic.poll()
            mic.finish()
            plain = OpusEncoder(24000, frame_ms)
            samples = wave(0, 320 * (pieces + 1)) + [0] * (320 * (pieces - 1))
            pcm = struct.pack("<%dh" % len(samples), *samples)
            for start in range(0, len(samples), 320):
                if plain.feed(pcm, start, expected, 0):
                    out = bytearray(1000)
                    count = ring.move_out(out, 3)
                    assert bytes(out[3 : 3 + count]) == bytes(expected)
            assert not ring.count
        # and what the settings say when the next host does not want it
        mic.opus = None
        mic.start()
        for i in range(pieces):
            ports.opened[-1].fill(wave(320 * i, 320))
            mic.poll()
        assert ring.length() == frame_bytes("ima-adpcm", frame_ms)
