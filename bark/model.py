"""The address at which programs for suno-ai/bark look for the network of two stages."""

from .models.gpt import GPT as GPT
from .models.gpt import MLP as MLP
from .models.gpt import Block as Block
from .models.gpt import CausalSelfAttention as CausalSelfAttention
from .models.gpt import GPTConfig as GPTConfig
from .models.gpt import LayerNorm as LayerNorm
