"""What the node's own routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["AlarmShown", "ChoreShown", "JobShown", "Nothing", "Status", "ToTell", "WebhookMade", "WebhookShown"]


class JobShown(BaseModel):
    """Long work."""

    id: str
    kind: str = Field(description="rebuild, bundle, replay, anchor, fetch, push, snapshot or trade.")
    by: str = Field(description="Who started it.")
    state: str = Field(description="waiting, running, done, failed or cancelled.")
    done: int
    total: int = Field(description="Steps in all, as far as known; 0 before the first.")
    started: str
    finished: str | None
    told: dict[str, Any] = Field(description="What it found so far.")
    error: dict[str, str] | None
    resumed: int = Field(description="How often it was taken up again after the node had stopped.")
    file: str | None = Field(description="The file it made: `/jobs/{id}/file` has it.")


class WebhookShown(BaseModel):
    """Somebody who is told."""

    id: str
    url: str
    events: list[str]
    made: str
    waiting: int = Field(description="Messages still to be delivered.")
    said: str | None = Field(description="Why the last try failed.")
    taken: str | None = Field(description="When a message was last taken, UTC; null for never.")
    due: str | None = Field(description="When one that waits is tried next, UTC.")
    given_up: int = Field(description="Messages that were not taken in three days, of those still known.")


class WebhookMade(WebhookShown):
    """A webhook, with the secret that its messages are signed with; it is shown once."""

    secret: str | None = Field(description="Null where the same request was answered before.")


class ToTell(BaseModel):
    """Whom to tell, and of what."""

    model_config = {"extra": "forbid"}

    url: str
    events: list[str] = Field(default_factory=list, description="All, where none is named.")


class ChoreShown(BaseModel):
    """What the node does by itself."""

    name: str
    does: str
    last: str | None
    told: str | None = Field(description="What it did when there last was something to do.")
    fault: str | None


class AlarmShown(BaseModel):
    """What needs, or needed, a person."""

    id: str
    found: str
    todo: str
    raised: str
    cleared: str | None


class Status(BaseModel):
    """How the node stands, as far as it knows without asking anybody."""

    alarms: list[AlarmShown]
    anchored: int | None = Field(description="Records under a final head on the ledger; null when not connected.")
    anchor_due: str | None
    chores: list[ChoreShown]
    jobs_open: int
    log_size: int
    queue: int = Field(description="Records that wait because the log is away.")
    started: str
    version: str


class Nothing(BaseModel):
    """It was done."""

    done: bool = True
