"""A node somewhere else, with the calls of a home that is opened here."""

from counterfoil.client.remote import Remote

__all__ = ["Remote"]
