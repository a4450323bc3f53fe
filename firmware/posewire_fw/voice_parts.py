"""Opens microphone and speaker. Needed at the start only."""

from micropython import const

from posewire_fw.parts import open_part

# 0.8 and 0.7 s: for a network that pauses, and for the host's first burst and more on the way down. The same of a chip
# that has little memory.
_MIC_FRAMES = const(14)
_SPEAKER_FRAMES = const(12)
_MIC_FRAMES_SMALL = const(8)
_SPEAKER_FRAMES_SMALL = const(8)


def build(app):
    """Open microphone and speaker where the board has them."""
    if not (app.board.has_microphone() or app.board.has_speaker()):
        return
    if app.small and app.board.profile == "full" and app.config["pose"]["room"]:
        # What is opened first would take the memory of all that follows, the connection's among it.
        app.leave_out("voice", "voice and motion together need PSRAM, and pose.room asks for motion")
        return
    open_part(app, "voice", open_voice)


def open_voice(app):
    """Microphone and speaker: the ports themselves are opened when there is something to hear or to say."""
    mic_frames = _MIC_FRAMES_SMALL if app.small else _MIC_FRAMES
    speaker_frames = _SPEAKER_FRAMES_SMALL if app.small else _SPEAKER_FRAMES
    from posewire_fw.board import MIC_BUFFER, MIC_BUFFER_SMALL
    from posewire_fw.mic import HELD_MS, Microphone, frame_bytes
    from posewire_fw.ring import Ring
    from posewire_fw.speaker import Speaker

    audio = app.config["audio"]
    form = "pcm" if audio["format"] == "pcm" else "ima-adpcm"
    frame = frame_bytes(form, audio["frame_ms"])
    ring = Ring(frame * mic_frames, frame)
    ports = audio_ports(app.board)
    mic = speaker = None
    if app.board.has_microphone():
        held_ms = HELD_MS
        if app.small:
            app.board.mic_buffer = MIC_BUFFER_SMALL
            held_ms = HELD_MS * MIC_BUFFER_SMALL // MIC_BUFFER
        detector = voice_detector(app.config)
        mic = Microphone(ports.open_microphone, ring, form, audio["frame_ms"], audio["gain"], detector, held_ms)
    if app.board.has_speaker():
        speaker = Speaker(ports.open_speaker, Ring(frame * speaker_frames, frame), audio["volume"])
    app.ring = app.uplink.ring = ring
    app.mic = mic
    app.speaker = speaker


def audio_ports(board):
    """The functions that open the microphone's and the speaker's port."""
    codec = board.open_codec()
    if codec is None:
        return board
    from posewire_fw.codec_ports import CodecPorts

    return CodecPorts(board, codec)


def voice_detector(settings):
    """The detector that notices speech, None where the board is not to."""
    if settings["listen"]["start"] != "voice":
        return None
    from posewire_fw.vad import VoiceStart

    return VoiceStart()
