"""A page of a long list, and the way to the next."""

from __future__ import annotations

from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Query
from pydantic import BaseModel, Field

__all__ = ["MOST_ITEMS", "Before", "Limit", "Page", "page_of"]

MOST_ITEMS: Final = 1_000
"""Most items that one page holds."""

T = TypeVar("T")

Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS, description="Most items.")]
Before = Annotated[int | None, Query(ge=0, le=2**53, description="Go on below this place: `next` of the page before.")]


class Page(BaseModel, Generic[T]):
    """Items, newest first."""

    items: list[T]
    next: int | None = Field(description="Give it as `before` to get the next page; null at the end.")


def page_of(items: list[dict[str, Any]], limit: int, place: str = "index") -> dict[str, Any]:
    """Returns a page of at most `limit` of `items`, of which the caller fetched one more than that."""
    has_more = len(items) > limit
    shown = items[:limit]
    return {"items": shown, "next": shown[-1][place] if has_more else None}
