"""The console's recalls: what one would reach, opening it, and marks wherever something is under recall."""

from __future__ import annotations

import pytest
from making_node import serving_home
from making_recalls import trained
from signing_in import PAGE, field

from counterfoil.web.roles import Role

WHY = "a <b>column</b> was doubled"
SHOWN = "a &lt;b&gt;column&lt;/b&gt; was doubled"


@pytest.fixture
def home(tmp_path):
    with trained(tmp_path) as made:
        made.decide("Ann")
        yield made


@pytest.fixture
def node(home):
    with serving_home(home.org, Role.OPERATOR) as found:
        yield found


def page(node, path):
    answer = node.client.get(path, headers=PAGE)
    assert answer.status_code == 200, path
    return answer.text


def send(node, path, **form):
    return node.client.post(path, data=form, headers=PAGE)


def opened(node):
    asked = {"what": "raw", "reason": WHY, "action": "block"}
    plan = send(node, "/recalls", **asked)
    assert plan.status_code == 200
    return send(node, "/recalls/open", **asked, seen=field(plan.text, "seen"))


def test_a_recall_is_shown_before_it_is_opened(home, node):
    size = home.org.archive.size
    plan = send(node, "/recalls", what="raw", reason=WHY, action="block")
    assert "What a recall of the dataset raw 1 would reach" in plan.text
    assert SHOWN in plan.text
    assert "credit 1" in plan.text
    assert home.org.archive.size == size
    done = opened(node)
    (recall,) = home.org.recalls.all()
    assert (done.status_code, done.headers["location"]) == (303, f"/recalls/{recall.index}")
    assert recall.record.reason == WHY
    shown = page(node, f"/recalls/{recall.index}")
    assert SHOWN in shown
    assert "<b>column</b>" not in shown


def test_what_changed_since_it_was_shown_is_shown_first(home, node):
    asked = {"what": "raw", "reason": WHY, "action": "block"}
    seen = field(send(node, "/recalls", **asked).text, "seen")
    home.decide("Bob")
    again = send(node, "/recalls/open", **asked, seen=seen)
    assert "something changed since you looked" in again.text
    assert home.org.recalls.all() == []
    assert send(node, "/recalls/open", **asked, seen=field(again.text, "seen")).status_code == 303


def test_models_datasets_and_decisions_under_recall_say_so(home, node):
    decided = home.org.decisions.search()[0]["idx"]
    model = home.credit.model.index
    for path in (f"/models/{model}", f"/decisions/{decided}", "/models"):
        assert "under recall" not in page(node, path).lower(), path
    opened(node)
    (recall,) = home.org.recalls.all()
    for path in (f"/models/{model}", f"/decisions/{decided}"):
        shown = page(node, path)
        assert "Under recall: nothing more is decided on it." in shown, path
        assert f'href="/recalls/{recall.index}"' in shown, path
        assert SHOWN in shown, path
    assert page(node, "/models").count("under recall") == 3  # raw, clean, credit
    other = home.bank.loans.model.index
    assert "Under recall" not in page(node, f"/models/{other}")


def test_it_is_ended_with_a_reason(home, node):
    opened(node)
    (recall,) = home.org.recalls.all()
    refused = send(node, f"/recalls/{recall.index}/end", reason=" ")
    assert refused.status_code == 422
    assert "The recall goes on." in refused.text
    assert send(node, f"/recalls/{recall.index}/end", reason="mended").status_code == 303
    shown = page(node, f"/recalls/{recall.index}")
    assert "mended" in shown
    assert "End the recall" not in shown
    again = send(node, f"/recalls/{recall.index}/end", reason="mended")
    assert again.status_code == 422


@pytest.mark.parametrize("what", ["", "nothing", "0"])
def test_what_cannot_be_recalled_leaves_the_form_as_it_was(home, node, what):
    answer = send(node, "/recalls", what=what, reason=WHY, action="warn")
    assert answer.status_code == 422
    assert "Nothing was recalled." in answer.text
    assert SHOWN in answer.text


def test_the_list_of_the_people_is_a_table_to_save(home, node):
    opened(node)
    (recall,) = home.org.recalls.all()
    answer = node.client.get(f"/recalls/{recall.index}/notices.csv", headers=PAGE)
    assert answer.headers["content-type"].startswith("text/csv")
    assert "Ann" in answer.text


def test_an_auditor_looks_and_opens_nothing(home):
    with serving_home(home.org, Role.AUDITOR) as node:
        assert "What turned out to be wrong?" not in page(node, "/recalls")
        assert send(node, "/recalls/open", what="raw", reason=WHY, action="block", seen="x").status_code == 403
