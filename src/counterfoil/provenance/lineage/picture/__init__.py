"""Lineage shown: laid out, drawn, and as text."""
