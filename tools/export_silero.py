"""Write the weights of the voice activity detector (16 kHz) from the ``silero-vad`` wheel to an .npz of fp16 arrays.

The package itself is never imported (it needs torch); only the ONNX file inside the wheel is read. The wheel's
``safetensors`` file holds other weights than its ONNX, which is what the project measured with: do not swap them.

    pip download --no-deps silero-vad==6.2.3 -d /path/to/wheels
    pip install onnx
    python tools/export_silero.py /path/to/wheels/silero_vad-6.2.3-py3-none-any.whl
"""

import argparse
import sys
import zipfile
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

MODEL = "silero_vad/data/silero_vad_16k_op15.onnx"
TARGET = Path(__file__).parent.parent / "host/posewire/voice/data/silero_vad_16k.npz"

NAMES = {
    "model.encoder.0.reparam_conv.weight": "conv0",
    "model.encoder.0.reparam_conv.bias": "conv0_bias",
    "model.encoder.1.reparam_conv.weight": "conv1",
    "model.encoder.1.reparam_conv.bias": "conv1_bias",
    "model.encoder.2.reparam_conv.weight": "conv2",
    "model.encoder.2.reparam_conv.bias": "conv2_bias",
    "model.encoder.3.reparam_conv.weight": "conv3",
    "model.encoder.3.reparam_conv.bias": "conv3_bias",
    "model.decoder.rnn.weight_ih": "lstm_input",
    "model.decoder.rnn.weight_hh": "lstm_hidden",
    "model.decoder.rnn.bias_ih": "lstm_input_bias",
    "model.decoder.rnn.bias_hh": "lstm_hidden_bias",
    "model.decoder.decoder.2.weight": "output",
    "model.decoder.decoder.2.bias": "output_bias",
}
BASIS = "model.stft.forward_basis_buffer"


def stft_basis() -> np.ndarray:
    """Return the Fourier basis that the detector computes instead of storing: 129 cosines, 129 negative sines."""
    angle = 2 * np.pi * np.outer(np.arange(129), np.arange(256)) / 256
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(256) / 256)
    return np.concatenate((np.cos(angle), -np.sin(angle))) * window


def main() -> int:
    """Export; 1 when the model is not the one whose shape the detector knows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("wheel", type=Path)
    parser.add_argument("target", type=Path, nargs="?", default=TARGET)
    args = parser.parse_args()
    with zipfile.ZipFile(args.wheel) as wheel:
        model = onnx.load_model_from_string(wheel.read(MODEL))
    arrays = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    if not np.allclose(arrays[BASIS][:, 0, :], stft_basis(), atol=1e-5):
        print("the model's Fourier basis is not a periodic Hann window of 256", file=sys.stderr)
        return 1
    np.savez_compressed(args.target, **{short: arrays[name].astype(np.float16) for name, short in NAMES.items()})
    print(f"{args.target}: {args.target.stat().st_size} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
