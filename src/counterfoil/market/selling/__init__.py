"""Selling: what this home offers, who is let in, and what orders are given."""
