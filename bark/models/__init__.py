"""The networks of the three stages, their caches, their precisions, and the compiled layers."""
