"""The address at which programs for suno-ai/bark look for the network of two stages."""

from .models.blocks import MLP as MLP
from .models.blocks import Block as Block
from .models.blocks import CausalSelfAttention as CausalSelfAttention
from .models.blocks import GPTConfig as GPTConfig
from .models.blocks import LayerNorm as LayerNorm
from .models.gpt import GPT as GPT
