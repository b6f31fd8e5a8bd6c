"""Sound files, and the record of a take inside them."""

from .files import (
    FORMATS,
    MAX_DURATION_S,
    MAX_FRAMES,
    SAMPLE_RATES_HZ,
    encode_audio,
    format_of,
    join_with_silence,
    names_audio,
    number_ogg_pages,
    read_audio,
    to_int16,
    write_audio,
)
from .record import read_record

__all__ = [
    "FORMATS",
    "MAX_DURATION_S",
    "MAX_FRAMES",
    "SAMPLE_RATES_HZ",
    "encode_audio",
    "format_of",
    "join_with_silence",
    "names_audio",
    "number_ogg_pages",
    "read_audio",
    "read_record",
    "to_int16",
    "write_audio",
]
