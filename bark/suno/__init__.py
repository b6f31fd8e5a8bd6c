"""What suno-ai/bark's functions need and the rest of the package does not.

The original keeps its models in two dicts of `bark.generation`, its settings in that module's
names, and a dozen underscored functions beside them. Programs use all of it, so it is here.
"""
