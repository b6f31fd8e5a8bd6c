"""What outlives a press: the engine, the run queue, sessions and their takes."""
