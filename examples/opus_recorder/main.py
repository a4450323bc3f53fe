"""Records a microphone into an Ogg/Opus file on a card, on any MicroPython board with PSRAM.

mip.install("github:<owner>/<repository>/firmware/opus-package.json") puts what it needs on the board; docs/opus.md.
Change the pins to those of your board. A minute takes 180 KB at 24 kbit/s.
"""

from posewire_fw.ogg_opus import OggOpus
from posewire_fw.opus_encoder import OpusEncoder

SECONDS = 10
FRAME_MS = 60
PIECE = 320  # samples of 20 ms


def open_microphone():
    """An I2S microphone such as the INMP441; its 24 bits stand at the top of 32."""
    from machine import I2S, Pin

    return I2S(0, sck=Pin(5), ws=Pin(4), sd=Pin(6), mode=I2S.RX, bits=32, format=I2S.MONO, rate=16000, ibuf=16384)


def open_card():
    """Mount the card at /sd."""
    import machine
    import vfs

    vfs.mount(machine.SDCard(slot=2, sck=12, miso=13, mosi=11, cs=10), "/sd")


def record(microphone, file, seconds, bitrate=24000):
    """Record so many seconds into an open file. microphone: readinto(buffer) fills it with 32-bit samples."""
    encoder = OpusEncoder(bitrate, FRAME_MS)
    slots = bytearray(4 * PIECE)
    samples = memoryview(bytearray(2 * PIECE))
    packet = bytearray(encoder.packet_bytes)
    with OggOpus(file) as ogg:
        for _ in range(seconds * 1000 // FRAME_MS * (FRAME_MS // 20)):
            microphone.readinto(slots)
            # the upper half of each slot: 16 bits
            for i in range(PIECE):
                samples[2 * i] = slots[4 * i + 2]
                samples[2 * i + 1] = slots[4 * i + 3]
            length = encoder.feed(samples, 0, packet, 0)
            if length:
                ogg.write(packet, 0, length, FRAME_MS)


if __name__ == "__main__":
    open_card()
    record(open_microphone(), open("/sd/memo.opus", "wb"), SECONDS)
    print("wrote /sd/memo.opus")
