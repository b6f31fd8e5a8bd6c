"""Our codec with the random weights of the encodec package's model."""

from __future__ import annotations

from bark.codec import EncodecCodec, new_encodec_model


def new_codec() -> EncodecCodec:
    """A codec whose audio is noise, at the true cost."""
    return EncodecCodec.from_weights(new_encodec_model().state_dict(), source="random weights")
