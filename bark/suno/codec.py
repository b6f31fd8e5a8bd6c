"""The codec as the encodec package's own class, which voice cloning programs expect."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..codecs.encodec import EncodecCodec, encodec_model_class
from ..spec import BARK

_BANDWIDTHS = {1.5: 2, 3.0: 4, 6.0: 8, 12.0: 16, 24.0: 32}  # kbit/s, and the codebooks they take
_BARKS_BANDWIDTH = 6.0


def as_encodec_model(codec: EncodecCodec) -> Any:
    """An `encodec.EncodecModel` of the same weights, at Bark's bandwidth.

    It has `channels`, `sample_rate`, `quantizer`, `encode`, `decode`, `set_target_bandwidth` and
    what a torch module has; its bandwidths are those that the codebooks allow.
    """
    n_codebooks = codec.quantizer.n_q
    model = encodec_model_class()(
        codec.encoder,
        codec.decoder,
        codec.quantizer,
        [kbps for kbps, n in _BANDWIDTHS.items() if n <= n_codebooks],
        BARK.sample_rate,
        1,
        name="encodec_24khz",
    )
    model.set_target_bandwidth(_BARKS_BANDWIDTH)
    return model.eval()


def audio_of(model: Any, codes: np.ndarray) -> np.ndarray:
    """Audio of codes (n, T) by nano's codec, or by an encodec model or what wraps one.

    Returns:
        (T * 320,) float32, 24 kHz.
    """
    if not hasattr(model, "quantizer"):
        audio: np.ndarray = model.decode(codes)
        return audio
    return EncodecCodec(model.encoder, model.decoder, model.quantizer).decode(codes)
