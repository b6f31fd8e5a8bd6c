"""Kokoro-82M's voices, American and British: how nano gets recordings of people it cannot bend."""
