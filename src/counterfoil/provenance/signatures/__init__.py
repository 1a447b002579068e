"""Signatures over model files, as others' tools read them."""
