"""The address at which programs for suno-ai/bark look for the network of two stages."""

from .models.gpt import GPT as GPT
from .models.gpt import GPTConfig as GPTConfig
