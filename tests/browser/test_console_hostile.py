"""Hostile text in every field that users write: it is shown as text, and nothing of it runs."""

from __future__ import annotations

import httpx
import pytest
from making_console import PASSWORD, showing
from organisations import POLICY, ROW, Clock, estimator, rows

from counterfoil.core.note import COSIGNATURE, Signer
from counterfoil.decisions import Policy
from counterfoil.node.access import RequestSigner
from counterfoil.organisation import Organisation
from counterfoil.store.home_settings import HomeSettings
from counterfoil.store.unlock import Unlock

HTML = "<script>window.hurt=1</script><img src=x onerror=window.hurt=1>"
QUOTED = "\"><svg onload=window.hurt=1>'{{7*7}}"
BAD = HTML + QUOTED
NAME = "<script>window.hurt=1</script><img/src=x/onerror=window.hurt=1>\"><svg/onload=window.hurt=1>'{{7*7}}"
"""What a log, a witness, a node or a webhook may be called: one word."""


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """Serves a home whose every text is hostile; yields it and the places to look at."""
    folder = tmp_path_factory.mktemp("spoilt")
    unlock = Unlock.create_key_file(folder / "bank.key")
    settings = HomeSettings(name=BAD, origin="bank.example/credit", key_file="../bank.key")
    with Organisation.create(folder / "home", settings, unlock, now=Clock()) as org:
        index = fill(org, folder)
    with showing(folder / "home") as shown:
        shown.node.access.keys.add(HTML[:80], frozenset({"service"}), by="test")
        shown.node.access.users.add("mira", PASSWORD, frozenset({"admin"}), by="test")
        shown.node.access.peers.add(str(RequestSigner(NAME, b"p" * 32).key), frozenset({"auditor"}), by="test")
        shown.node.webhooks.add(f"https://hooks.example/{NAME}", ())
        shown.org.witness.add_log(str(Signer(NAME, b"l" * 32).key))
        shown.org.witness.add_witness(NAME, str(Signer(NAME, b"w" * 32, COSIGNATURE).key), "https://witness.example/'")
        yield shown, index


def fill(org: Organisation, folder) -> int:
    table = folder / "b'><i>.csv"
    table.write_text("<b>a</b>,c\n1,2\n", encoding="utf-8")
    data = org.provenance.register_dataset(table, name=HTML, notes={"<u>licence": BAD})
    text = POLICY.format(version="1", retain_days=0, effective_from="2026-09-02")
    shown = BAD.replace("\\", "").replace('"', '\\"').replace("{", "").replace("}", "")
    for name in ("Ada", "Bo", "Decide on small loans.", "The amount of the loan."):
        text = text.replace(f'"{name}"', f'"{name[:3]}{shown}"')
    text = text.replace('kind = "number"', f'kind = "number"\ntitle = "{shown}"\nunit = "<b>DM"')
    loans = org.decisions.wrap(
        estimator(), Policy.from_toml(text), name=HTML, training=data, background=rows(20), code={"<b>": BAD}
    )
    made = loans.decide(ROW | {"note": BAD, "credit_amount": 15_000}, subject=BAD)
    assert made.index is not None
    org.decisions.appeal(made.index, text=BAD, by=BAD)
    saw = org.decisions.history(made.index).state
    org.decisions.override(made.index, label="approve", by=BAD, reason=BAD, saw=saw)
    org.decisions.outcome(made.index, outcome=BAD, note=BAD)
    return made.index


def paths(shown, index: int) -> list[str]:
    model = shown.org.provenance.models()[-1].index
    policy = shown.org.decisions.policies()[-1].index
    asked = str(httpx.QueryParams({"label": BAD, "since": BAD, "policy": BAD}))
    return [
        "/",
        "/decisions",
        f"/decisions?{asked}",
        f"/decisions?{httpx.QueryParams({'subject': BAD})}",
        f"/decisions/{index}",
        f"/decisions/{index}/replay",
        "/models",
        f"/models/{model}",
        "/policies",
        f"/policies/{policy}",
        "/work",
        "/ledger",
        "/access",
        "/access/peers",
        "/access/users/mira",
        "/erase",
        "/me",
        "/webhooks",
        "/witnesses",
        "/settings",
        f"/errors/{httpx.URL('/' + HTML).raw_path.decode()[1:].replace('/', '%2F')}",
        f"/login?{httpx.QueryParams({'next': BAD})}",
    ]


def test_nothing_that_users_wrote_runs(spoilt, new_page, console):
    shown, index = spoilt
    page = new_page(extra_http_headers=shown.headers)
    policy = shown.org.decisions.policies()[-1].index
    httpx.post(f"{shown.url}/policies/{policy}/patterns", data={"a": "b"}, headers=shown.headers)
    for path in paths(shown, index):
        page.goto(shown.url + path)
        assert page.evaluate("window.hurt === undefined"), path
        assert page.locator("script").count() == 1, path
        assert page.locator("main img, main b, main i, main u, svg[onload], [onerror]").count() == 0, path
    refused = [each for each in console if "Content Security Policy" in each]
    assert refused == []  # nothing had to be stopped: it was never there
    console.clear()  # addresses that lead nowhere


def test_hostile_text_is_shown_as_it_was_written(spoilt, new_page):
    shown, index = spoilt
    page = new_page(extra_http_headers=shown.headers)
    page.goto(f"{shown.url}/decisions/{index}")
    assert page.locator("blockquote").all_inner_texts() == [BAD] * 3
    assert BAD in page.locator("dl.facts").first.inner_text()


def test_what_a_refused_form_gives_back_does_not_run(spoilt, new_page, console):
    shown, index = spoilt
    page = new_page(extra_http_headers=shown.headers)
    page.goto(f"{shown.url}/decisions/{index}")
    page.locator("[name=reason]").fill(BAD)
    page.evaluate("document.querySelector('[name=saw]').value = '<script>window.hurt=1</script>'")
    page.get_by_role("button", name="Record the decision").click()
    page.get_by_role("alert").wait_for()
    assert page.locator("[name=reason]").input_value() == BAD
    assert page.evaluate("window.hurt === undefined")
    console.clear()  # the 422


@pytest.mark.parametrize(
    ("place", "path", "fields"),
    [
        ("/access", "/access/keys", {"name": BAD}),
        ("/access", "/access/users", {"name": BAD, "password": BAD}),
        ("/access/peers", "/access/peers", {"vkey": BAD}),
        ("/webhooks", "/webhooks", {"url": BAD}),
        ("/witnesses", "/witnesses", {"name": BAD, "key": BAD, "url": BAD}),
        ("/witnesses", "/witnesses/logs", {"log": BAD}),
        ("/me", "/me/password", {"old": BAD, "new": BAD, "again": BAD + "!"}),
    ],
)
def test_what_a_form_of_set_up_gives_back_does_not_run(spoilt, new_page, console, place, path, fields):
    shown, _ = spoilt
    page = new_page()
    made = shown.node.access.login("mira", PASSWORD, "127.0.0.1")
    name, _, value = shown.node.access.cookie(made.token).partition(";")[0].partition("=")
    page.context.add_cookies([{"name": name, "value": value, "url": shown.url}])
    page.goto(shown.url + place)
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    form = page.locator(f"form[action='{path}']")
    form.evaluate("(each) => { each.noValidate = true; }")
    for field, text in fields.items():
        form.locator(f"[name={field}]").evaluate("(each, text) => { each.value = text; }", text)
    form.locator("button").click()
    page.get_by_role("alert").wait_for()
    assert page.evaluate("window.hurt === undefined")
    assert page.locator("main img, main script, svg[onload], [onerror]").count() == 0
    first = page.locator(f"form[action='{path}'] [name={next(iter(fields))}]")
    assert first.input_value() == ("" if path == "/me/password" else BAD)
    console.clear()  # the 422


def test_what_a_redirect_tells_is_text(spoilt, new_page):
    shown, _ = spoilt
    page = new_page(extra_http_headers=shown.headers)
    page.context.add_cookies([{"name": "counterfoil_told", "value": "%3Cb%3Ehello", "url": shown.url}])
    page.goto(shown.url)
    assert page.get_by_role("status").inner_text() == "<b>hello"
