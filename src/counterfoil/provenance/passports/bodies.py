"""What the passport routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, Field

__all__ = ["PassportMade", "PassportOnRecord", "PassportToRecord"]


class PassportToRecord(BaseModel):
    """A passport, as docs/reference/passport.md tells it member by member; what is empty can be left out."""

    model_config = {"extra": "forbid"}

    subject: dict[str, Any] = Field(description="What it is about, exactly as it is on record.")
    who: list[dict[str, Any]] = Field(description="Organisations and their roles; exactly one is the issuer, this one.")
    created: str = Field(description="Day on which this version came about, 2026-11-25.")
    licence: dict[str, Any] = Field(description="An SPDX expression, or name and url or sha256.")
    purpose: str
    collection: dict[str, Any] = Field({}, description="How it came about, and from when until when; models need none.")
    consent: dict[str, Any] = Field(
        {}, description="On what basis data about people are used, and a note; models need none."
    )
    jurisdiction: list[str] = Field(description="Codes of ISO 3166.")
    parents: list[dict[str, Any]] = []
    transformation: dict[str, Any] | None = None
    reports: list[dict[str, Any]] = []
    signatures: list[dict[str, Any]] = []
    notes: str = ""
    supersedes: str = Field("", description="Set by the node: the passport before this one; not looked at here.")


class PassportOnRecord(BaseModel):
    """A passport on record."""

    index: int = Field(description="Place of its record in the log.")
    leaf: str = Field(description="Leaf hash of its record, hexadecimal.")
    passport: dict[str, Any] = Field(description="What it says, member by member.")


class PassportMade(BaseModel):
    """A passport that was put on record, or would be."""

    done: bool = Field(description="Whether it is on record; false where it was only checked.")
    index: int | None = Field(None, description="Place of its record in the log.")
    leaf: str | None = Field(None, description="Leaf hash of its record, hexadecimal.")
    passport: dict[str, Any]
