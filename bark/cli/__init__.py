"""The command line: arguments become a job, and a job becomes files."""

from .program import main as main
