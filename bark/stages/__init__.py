"""The three stages: text to semantic tokens, those to coarse codes, those to fine ones."""
