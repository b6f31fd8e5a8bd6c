"""Every text that the page shows, in one place, so that it keeps one voice."""

from __future__ import annotations

TITLE = "Bark studio"

_NANO_NOTE = (
    "Nano is a tiny model that fits the repository: plain English, no laughter, no music, "
    "no match for Bark. For Bark itself choose small (1.7 GB to fetch) or large (4.5 GB)"
)

PROMPT_LABEL = "What to say"
PROMPT_PLACEHOLDER = "Type what you want to hear."
VOICE_LABEL = "Voice"
NO_VOICE = "No voice"
NO_VOICE_DETAIL = "a new one for each seed"
STYLE_WITHOUT_VOICE = "The voice {voice} of this style is not here; the form's own stays."
STYLE_NEEDS_NAMED_VOICE = (
    "This voice has no name yet; save it as a voice first, then a style can hold it."
)
NOT_FETCHED = "to be fetched"
NOTHING_TO_HEAR = "Choose a voice to hear it; without one each seed has its own."
BUSY_SAMPLE = "The model is busy; ask for this voice again when it has spoken."
TEXT_TEMPERATURE = "Text temperature"
TEXT_TEMPERATURE_INFO = "Higher: livelier and stranger readings. Lower: steadier."
WAVEFORM_TEMPERATURE = "Waveform temperature"
WAVEFORM_TEMPERATURE_INFO = "Higher: rougher, more varied sound. Lower: smoother."
SEED_LABEL = "Seed"
SEED_NEW = "new each time"
SEED_HOLD = "hold"

FINE_TEMPERATURE_INFO = "Higher: more hiss and sparkle. 0: the most likely sound."
SPEED_INFO = "2 is twice as fast; the pitch stays"
MIN_EOS_P_INFO = "Lower stops sooner: try 0.05 when it goes on talking after your text."
MAX_DURATION_INFO = "Cuts the speech there; 0 leaves the model's own limit."
EARLY_STOP_INFO = "Off: it fills the whole length, and goes on past your text."
TOP_K_INFO = "Only the k likeliest choices: small is dull and safe. 0 keeps all."
TOP_P_INFO = "Leaves out the unlikely tail: lower is tamer. 1 keeps all."
HISTORY_INFO = "How much of the sound so far it hears: more keeps the voice steadier."
WINDOW_INFO = "How far it goes before listening again: shorter is slower."

REDO_HINT = (
    "The sound: the same words at the same pace, with the voice, temperatures and seed of the "
    "form. The finish: the same sound with another last pass."
)
EMPTY_PLAYER = "Nothing here yet. Press Speak, or Ctrl+Enter."
EMPTY_TAKES = "Your takes appear here, the newest first."
NOTHING_TYPED = "There is nothing to say yet: type some text first."
STOPPED_SILENT = "Stopped before there was any sound."
LOST_TAKE = "This take is no longer here; choose another one."
MODEL_FAILED = "The model could not be loaded; the owner of this page finds the reason in its log."

# What the button says, what one press inserts at the cursor, and what is then heard.
_BARK_TAGS = (
    ("[laughter]", "[laughter]", "Laughter, long"),
    ("[laughs]", "[laughs]", "A short laugh"),
    ("[sighs]", "[sighs]", "A sigh"),
    ("[music]", "[music]", "Music"),
    ("[gasps]", "[gasps]", "A gasp"),
    ("[clears throat]", "[clears throat]", "Somebody clears their throat"),
    ("—", "—", "A hesitation"),
    ("♪ … ♪", "♪", "Sings what stands between the notes"),
    ("CAPITALS", "CAPS", "Stresses the selected words, or the one before the cursor"),
    ("[MAN]", "[MAN]", "Leans towards a man's voice"),
    ("[WOMAN]", "[WOMAN]", "Leans towards a woman's voice"),
)
_NANO_TAGS = (
    ("[pause]", "[pause]", "A short pause"),
    ("—", "—", "A short pause, as a comma makes it"),
    ("…", "…", "A longer pause, as at the end of a sentence"),
)

# By the name of the family that hears them.
TAGS = {"bark": _BARK_TAGS, "nano": _NANO_TAGS}
TAGS_NOTE = {
    "bark": "What Bark makes of them is luck: another seed, another laugh.",
    "nano": "Nano leaves [laughs], [music] and ♪ out: it says the words around them, and nothing "
    "is heard there. Bark acts them.",
}

_BARK_EXAMPLES = (
    ("Laughter", "Hello, my name is Suno. And, uh — and I like pizza. [laughs]"),
    ("Song", "♪ The rain comes down on the tin roof, and I am going home ♪"),
    ("Two people", "[WOMAN] Did you hear that?\n[MAN] Hear what? [gasps] Oh. That."),
    ("German", "Guten Morgen! Der Zug nach Hamburg fährt heute — na ja — etwas später."),
    ("French", "Bonjour ! Vous avez bien dormi ? Moi, pas du tout. [sighs]"),
    ("Spanish", "¿Quién ha dejado la puerta abierta? ¡El gato se ha ido otra vez!"),
    ("Chinese", "今天的天气真好,我们一起去公园走走吧。"),
    ("Hindi", "नमस्ते, आज मौसम बहुत अच्छा है, चलिए बाहर घूमने चलते हैं।"),
    ("Emphasis", "I said the SMALL one. Not the large one — the SMALL one."),
)
_NANO_EXAMPLES = (
    ("Hello", "Hello, this is nano. I am small, but I can read you a sentence."),
    ("Question", "Did you remember to close the window before the rain came?"),
    ("Numbers", "The train leaves at 9:45 from platform 12, and a ticket costs $7.50."),
    ("Story", "The old man looked at the sea for a long time, and then he walked home."),
    ("Names", "Doctor Adams and Mrs. Okonkwo met in Reykjavik on May 3rd, 1997."),
)

# Label and text, by the name of the family that can say it.
EXAMPLES = {"bark": _BARK_EXAMPLES, "nano": _NANO_EXAMPLES}


def loading(model: str, compiles: bool) -> str:
    """What is waited for before the first model is there.

    Args:
        compiles: its layers are being compiled for this processor.
    """
    return f"Fitting {model} to this processor, only this once" if compiles else f"Loading {model}"


def note(family: str, *, can_change: bool) -> str:
    """What is to be known of a family of models before its first word; "" for nothing.

    Args:
        can_change: whether whoever reads it may choose another model here.
    """
    if family != "nano":
        return ""
    here = " with Change model." if can_change else ""
    return _NANO_NOTE + (here or " on your own machine, or ask the owner of this page.")
