"""Deciding on a whole table: reading it, running it, and going on after an interruption."""
