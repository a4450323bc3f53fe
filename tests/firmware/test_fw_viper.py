"""Every viper function does what its plain twin does, on random input and at the edges."""

import struct
from array import array

import twins
from fw_support import Random
from posewire_fw import (
    adpcm,
    crc16,
    imu,
    imu_bias,
    keypoints,
    mask,
    memcopy,
    pcm,
    pose_pack,
    pose_quat,
    pose_unpack,
    utf8,
)
from posewire_fw.imu_chips import CHIPS
from posewire_fw.pose_sets import PoseSet


def test_copy_at_every_alignment():
    rng = Random(1)
    for at in range(5):
        for start in range(5):
            for count in (0, 1, 3, 4, 7, 8, 33):
                source = rng.bytes(48)
                fast = bytearray(rng.bytes(48))
                plain = bytearray(fast)
                memcopy.memcopy(fast, at, source, start, count)
                twins.copy(plain, at, source, start, count)
                assert fast == plain


def test_copy_moves_down_within_one_buffer():
    for shift in (1, 2, 4, 7, 8):
        fast = bytearray(range(100))
        memcopy.memcopy(fast, 4, fast, 4 + shift, 60)
        assert fast == bytes(range(4)) + bytes(range(4 + shift, 64 + shift)) + bytes(range(64, 100))


def test_xor():
    rng = Random(2)
    for count in list(range(12)) + [63, 64, 1000]:
        data = bytearray(rng.bytes(count + 12))
        keys = rng.bytes(64)
        key = 4 * rng.below(16)
        plain = bytearray(data)
        mask.xor(data, 8, count, keys, key)
        twins.xor(plain, 8, count, keys, key)
        assert data == plain


def test_chacha_is_the_published_one():
    # RFC 8439 section 2.3.2
    nonce = bytes([0, 0, 0, 9, 0, 0, 0, 0x4A, 0, 0, 0, 0])
    state = bytearray(b"expand 32-byte k" + bytes(range(32)) + b"\x01\x00\x00\x00" + nonce)
    out = bytearray(64)
    mask.chacha_block(state, out, mask._ORDER)
    assert out[:16] == bytes(
        [0x10, 0xF1, 0xE7, 0xE4, 0xD1, 0x3B, 0x59, 0x15, 0x50, 0x0F, 0xDD, 0x1F, 0xA3, 0x20, 0x71, 0xC4]
    )
    assert out[60:] == bytes([0xA2, 0x50, 0x3C, 0x4E])
    assert state[48] == 2


def test_chacha_block():
    rng = Random(3)
    for _ in range(10):
        state = bytearray(rng.bytes(64))
        plain_state = bytearray(state)
        out = bytearray(64)
        plain = bytearray(64)
        mask.chacha_block(state, out, mask._ORDER)
        twins.chacha_block(plain_state, plain)
        assert out == plain
        assert state == plain_state


def test_masking_keys_do_not_repeat():
    keys = mask.MaskKeys()
    keys.reseed()
    seen = set()
    for _ in range(200):
        at = keys.next()
        assert at % 4 == 0
        seen.add(bytes(keys.block[at : at + 4]))
    assert len(seen) == 200
    other = mask.MaskKeys()
    other.reseed()
    at = other.next()
    assert bytes(other.block[at : at + 4]) not in seen


def test_utf8():
    rng = Random(4)
    texts = ["", "plain", "Grüße", "日本語", "🙂🙂", "\u07ff\u0800\uffff\U00010000\U0010ffff"]
    for text in texts:
        data = text.encode()
        assert utf8.is_utf8(data, len(data))
        for cut in range(1, len(data)):
            assert utf8.is_utf8(data, cut) == twins.is_utf8(data, cut)
    leads = [
        0x41,
        0x7F,
        0x80,
        0xBF,
        0xC0,
        0xC1,
        0xC2,
        0xDF,
        0xE0,
        0xED,
        0xEF,
        0xF0,
        0xF4,
        0xF5,
        0xFF,
        0x9F,
        0xA0,
        0x8F,
        0x90,
    ]
    for _ in range(3000):
        data = bytes([leads[rng.below(len(leads))] for _ in range(1 + rng.below(6))])
        assert utf8.is_utf8(data, len(data)) == twins.is_utf8(data, len(data)), data


def _signal(rng, kind, count):
    if kind == 0:
        return [rng.below(65536) - 32768 for _ in range(count)]
    if kind == 1:
        return [rng.below(41) - 20 for _ in range(count)]
    return [32767 if (i // 13) & 1 else -32768 for i in range(count)]


def test_adpcm_encode_and_decode():
    rng = Random(5)
    for kind in range(3):
        coder = twins.Adpcm()
        state = bytearray(adpcm.STATE_BYTES)
        for _ in range(3):
            samples = _signal(rng, kind, 64)
            pcm_bytes = bytearray(struct.pack("<64h", *samples))
            out = bytearray(48)
            adpcm.start_frame(state, out, 3)
            adpcm.encode(state, adpcm.STEPS, pcm_bytes, out, 7, 64)
            expected = coder.header() + coder.encode(samples)
            assert bytes(out[3:39]) == expected
            decoder_state = bytearray(adpcm.STATE_BYTES)
            decoded = bytearray(128)
            assert adpcm.open_frame(decoder_state, out, 3)
            # in two pieces, as the speaker does
            adpcm.decode(decoder_state, adpcm.STEPS, out, 7, decoded, 40)
            second = bytearray(48)
            adpcm.decode(decoder_state, adpcm.STEPS, out, 27, second, 24)
            predictor, index, _ = struct.unpack("<hBB", expected[:4])
            plain = twins.Adpcm(predictor, index).decode(expected[4:])
            assert bytes(decoded[:80]) + bytes(second) == struct.pack("<64h", *plain)


def test_adpcm_refuses_an_impossible_step_index():
    state = bytearray(adpcm.STATE_BYTES)
    assert adpcm.open_frame(state, b"\x00\x00\x58\x00", 0)
    assert not adpcm.open_frame(state, b"\x00\x00\x59\x00", 0)


def test_words_to_samples():
    rng = Random(6)
    for gain in range(9):
        words = [((rng.below(65536) << 16) | rng.below(65536)) - (1 << 31) for _ in range(40)]
        words += [-(1 << 31), (1 << 31) - 1, 0, -1, 1, 1 << 20, -(1 << 20)]
        raw = struct.pack("<%di" % len(words), *words)
        out = bytearray(2 * len(words) + 6)
        peak = pcm.from_i2s(raw, out, 3, len(words), gain)
        samples, plain_peak = twins.from_i2s(words, gain)
        assert bytes(out[6:]) == struct.pack("<%dh" % len(words), *samples)
        assert peak == plain_peak


def test_scale():
    rng = Random(7)
    samples = [rng.below(65536) - 32768 for _ in range(60)] + [-32768, 32767, 0, -1]
    for factor in (0, 1, 100, 255, 256):
        data = bytearray(struct.pack("<64h", *samples))
        peak = pcm.scale(data, 64, factor)
        plain = twins.scale(samples, factor)
        assert bytes(data) == struct.pack("<64h", *plain)
        assert peak == max(abs(value) for value in plain)


def test_loudness():
    rng = Random(12)
    for count in (1, 2, 320):
        data = bytearray(rng.bytes(2 * count + 6))
        assert pcm.loudness(data, 3, count) == twins.loudness(data, 3, count)
    loudest = bytearray(b"\x00\x80" * 16384)
    assert pcm.loudness(loudest, 0, 16384) == 32768


def test_gyroscope_bias():
    rng = Random(13)
    for _ in range(20):
        values = [rng.below(65536) - 32768 for _ in range(6)]
        bias = [rng.below(65536) - 32768 for _ in range(6)]
        data = array("h", values)
        imu_bias.subtract(data, array("h", bias))
        assert list(data) == values[:3] + [twins.clamp(v - b, -32768, 32767) for v, b in zip(values[3:], bias[3:])]
        total = array("i", [1] * 6)
        imu_bias.add(array("h", values), total)
        assert list(total) == [1, 1, 1] + [1 + value for value in values[3:]]
        last = array("h", bias)
        change = imu_bias.moved(array("h", values), last)
        assert change == max([abs(v - b) for v, b in zip(values[3:], bias[3:])])
        assert list(last) == bias[:3] + values[3:]


def test_silence_and_tone():
    data = bytearray(b"\x55" * 40)
    pcm.silence(data, 5, 12)
    assert bytes(data[10:24]) == bytes(14)
    assert data[9] == 0x55
    assert data[24] == 0x55
    # 880 Hz at 16 kHz: as many zero crossings as there should be, and never louder than asked for
    tone = bytearray(2 * 1600)
    phase = pcm.tone(tone, 1600, 0, 65536 * 880 // 16000, 8000)
    samples = struct.unpack("<1600h", bytes(tone))
    crossings = sum(1 for a, b in zip(samples, samples[1:]) if (a < 0) != (b < 0))
    assert 174 <= crossings <= 178
    assert 7000 < max(samples) <= 8000
    assert 0 <= phase < 65536


def _float_bits(sign, exponent, mantissa):
    return sign << 31 | exponent << 23 | mantissa


def test_quantise_random_bit_patterns():
    rng = Random(8)
    patterns = [_float_bits(rng.below(2), 105 + rng.below(40), rng.below(1 << 23)) for _ in range(400)]
    patterns += [_float_bits(s, e, m) for s in (0, 1) for e in (0, 1, 254, 255) for m in (0, 1, 0x7FFFFF)]
    patterns += [_float_bits(s, 127 + e, 0x400000) for s in (0, 1) for e in range(-16, 10)]
    patterns += [_float_bits(s, 127 + e, 0) for s in (0, 1) for e in range(-16, 20)]
    raw = b"".join([struct.pack("<I", pattern) for pattern in patterns])
    floats = struct.unpack("<%df" % len(patterns), raw)
    for bits in (-15, 0, 6, 10, 12, 15):
        out = bytearray(2 * len(patterns))
        there = bytearray(len(patterns))
        grid = struct.pack("<HBHB", len(patterns), 1, 32767, 150 - bits)
        missing = pose_pack.quantise(0, 0, 0, [bytearray(raw), out, grid, there])
        expected = [twins.quantise_value(value, bits) for value in floats]
        assert list(there) == [0 if value is None else 1 for value in expected]
        assert missing == expected.count(None) > 0
        assert list(struct.unpack("<%dh" % len(patterns), bytes(out))) == [value or 0 for value in expected], bits


def test_unit_length_random_quaternions():
    rng = Random(11)
    count = 250
    patterns = []
    for _ in range(count):
        top = 1 + rng.below(253)  # from denormal to huge, most of them near each other
        patterns += [_float_bits(rng.below(2), max(0, top - rng.below(30)), rng.below(1 << 23)) for _ in range(4)]
    patterns[:8] = [0, 0, 0, 0, 0, 1, 0x7FFFFF, 0]
    patterns[8:12] = [_float_bits(0, 127, 1 << 15), _float_bits(0, 120, 5), 0, 0]  # nearly 1
    raw = b"".join([struct.pack("<I", pattern) for pattern in patterns])
    floats = struct.unpack("<%df" % len(patterns), raw)
    for bits in (4, 9, 12, 14):
        out = bytearray(2 * len(patterns))
        there = bytearray(count)
        grid = struct.pack("<HBHBBBB", count, 4, 1 << bits, *[150 - bits] * 4)
        args = [bytearray(raw), out, grid, there]
        assert pose_pack.quantise(0, 0, 0, args) == 0
        missing = pose_quat.unit_length(0, 0, args)
        expected = [twins.unit_quaternion(floats[i : i + 4], 1 << bits) for i in range(0, len(floats), 4)]
        assert list(there) == [0 if value is None else 1 for value in expected]
        assert missing == expected.count(None) >= 2
        found = struct.unpack("<%dh" % len(patterns), bytes(out))
        for i, value in enumerate(expected):
            assert list(found[4 * i : 4 * i + 4]) == (value or [0, 0, 0, 0]), (bits, i)


def test_crc16():
    rng = Random(9)
    data = rng.bytes(70)
    assert crc16.crc16(data, 7, 61, 0x1234) == twins.crc16(data[7:61], 0x1234)
    assert crc16.crc16(b"123456789", 0, 9, 0xFFFF) == 0x29B1  # the catalogue's check value


def test_find_sync():
    rng = Random(10)
    for _ in range(300):
        data = bytes([(0xA5, 0x5A, 0)[rng.below(3)] for _ in range(12)])
        start = rng.below(12)
        assert keypoints.find_sync(data, start, 12) == twins.find_sync(data, start, 12)


def test_imu_registers():
    rng = Random(11)
    for _ in range(20):
        raw = bytearray(rng.bytes(14))
        if rng.below(2):
            raw[0:2] = b"\x80\x00"
        for name in CHIPS:
            layout = CHIPS[name][6]
            out = bytearray(12)
            imu.unpack(raw, out, array("i", layout))
            assert struct.unpack("<6h", bytes(out)) == twins.imu_values(raw, layout), name


def test_landmarks_that_a_decoder_does_not_know_yet_begin_with_the_start_values():
    for ident, known in ((1, 10), (1, 0), (1, 33), (5, 32), (2, 20)):
        pose_set = PoseSet(ident)
        state = pose_set.set_states[0]
        pose_set.bind(None, state, 0, bytearray(pose_set.coded))
        for i in range(pose_set.n):
            state.scale[i] = 7 + pose_set.start_scale[i]
            state.w[i] = 7 ^ pose_set.start_weight[i]
        for i in range(pose_set.marks):
            pose_set.todo[i] = 1 + i % 2
        pose_unpack.forget(pose_set.cx, known)
        for place in range(pose_set.marks):
            first = pose_set.plan[5 * place]
            forgotten = place >= known
            landmark = first // pose_set.coded
            assert pose_set.todo[landmark] == (0 if forgotten else 1 + landmark % 2), (ident, known, place)
            for i in range(first, first + pose_set.coded):
                assert (state.scale[i] == pose_set.start_scale[i]) == forgotten, (ident, known, place)
                assert (state.w[i] == pose_set.start_weight[i]) == forgotten, (ident, known, place)
