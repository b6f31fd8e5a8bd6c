"""The address at which programs for suno-ai/bark look for the network of the fine stage."""

from .models.blocks import Block as FineBlock
from .models.blocks import NonCausalSelfAttention as NonCausalSelfAttention
from .models.fine import FineGPT as FineGPT
from .models.fine import FineGPTConfig as FineGPTConfig

__all__ = ["FineBlock", "FineGPT", "FineGPTConfig", "NonCausalSelfAttention"]
