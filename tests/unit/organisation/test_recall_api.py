"""Recalls over real HTTP, and in the console: seen first, opened then, and at work at once."""

from __future__ import annotations

import asyncio
import json
import threading

import orjson
import pytest
from making_node import serving, serving_home, settled
from making_recalls import deployment_index, trained
from organisations import ROW

from counterfoil.core.canonical import dumps
from counterfoil.errors import ERROR_TABLE, Recalled
from counterfoil.node.concerns import concerns
from counterfoil.web.roles import Role

API = "/api/v1/recalls"
WHY = {"what": "raw", "reason": "a column was doubled"}


@pytest.fixture
def home(tmp_path):
    with trained(tmp_path) as made:
        yield made


@pytest.fixture
def node(home):
    with serving_home(home.org, Role.OPERATOR) as found:
        yield found


@pytest.fixture(scope="module")
def shared_node(tmp_path_factory):
    """One for tests of what is refused: a home with a trained model and its node are slow to make."""
    with trained(tmp_path_factory.mktemp("node")) as made, serving_home(made.org, Role.OPERATOR) as found:
        yield found


def decisions(home):
    return f"/api/v1/deployments/{deployment_index(home.org, home.credit)}/decisions"


def row(subject):
    return {"applicant": ROW, "subject": subject}


def test_a_preview_says_whom_it_reaches_and_records_nothing(home, node):
    home.decide("Ann")
    size = home.org.archive.size
    answer = node.client.post(API, json=WHY | {"preview": True})
    assert answer.status_code == 200
    told = answer.json()
    assert (told["recall"], told["reached"]["decisions"], told["reached"]["people"]) == (None, 1, 1)
    assert [each["model"]["name"] for each in told["deployments"]] == ["credit 1"]
    assert home.org.archive.size == size


def test_an_opened_recall_is_at_work_at_once_in_every_way_of_deciding(home, node):
    assert node.client.post(decisions(home), json=row("Ann")).status_code == 201
    opened = node.client.post(API, json=WHY)
    assert opened.status_code == 201
    index = opened.json()["recall"]["index"]
    refused = node.client.post(decisions(home), json=row("Bob"))
    assert (
        (refused.status_code, refused.json()["code"])
        == (409, "recalled")
        == (
            ERROR_TABLE[Recalled].http_status,
            ERROR_TABLE[Recalled].code,
        )
    )
    assert f"record {index}" in refused.json()["detail"]
    spooled = node.client.post(f"{decisions(home)}?on_log_failure=spool", json=row("Bob"))
    assert spooled.json()["code"] == "recalled"
    lines = node.client.post(f"{decisions(home)}/batch", content=b"\n".join([orjson.dumps(row("Bob"))] * 2))
    assert [json.loads(line)["code"] for line in lines.text.splitlines()] == ["recalled", "recalled"]
    previews = node.client.post(decisions(home).replace("decisions", "previews"), json={"applicants": [ROW]})
    assert previews.json()["code"] == "recalled"
    deployed = {"model": "credit", "policy": home.org.decisions.policies()[0].index}
    assert node.client.post("/api/v1/deployments", json=deployed).json()["code"] == "recalled"
    assert node.client.post(f"{API}/{index}/end", json={"reason": "mended"}).status_code == 201
    assert node.client.post(decisions(home), json=row("Bob")).status_code == 201


def test_who_was_decided_on_before_is_answered_again(home, node):
    key = {"idempotency-key": "ann-1"}
    first = node.client.post(decisions(home), json=row("Ann"), headers=key)
    node.client.post(API, json=WHY)
    again = node.client.post(decisions(home), json=row("Ann"), headers=key)
    assert (again.status_code, again.json()["index"]) == (200, first.json()["index"])


def test_requests_about_another_model_in_the_same_commit_go_on(home, node):
    node.client.post(API, json=WHY)
    other = home.bank.loans
    held, free = home.credit.answer(ROW), [other.answer(ROW, subject=str(number)) for number in range(3)]

    async def together():
        wanted = [(each.prepared, None) for each in (free[0], held, free[1], free[2])]
        return await node.node.write_many(wanted)

    loop = asyncio.new_event_loop()
    try:
        results = loop.run_until_complete(together())
    finally:
        loop.close()
    assert [isinstance(each, Recalled) for each in results] == [False, True, False, False]
    assert len(home.org.decisions.search()) == 3


def test_no_answer_after_a_recall_is_a_decision_however_many_ask(home, node):
    stop, answers = threading.Event(), []

    def ask(number):
        while not stop.is_set():
            answer = node.client.post(decisions(home), json=row(f"{number}"))
            answers.append(answer)
            if answer.status_code != 201:
                return

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for each in threads:
        each.start()
    while len(answers) < 12:
        stop.wait(0.005)
    index = node.client.post(API, json=WHY).json()["recall"]["index"]
    for each in threads:
        each.join(30)
    stop.set()
    decided = [each.json()["index"] for each in answers if each.status_code == 201]
    assert {each.json()["code"] for each in answers if each.status_code != 201} == {"recalled"}
    assert max(decided) < index
    assert home.org.recalls.at(index).record.reached.decisions == len(decided)


def test_the_same_request_opens_and_ends_once(home, node):
    key = {"idempotency-key": "recall-1"}
    first, again = (node.client.post(API, json=WHY, headers=key) for _ in range(2))
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["recall"] == again.json()["recall"]
    assert node.client.post(API, json=WHY).json()["code"] == "stale"
    index = first.json()["recall"]["index"]
    ended, repeated = (
        node.client.post(f"{API}/{index}/end", json={"reason": "mended"}, headers={"idempotency-key": "end-1"})
        for _ in range(2)
    )
    assert (ended.status_code, repeated.status_code) == (201, 200)
    assert ended.json() == repeated.json()
    assert node.client.post(f"{API}/{index}/end", json={"reason": "mended"}).json()["code"] == "stale"


def test_who_opened_it_is_on_record_and_not_in_the_answer(home, node):
    told = node.client.post(API, json=WHY)
    index = told.json()["recall"]["index"]
    assert home.org.views.values_of(index) == {"/by": node.who}
    assert node.who not in told.text
    shown = node.client.get(f"{API}/{index}").json()
    assert shown == told.json()
    assert node.client.get(API).json() == [shown["recall"]]


@pytest.mark.parametrize("form", ["csv", "ndjson"])
def test_the_list_of_the_people_is_handed_out_and_not_kept(home, node, form):
    home.decide("Ann")
    index = node.client.post(API, json=WHY).json()["recall"]["index"]
    answer = node.client.get(f"{API}/{index}/notices?form={form}")
    assert answer.status_code == 200
    assert "Ann" in answer.text
    assert answer.headers["content-disposition"] == f'attachment; filename="recall-{index}.{form}"'
    look = home.org.archive.size - 1
    assert home.org.views.values_of(look)["/by"] == node.who
    settled(lambda: not list(node.node.incoming.iterdir()))  # it goes when the answer is sent


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"what": "raw"}, "invalid_input"),
        ({"what": "", "reason": "x"}, "not_found"),
        ({"what": "nothing", "reason": "x"}, "not_found"),
        ({"what": "0", "reason": "x"}, "not_found"),
        ({"what": "raw", "reason": "a\nb"}, "invalid_input"),
        ({"what": "raw", "reason": "x", "action": "explode"}, "invalid_input"),
        ({"what": "raw", "reason": "x", "by": "me"}, "invalid_input"),
    ],
    ids=lambda value: value if isinstance(value, str) else dumps(value).decode(),
)
def test_what_cannot_be_recalled_is_refused(shared_node, body, code):
    size = shared_node.org.archive.size
    assert shared_node.client.post(API, json=body).json()["code"] == code
    assert shared_node.org.archive.size == size


def test_an_open_recall_is_a_concern_until_it_ends(home, node):
    index = node.client.post(API, json=WHY).json()["recall"]["index"]

    def found():
        return [(each.id, each.found) for each in concerns(home.org, [], []) if each.id.startswith("recall")]

    assert found() == [
        (
            f"recall:{index}",
            f"the dataset raw 1, which is under recall (record {index}): a column was doubled",
        )
    ]
    node.client.post(f"{API}/{index}/end", json={"reason": "mended"})
    assert found() == []


def test_a_service_sees_recalls_and_opens_none(tmp_path):
    with serving(tmp_path, Role.SERVICE) as node:
        assert node.client.get(API).json() == []
        assert node.client.post(API, json=WHY).status_code == 403
