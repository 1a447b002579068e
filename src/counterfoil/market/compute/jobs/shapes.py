"""What the routes of jobs answer."""

from __future__ import annotations

from pydantic import BaseModel, Field

__all__ = ["JobTold"]


class JobTold(BaseModel):
    """How far a job is, as its buyer is told."""

    job: str = Field(description="SHA-256 of its specification.")
    order: str = Field(description="The order it was bought with.")
    state: str = Field(
        description="awaited (not handed in yet), queued, running, held (somebody looks at outputs), ready, delivered, "
        "forgotten (no longer kept), cancelled (to be refunded) or refunded."
    )
