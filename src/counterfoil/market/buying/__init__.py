"""Buying: what this home bought, and fetching it."""
