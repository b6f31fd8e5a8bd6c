"""The command line: arguments become a job, and a job becomes files."""

from .program import main as main

cli = main  # suno-ai/bark's name for it
