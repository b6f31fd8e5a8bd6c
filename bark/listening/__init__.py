"""Listening to takes: how loud they are, whose voice it is, which words, and what is wrong."""
