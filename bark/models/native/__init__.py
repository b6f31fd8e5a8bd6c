"""Layers written in C, compiled once for the processor that they run on.

A decode step is some five hundred short calls when torch makes it. Here it is one. Where there is
no C compiler, or the code does not do here what it should, torch's own layers compute instead.
"""
