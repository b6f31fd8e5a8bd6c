"""Where programs for suno-ai/bark, and for this package, look for things."""

from __future__ import annotations

import importlib

import pytest

ADDRESSES = {
    "bark": "SAMPLE_RATE generate_audio preload_models text_to_semantic semantic_to_waveform"
    " save_as_prompt Bark Take VoicePrompt GenerationOptions SamplingOptions BarkError",
    "bark.api": "generate_audio text_to_semantic semantic_to_waveform save_as_prompt",
    "bark.generation": "SAMPLE_RATE SUPPORTED_LANGS ALLOWED_PROMPTS CACHE_DIR preload_models"
    " generate_text_semantic generate_coarse generate_fine codec_decode clean_models load_model",
    "bark.model": "GPT GPTConfig",
    "bark.model_fine": "FineGPT FineGPTConfig",
    "bark.cli": "main",
    "bark.errors": "BarkError",
    "bark.text": "split_sentences normalize_whitespace valid_text",
    "bark.audio": "read_audio write_audio encode_audio read_record",
    "bark.voices": "list_voices load_voice find_voice save_voice VoicePrompt",
    "bark.checkpoints": "list_models resolve_model best_local_model",
}


@pytest.mark.parametrize("address", ADDRESSES)
def test_an_address_that_other_programs_use_answers(address: str) -> None:
    module = importlib.import_module(address)
    assert [name for name in ADDRESSES[address].split() if not hasattr(module, name)] == []
