"""Decisions over HTTP: deciding one by one or in bulk, looking back, and what follows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Query, Request
from pydantic import BaseModel
from starlette.responses import Response

from counterfoil.core import canonical
from counterfoil.decisions.bodies import (
    Appeal,
    Applicant,
    CheckedPolicy,
    Decided,
    DeployedModel,
    Found,
    NewFollowed,
    Outcome,
    Override,
    PolicyOnRecord,
    Previewed,
    Replayed,
    ToDeploy,
    Told,
    ToPreview,
    ToReplay,
)
from counterfoil.decisions.history import FollowUp
from counterfoil.decisions.ingest import MOST_BATCH_BYTES, NDJSON, Ingest
from counterfoil.decisions.policies import RegisteredPolicy
from counterfoil.decisions.policy import Policy
from counterfoil.decisions.receipt_file import receipt_page
from counterfoil.decisions.records import ARTICLES
from counterfoil.decisions.shapes import (
    deployed_json,
    found_json,
    history_json,
    policy_json,
    preview_json,
    registered_policy_json,
)
from counterfoil.errors import InvalidInput
from counterfoil.store.recorder import OnFailure
from counterfoil.web.answer import answered, as_file, asked_bytes, json_answer
from counterfoil.web.desk import Desk
from counterfoil.web.page import Before, Limit, Page, page_of
from counterfoil.web.roles import JOBS, READERS, STAFF, WRITERS, Role
from counterfoil.web.room import Room, Started, takes

if TYPE_CHECKING:
    from counterfoil.organisation import Organisation

__all__ = ["DecisionRoutes"]

_JSON: Final = "application/json"
_POLICY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {"application/toml": {"schema": {"type": "string"}}, _JSON: {"schema": {"type": "object"}}},
    }
}

Subject = Annotated[str | None, Query(description="Your reference of the person.")]
Label = Annotated[str | None, Query(description="The decision as it stands.")]
Since = Annotated[str | None, Query(description="Earliest time, UTC: 2026-11-23T00:00:00Z.")]
Until = Annotated[str | None, Query(description="Latest time, UTC.")]
Overridden = Annotated[bool | None, Query(description="Only those that a person did, or did not, change.")]
Show = Annotated[list[str] | None, Query(description="Pointers of the fields to show, or `nothing`; all without it.")]
Language = Annotated[str, Query(description="Language of the policy's words for reasons.")]
OnLogFailure = Annotated[OnFailure, Query(description="Without a record: no decision (deny), or a durable queue.")]

WithReceipt = Annotated[bool, Query(description="Whether the answer holds the receipt, for whoever may not read it.")]


class DecisionRoutes:
    """The routes of this room.

    Args:
        org: The organisation.
        desk: The node that serves them.
    """

    def __init__(self, org: Organisation, desk: Desk) -> None:
        self._org = org
        self._desk = desk
        self._ingest = Ingest(org, desk)

    def router(self) -> APIRouter:
        """Returns the table of routes."""
        room, operator = Room("decisions"), (Role.OPERATOR,)
        room.reads("/policies", self.list_policies, READERS, list[PolicyOnRecord])
        room.writes("/policies", self.register_policy, operator, PolicyOnRecord, body=_POLICY)
        room.writes("/policies/check", self.check_policy, READERS, CheckedPolicy, status=200, body=_POLICY)
        room.reads("/deployments", self.list_deployments, READERS, list[DeployedModel])
        room.writes("/deployments", self.deploy, operator, DeployedModel)
        room.writes("/deployments/{index}/decisions", self.decide, WRITERS, Decided, body=takes(Applicant))
        batch = "/deployments/{index}/decisions/batch"
        lines = {
            200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "A decision or problem a line."}
        }
        room.writes(
            batch,
            self.decide_many,
            WRITERS,
            status=200,
            body=takes(media_type=NDJSON),
            responses=lines,
            response_class=Response,
        )
        room.writes("/deployments/{index}/previews", self.preview, operator, list[Previewed], status=200)
        room.reads("/decisions", self.search, STAFF, Page[Found])
        room.reads("/decisions/{index}", self.show, STAFF, Told)
        room.reads("/decisions/{index}/receipt", self.receipt, STAFF)
        page = {200: {"content": {"text/html": {"schema": {"type": "string"}}}, "description": "The page."}}
        room.reads("/decisions/{index}/receipt.html", self.receipt_page, STAFF, response_class=Response, responses=page)
        room.reads("/decisions/{index}/replay", self.replay, STAFF, Replayed)
        room.writes("/replays", self.replay_many, JOBS["replay"], Started, status=202)
        room.writes("/decisions/{index}/overrides", self.override, operator, NewFollowed)
        room.writes("/decisions/{index}/appeals", self.appeal, WRITERS, NewFollowed)
        room.writes("/decisions/{index}/outcomes", self.outcome, WRITERS, NewFollowed)
        return room.router

    def list_policies(self) -> list[dict[str, Any]]:
        """Lists the policies on record, oldest first."""
        return [registered_policy_json(each) for each in self._org.decisions.policies()]

    async def register_policy(self, request: Request) -> dict[str, Any]:
        """Records a policy, given in TOML or as JSON of the same shape. The same rules are recorded once."""
        rules = await _policy_in(request)

        def register() -> RegisteredPolicy:
            self._desk.asked(request, "a policy")
            return self._org.decisions.register_policy(rules)

        return registered_policy_json(await asyncio.to_thread(register))

    async def check_policy(self, request: Request) -> dict[str, Any]:
        """Reads a policy, in TOML or JSON, strictly and says what it leaves open; records nothing."""
        rules = await _policy_in(request)
        return policy_json(rules) | {"gaps": rules.gaps()}

    def list_deployments(self) -> list[dict[str, Any]]:
        """Lists the models at work under a policy, oldest first."""
        return [deployed_json(each) for each in self._org.decisions.deployments()]

    def deploy(self, wanted: ToDeploy, request: Request) -> dict[str, Any]:
        """Puts a registered model to work under a registered policy; the same again changes nothing."""
        decisions = self._org.decisions
        model = self._org.provenance.find_model(wanted.model)
        policy = decisions.policy_at(wanted.policy)
        self._desk.asked(request, "a deployment")
        made = decisions.wrap(model, policy, background=wanted.background or None)
        return next(deployed_json(each) for each in decisions.deployments() if each.leaf == made.leaf)

    async def decide(
        self, index: int, request: Request, on_log_failure: OnLogFailure = "deny", receipt: WithReceipt = False
    ) -> Response:
        """Decides on one applicant; the answer comes when the record is durable, with `receipt` the receipt in it.

        Sent again under the same `Idempotency-Key`, it is not decided again.
        """
        body = await request.body()
        return await self._ingest.one(index, body, self._desk.tag(request, body), on_log_failure, receipts=receipt)

    async def decide_many(
        self, index: int, request: Request, on_log_failure: OnLogFailure = "deny", receipt: WithReceipt = False
    ) -> Response:
        """Decides on up to 10,000 applicants, one JSON object a line; the answer has one line for each, in order.

        A line that cannot be decided on is answered by a problem and stops no other. Sent again under the same
        `Idempotency-Key`, lines that are on record are not decided again.
        """
        request.state.most_body_bytes = min(MOST_BATCH_BYTES, self._desk.most_file_bytes)
        lines = self._ingest.lines(await request.body())
        tags = self._desk.tags(request, lines)
        return await self._ingest.many(index, lines, tags, on_log_failure, receipts=receipt)

    def preview(self, index: int, wanted: ToPreview, request: Request) -> list[dict[str, Any]]:
        """Says what would be decided on up to 1,000 applicants: a dry run, which leaves no decision and no values.

        Who asked, and about how many, is recorded: nobody tries a model out unseen.
        """
        deployment = self._org.decisions.deployment(index)
        self._desk.looked(request, f"preview of {len(wanted.applicants)} decisions")
        return [preview_json(each) for each in deployment.preview_many(wanted.applicants)]

    def search(
        self,
        request: Request,
        subject: Subject = None,
        label: Label = None,
        since: Since = None,
        until: Until = None,
        overridden: Overridden = None,
        before: Before = None,
        limit: Limit = 50,
    ) -> dict[str, Any]:
        """Finds decisions, newest first. Who searched is recorded."""
        rows = self._org.decisions.search(
            subject=subject,
            label=label,
            since=since,
            until=until,
            overridden=overridden,
            before=before,
            limit=limit + 1,
        )
        self._desk.looked(request, "search", [int(row["idx"]) for row in rows[:limit]])
        return page_of([found_json(row) for row in rows], limit)

    def show(self, index: int, request: Request) -> dict[str, Any]:
        """Shows a decision with its private values and all that followed. Who looked is recorded."""
        history = self._org.decisions.history(index)
        self._desk.looked(request, "decision", [index, *(each.index for each in history.followed)])
        about = {name: getattr(history, name) for name in ("index", "leaf", "seq", "stream", "time")}
        values = None if history.values is None else dict(history.values)
        return about | {"values": values} | history_json(history, with_values=True)

    def receipt(self, index: int, request: Request, show: Show = None) -> Response:
        """Returns the receipt of a decision, the file that `counterfoil check` takes. Who took it is recorded."""
        made = self._org.decisions.receipt(index, () if show == ["nothing"] else show)
        self._desk.looked(request, "receipt", [index])
        return Response(made.encode(), media_type="application/json", headers=as_file(f"receipt-{index}.json"))

    def receipt_page(self, index: int, request: Request, show: Show = None, language: Language = "en") -> Response:
        """Returns receipt and checker page as one HTML file, for the person. Who took it is recorded."""
        made = self._org.decisions.receipt(index, () if show == ["nothing"] else show)
        return receipt_page(self._org, self._desk, request, index, made, language)

    def replay(self, index: int, request: Request) -> dict[str, Any]:
        """Runs the registered model again on a decision and compares. Who asked is recorded."""
        self._desk.looked(request, "replay", [index])
        return self._org.decisions.replay(index).to_json()

    def replay_many(self, request: Request, wanted: ToReplay) -> Response:
        """Runs registered models again on many decisions, in the background. Who asked is recorded."""
        self._desk.looked(request, "replays", wanted.records)
        asked = wanted.model_dump()
        return answered(self._desk, request, asked, lambda: (202, self._desk.start_job(request, "replay", asked)))

    def override(self, index: int, request: Request, told: Override) -> Response:
        """Records that a person decided otherwise than the model. The first decision stays on record."""
        return self._follow(index, request, "override", told)

    def appeal(self, index: int, request: Request, told: Appeal) -> Response:
        """Records what the person says against a decision."""
        return self._follow(index, request, "appeal", told)

    def outcome(self, index: int, request: Request, told: Outcome) -> Response:
        """Records what came of a decision."""
        return self._follow(index, request, "outcome", told)

    def _follow(self, index: int, request: Request, kind: str, told: BaseModel) -> Response:
        values, decisions = told.model_dump(), self._org.decisions
        tag = self._desk.tag(request, asked_bytes(values))
        kinds: dict[str, Callable[..., FollowUp]] = {
            "override": decisions.override,
            "appeal": decisions.appeal,
            "outcome": decisions.outcome,
        }
        decisions.history(index)  # that there is one

        def record() -> int:
            self._desk.asked(request, ARTICLES[kind], [index])
            return kinds[kind](index, request=tag, **values).index

        place, is_known = self._desk.once(tag, record)
        made, history = decisions.follow_up(place), decisions.history(index)
        shown = {
            "decision": index,
            "index": place,
            "kind": made.kind,
            "label_now": history.label_now,
            "leaf": made.leaf,
            "state": history.state,
            "time": made.time,
        }
        return json_answer(shown, 200 if is_known else 201, replayed=is_known)


async def _policy_in(request: Request) -> Policy:
    body = await request.body()
    if request.headers.get("content-type", "").partition(";")[0].strip() != _JSON:
        return Policy.from_toml(body)
    document = canonical.loads(body)
    if not isinstance(document, dict):
        raise InvalidInput("the body is not a policy: it holds no JSON object")
    return Policy.from_json(document)
