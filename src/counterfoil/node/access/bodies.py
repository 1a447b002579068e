"""What the access routes take and answer, as the OpenAPI description says it."""

from __future__ import annotations

from typing import Final

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from counterfoil.web.roles import Role

__all__ = [
    "KeyMade",
    "KeyOnList",
    "Me",
    "NewPassword",
    "NewRoles",
    "OwnPassword",
    "PeerOnList",
    "ToAdd",
    "ToInvite",
    "ToList",
    "UserOnList",
]

_STRICT: Final = ConfigDict(extra="forbid", hide_input_in_errors=True)


class ToAdd(BaseModel):
    """A key to be made."""

    model_config = _STRICT

    name: str = Field(description="Who or what will use it, one line.")
    roles: list[Role] = Field(description="What it may do.", min_length=1)
    expires: str = Field("", description="When it ends, UTC: 2027-01-31, or 2027-01-31T12:00:00Z; empty for never.")


class KeyOnList(BaseModel):
    """What is known of a key."""

    id: str = Field(description="8 hexadecimal digits, which the key itself carries.")
    name: str
    roles: list[Role]
    made: str = Field(description="UTC.")
    expires: str | None = Field(description="When it ends, UTC; null for never.")
    revoked: str | None = Field(description="When it was revoked, UTC; null while it was not.")
    used: str | None = Field(description="When it was last used, UTC; null for never.")
    works: bool = Field(description="Whether it is neither revoked nor expired.")


class KeyMade(KeyOnList):
    """A key just made."""

    key: str | None = Field(description="The key itself, shown this once; null where the request was answered before.")


class ToInvite(BaseModel):
    """Somebody who will sign in."""

    model_config = _STRICT

    name: str = Field(description="By which they sign in: a-z, 0-9 and . _ @ -")
    password: SecretStr = Field(description="12 to 1,000 characters.")
    roles: list[Role] = Field(description="What they may do.", min_length=1)


class UserOnList(BaseModel):
    """Somebody with a password."""

    name: str
    roles: list[Role]
    made: str = Field(description="UTC.")
    login: str | None = Field(description="When they last signed in, UTC; null for never.")


class NewPassword(BaseModel):
    """A password in the place of another."""

    model_config = _STRICT

    password: SecretStr = Field(description="12 to 1,000 characters.")


class OwnPassword(BaseModel):
    """Somebody's own password, and the one in its place."""

    model_config = _STRICT

    old: SecretStr = Field(description="The one that works until now.")
    new: SecretStr = Field(description="12 to 1,000 characters.")


class NewRoles(BaseModel):
    """Roles in the place of others."""

    model_config = _STRICT

    roles: list[Role] = Field(description="What they may do from here on.", min_length=1)


class ToList(BaseModel):
    """Another organisation's node."""

    model_config = _STRICT

    vkey: str = Field(description="Its public key, bank.example+1a2b3c4d+AVt5…, got by a way that is trusted.")
    roles: list[Role] = Field([], description="What it may do here; never admin.")


class PeerOnList(BaseModel):
    """A listed node."""

    origin: str = Field(description="Name of its log.")
    vkey: str
    roles: list[Role]
    made: str = Field(description="When it was listed, UTC.")


class Me(BaseModel):
    """Whoever asks."""

    id: str = Field(description="key:<id>, user:<name> or node:<origin>.")
    roles: list[Role]
    node_key: str | None = Field(description="This node's public key, for other nodes' admins; null until it has one.")
