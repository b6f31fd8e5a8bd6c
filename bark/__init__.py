"""Bark: text to speech, music and sound effects through three GPTs and a neural codec."""
