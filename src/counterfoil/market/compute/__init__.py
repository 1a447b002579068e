"""Computation that comes to the data: algorithms run at the owner's, and only what may leave leaves."""
