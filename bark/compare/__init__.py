"""Comparing takes: grids over settings, blind tests and words in time, without a page."""

from __future__ import annotations

from .axes import Axis, parse_axis
from .blind import Knockout, Score, Vote, tally
from .grid import Grid, grid
from .plan import Cell, GridPlan
from .prompts import combinations

__all__ = [
    "Axis",
    "Cell",
    "Grid",
    "GridPlan",
    "Knockout",
    "Score",
    "Vote",
    "combinations",
    "grid",
    "parse_axis",
    "tally",
]
