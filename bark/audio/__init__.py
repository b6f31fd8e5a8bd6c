"""Sound files, and the record of a take inside them."""

from .files import (
    FORMATS as FORMATS,
)
from .files import (
    MAX_DURATION_S as MAX_DURATION_S,
)
from .files import (
    MAX_FRAMES as MAX_FRAMES,
)
from .files import (
    SAMPLE_RATES_HZ as SAMPLE_RATES_HZ,
)
from .files import (
    encode_audio as encode_audio,
)
from .files import (
    format_of as format_of,
)
from .files import (
    join_with_silence as join_with_silence,
)
from .files import (
    names_audio as names_audio,
)
from .files import (
    number_ogg_pages as number_ogg_pages,
)
from .files import (
    read_audio as read_audio,
)
from .files import (
    to_int16 as to_int16,
)
from .files import (
    write_audio as write_audio,
)
from .record import read_record as read_record
