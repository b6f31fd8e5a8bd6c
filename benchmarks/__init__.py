"""Measures the stages side by side with suno-ai/bark and transformers: `python -m benchmarks`."""
