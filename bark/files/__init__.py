"""Files of strangers and of ours: read within bounds, written whole or not at all."""
