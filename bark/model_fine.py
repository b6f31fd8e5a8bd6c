"""The address at which programs for suno-ai/bark look for the network of the fine stage."""

from .models.fine import FineGPT as FineGPT
from .models.fine import FineGPTConfig as FineGPTConfig
from .models.gpt import Block as FineBlock
from .models.gpt import NonCausalSelfAttention as NonCausalSelfAttention

__all__ = ["FineBlock", "FineGPT", "FineGPTConfig", "NonCausalSelfAttention"]
