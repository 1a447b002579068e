"""Webhooks in the console: added with a secret that is shown once, how deliveries stand, removed."""

from __future__ import annotations

import re

import pytest
from making_node import serving, settled
from serving_witness import serving as receiving
from signing_in import PAGE, newest, send

from counterfoil.node.webhook_pages import WORDS
from counterfoil.node.webhooks.webhooks import EVENTS
from counterfoil.witness.cosigner import Answer


@pytest.fixture
def node(tmp_path):
    with serving(tmp_path) as found:
        yield found


def tell(node) -> None:
    with node.node.state.writing() as connection:
        node.node.webhooks.tell(connection, "alarm.raised", {})
    node.node.webhooks.wake()


def hook(node):
    return node.node.webhooks.list()[0]


def test_a_webhook_is_added_with_a_secret_that_is_shown_once_and_removed(node):
    assert "Nobody yet" in node.client.get("/webhooks", headers=PAGE).text
    made = send(node, "/webhooks", url="https://hooks.example/a", event=["alarm.raised", "job.finished"])
    secret = re.search(r"whsec_[\w+/=&#;]+", made.text)
    assert (made.status_code, secret is not None) == (200, True)
    assert newest(node)[1]["/what"] == "asked for a webhook"
    assert (hook(node).url, hook(node).events) == ("https://hooks.example/a", ("alarm.raised", "job.finished"))
    shown = node.client.get("/webhooks", headers=PAGE).text
    assert ("whsec_" in shown, "None was taken yet" in shown) == (False, True)
    for told in ("Nothing", "already"):
        gone = send(node, f"/webhooks/{hook(node).id if told == 'Nothing' else '1'}/remove")
        assert (gone.status_code, told in gone.headers["set-cookie"]) == (303, True)
    assert node.node.webhooks.list() == []
    assert newest(node)[1]["/what"] == "asked for removing a webhook"


@pytest.mark.parametrize(
    ("url", "events", "said"),
    [
        ("", ["job.finished"], "not a web address"),
        ("http://hooks.example/", ["job.finished"], "unencrypted"),
        ("javascript:alert(1)", ["job.finished"], "not a web address"),
        ("https://hooks.example/", ["nothing"], "no event"),
        ("https://hooks.example/", [], "at least one event"),
    ],
)
def test_a_refused_webhook_says_why_and_keeps_what_was_typed(node, url, events, said):
    refused = send(node, "/webhooks", url=url, event=events)
    assert (refused.status_code, said in refused.text) == (422, True)
    kept = re.search(r'name="url"[^>]* value="([^"]*)"', refused.text)
    assert (kept and kept[1]) == url
    assert re.findall(r'value="([a-z.]+)" checked', refused.text) == [each for each in events if each != "nothing"]
    assert node.node.webhooks.list() == []


def test_how_deliveries_stand_is_told_in_words(node):
    status = [500]
    with receiving(lambda _: Answer(status[0], "text/plain", b""), "/hook") as address:
        send(node, "/webhooks", url=address, event="alarm.raised")
        tell(node)
        settled(lambda: bool(hook(node).said))
        failing = node.client.get("/webhooks", headers=PAGE).text
        assert "it answered 500" in failing
        assert "1 message waits, next try" in failing
        assert "None was taken yet" in failing
        status[0] = 200
        tell(node)
        settled(lambda: hook(node).taken_s is not None)
        assert "Last taken" in node.client.get("/webhooks", headers=PAGE).text
    tell(node)
    settled(lambda: "nobody listens" in hook(node).said)
    listed = node.client.get("/api/v1/webhooks").json()[0]
    assert (listed["said"], listed["given_up"]) == ("nobody listens at its address", 0)
    assert listed["taken"] <= listed["due"]


def test_every_event_is_said_in_words():
    assert tuple(WORDS) == EVENTS
