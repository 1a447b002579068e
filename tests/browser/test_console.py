"""The console in a real browser: how pages look and sound, and what forms do with and without scripts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from making_console import PASSWORD, Shown, credit_home, empty_home, showing, troubled
from playwright.sync_api import Page, expect
from serving_witness import witness_signer

from counterfoil.core.check_passport import check_passport
from counterfoil.web.charts import Series, columns
from counterfoil.web.roles import Role

PLACES = (
    "/",
    "/decisions",
    "/decisions/{decision}",
    "/decisions/{decision}/replay",
    "/models",
    "/models/{model}",
    "/datasets/{dataset}",
    "/datasets/{unchecked}",
    "/lineage",
    "/lineage/{model}",
    "/lineage/{decision}",
    "/policies",
    "/policies/{policy}",
    "/recalls",
    "/work",
    "/ledger",
    "/access",
    "/access/peers",
    "/erase",
    "/me",
    "/settings",
    "/webhooks",
    "/witnesses",
    "/errors",
    "/errors/stale",
)


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Iterator[Shown]:
    with showing(credit_home(tmp_path_factory.mktemp("bank"))) as shown:
        yield shown


@pytest.fixture(scope="module")
def blank(tmp_path_factory) -> Iterator[Shown]:
    with showing(empty_home(tmp_path_factory.mktemp("blank"))) as shown:
        yield shown


@pytest.fixture(scope="module")
def trouble(tmp_path_factory) -> Iterator[Shown]:
    with showing(empty_home(tmp_path_factory.mktemp("trouble"))) as shown, troubled(shown):
        yield shown


@pytest.fixture
def desk(bank, new_page):
    """A page of somebody with an admin's key."""

    def opened(path: str = "/", **options) -> Page:
        page = new_page(extra_http_headers=bank.headers, **options)
        page.goto(bank.url + path)
        return page

    return opened


def overridden(bank: Shown) -> int:
    return int(bank.org.decisions.search(overridden=True, limit=1)[0]["idx"])


def untouched(bank: Shown, label: str = "decline") -> int:
    """Returns a decision that nothing followed, another each time it was followed."""
    found = bank.org.decisions.search(overridden=False, label=label, limit=200)
    return next(int(row["idx"]) for row in found if not bank.org.decisions.history(row["idx"]).followed)


def path_of(bank: Shown, place: str) -> str:
    datasets = bank.org.provenance.datasets()
    return place.format(
        dataset=datasets[1].index,
        unchecked=datasets[0].index,
        decision=overridden(bank),
        model=bank.org.provenance.models()[-1].index,
        policy=bank.org.decisions.policies()[-1].index,
    )


@pytest.mark.parametrize("place", PLACES)
def test_a_page_has_no_faults_in_any_scheme_or_size(bank, desk, look_over, shots, place):
    page = desk(path_of(bank, place))
    expect(page.locator("h1")).to_be_visible()
    look_over(page)
    shots(page, place.strip("/").replace("/", "-").replace("{", "").replace("}", "") or "overview")


@pytest.mark.parametrize("place", [place for place in PLACES if "{" not in place])
def test_an_empty_page_says_what_to_do_and_has_no_faults(blank, new_page, look_over, shots, place):
    page = new_page(extra_http_headers=blank.headers)
    page.goto(blank.url + place)
    look_over(page)
    shots(page, f"empty{place.replace('/', '-')}")
    if place in ("/", "/decisions", "/models", "/policies", "/ledger"):
        expect(page.locator(".empty pre")).to_be_visible()


def test_everything_opened_has_no_faults_either(bank, desk, look_over):
    page = desk(f"/policies/{bank.org.decisions.policies()[-1].index}")
    page.get_by_role("button", name="Work it out").click()
    expect(page.get_by_text("From the newest")).to_be_visible()
    for place in (page.url, bank.url + "/", f"{bank.url}/decisions/{overridden(bank)}", bank.url + "/access"):
        page.goto(place)
        page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
        look_over(page)


def test_a_decision_prints_without_its_forms(bank, desk):
    page = desk(f"/decisions/{overridden(bank)}")
    page.emulate_media(media="print")
    expect(page.locator("nav").first).to_be_hidden()
    expect(page.get_by_role("heading", name="Reasons")).to_be_visible()
    expect(page.locator("form").first).to_be_hidden()


def test_a_step_of_the_proof_opens_and_says_what_it_cannot_show(bank, desk):
    page = desk(f"/decisions/{overridden(bank)}")
    expect(page.locator(".badge")).to_contain_text("Holds")
    step = page.locator(".step").nth(1)
    expect(step.locator("p").first).to_be_hidden()
    step.locator("summary").click()
    expect(step.locator(".limit")).to_contain_text("This cannot show")


def test_a_search_is_answered_while_somebody_types(bank, desk):
    subject = str(bank.org.decisions.history(overridden(bank)).values["/subject"])
    page = desk("/decisions")
    page.get_by_label("Person’s reference").fill(subject)
    expect(page.locator("#found tbody tr")).to_have_count(len(bank.org.decisions.search(subject=subject)))
    assert page.url == f"{bank.url}/decisions"
    page.get_by_label("Person’s reference").fill("nobody")
    expect(page.locator("#found")).to_contain_text("Nothing matches")


def test_a_search_works_without_scripts(bank, desk):
    page = desk("/decisions", java_script_enabled=False)
    page.get_by_label("Changed by a person").select_option("yes")
    page.get_by_role("button", name="Search").click()
    expect(page.locator("#found tbody tr")).to_have_count(len(bank.org.decisions.search(overridden=True)))
    page.goto(bank.url + "/decisions")
    page.get_by_role("link", name="Older").click()
    expect(page.get_by_role("link", name="Newest")).to_be_visible()


@pytest.mark.parametrize("scripts", [True, False])
def test_a_person_decides_otherwise(bank, desk, scripts):
    index = untouched(bank)
    page = desk(f"/decisions/{index}", java_script_enabled=scripts)
    page.get_by_label("Your decision").select_option("approve")
    page.locator("[name=reason]").fill("Payslips were shown.\nThey are in order.")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("status")).to_contain_text("a person decided “approve”")
    expect(page.locator("h1")).to_have_text("Approve")
    expect(page.locator("blockquote")).to_have_text("Payslips were shown.\nThey are in order.")
    assert bank.org.decisions.history(index).label_now == "approve"
    page.reload()
    expect(page.get_by_role("status")).to_have_count(0)


def test_whoever_looked_at_an_older_state_is_told_what_is_new(bank, desk, look_over, console):
    index = untouched(bank)
    page = desk(f"/decisions/{index}")
    bank.org.decisions.appeal(index, text="I was not heard.", by="Branch 3")
    page.get_by_label("Your decision").select_option("approve")
    page.locator("[name=reason]").fill("I looked at it.")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("alert")).to_contain_text("changed while you were looking")
    expect(page.locator(".timeline .new")).to_contain_text("I was not heard.")
    expect(page.locator("[name=reason]")).to_have_value("I looked at it.")
    look_over(page)
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("status")).to_be_visible()
    assert all("409" in each for each in console)
    console.clear()


def test_appeals_and_outcomes_are_recorded(bank, desk):
    index = untouched(bank)
    page = desk(f"/decisions/{index}")
    page.get_by_text("Record an appeal").click()
    page.get_by_label("What the person says").fill("Please look again.")
    page.get_by_role("button", name="Record the appeal").click()
    expect(page.get_by_role("status")).to_have_text("The appeal is on record.")
    page.get_by_text("Record an outcome").click()
    page.get_by_label("What came of it").fill("repaid")
    page.get_by_role("button", name="Record the outcome").click()
    expect(page.locator(".timeline li")).to_have_count(3)


def test_a_replay_shows_its_steps(bank, desk):
    page = desk(f"/decisions/{untouched(bank)}")
    page.get_by_role("button", name="Replay").click()
    expect(page.locator("h1")).to_have_text("The model decides the same again")
    expect(page.locator(".step.passed")).to_have_count(3)


def test_a_receipt_is_saved_as_a_file(bank, desk):
    index = untouched(bank)
    page = desk(f"/decisions/{index}")
    with page.expect_download() as started:
        page.get_by_role("link", name="Receipt (JSON)").click()
    assert started.value.suggested_filename == f"receipt-{index}.json"


def test_a_passport_is_read_and_saved_as_a_file(bank, desk):
    page = desk(path_of(bank, "/models/{model}"))
    sheet = page.get_by_role("region", name="Passport")
    expect(sheet.get_by_text("Train the credit model.")).to_be_visible()
    rule = sheet.get_by_text("settings.columns.column_19.rule=generalise")
    expect(rule).to_be_hidden()
    sheet.locator("summary").click()
    expect(rule).to_be_visible()
    link = sheet.get_by_role("link", name="Save it as a file")
    with page.expect_download() as started:
        link.click()
    assert started.value.suggested_filename.endswith(".passport.json")
    saved = page.request.get(f"{bank.url}{link.get_attribute('href')}")
    report = check_passport(saved.body(), issuer=bank.org.issuer)
    assert report.verdict == "intact, and signed by the issuer you named"


def test_long_work_is_followed_until_it_is_done(bank, desk):
    page = desk("/work")
    page.get_by_label("How many, drawn at random").fill("40")
    page.get_by_role("button", name="Replay").click()
    expect(page.get_by_text("40 as recorded.")).to_be_visible(timeout=60_000)


def test_a_new_key_is_shown_once(bank, desk, look_over):
    page = desk("/access")
    page.get_by_text("Make a key").click()
    form = page.locator("form[action='/access/keys']")
    form.get_by_label("Name").fill("loan desk")
    form.get_by_label("service").check()
    form.get_by_role("button", name="Make the key").click()
    token = page.locator(".secret code").inner_text()
    assert token.startswith("cf_")
    look_over(page)
    page.get_by_role("link", name="Done").click()
    assert token not in page.content()
    button = page.get_by_role("button", name="Revoke loan desk")
    expect(button).to_be_hidden()  # one click must not end a key
    page.get_by_label("Revoke loan desk…").click()
    expect(page.locator(".asks[open]")).to_contain_text("There is no way back")
    look_over(page)
    button.click()
    expect(page.get_by_role("status")).to_contain_text("works no more")


def test_an_erasure_is_shown_before_it_is_done(bank, desk, look_over):
    index = untouched(bank, "refer")
    subject = str(bank.org.decisions.history(index).values["/subject"])
    page = desk("/erase")
    page.get_by_label("The person’s reference").fill(subject)
    page.get_by_label("Why (public").fill("GDPR Art. 17(1)(b)")
    page.get_by_role("button", name="Show what would happen").click()
    expect(page.get_by_role("heading", name="What would happen")).to_be_visible()
    assert bank.org.decisions.history(index).values is not None
    look_over(page)
    page.get_by_role("button", name="Erase for good").click()
    expect(page.get_by_role("status")).to_contain_text("Erased for good")
    assert "Nothing is erased yet" not in page.content()
    assert bank.org.decisions.history(index).values is None
    page.goto(f"{bank.url}/decisions/{index}")
    expect(page.locator("h1")).to_have_text("Decision, values erased")
    expect(page.locator("#more + p")).to_contain_text("nobody can look at it again")
    assert page.locator("form[action$='/override'], form[action$='/appeal']").count() == 0
    look_over(page)


def test_all_is_reached_by_keyboard_alone(bank, desk):
    page = desk(f"/decisions/{overridden(bank)}")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    reached = set()
    for _ in range(60):
        page.keyboard.press("Tab")
        told = page.evaluate("[document.activeElement.tagName, document.activeElement.textContent.trim().slice(0, 30)]")
        is_new = tuple(told) not in reached
        reached.add(tuple(told))
        if is_new and told[0] == "SUMMARY" and "Can the file be read?" in told[1]:
            page.keyboard.press("Enter")
            expect(page.locator(".step").first.locator("p").first).to_be_visible()
    assert {"Receipt (JSON)", "Replay", "Record the decision", "Record an appeal"} <= {text for _, text in reached}


@pytest.mark.parametrize("width", [1024, 1280])
@pytest.mark.parametrize("place", ["/access", "/access/peers", "/webhooks", "/witnesses"])
def test_nothing_scrolls_sideways_on_a_desk_open_or_closed(trouble, new_page, scrolled, place, width):
    page = new_page(extra_http_headers=trouble.headers, viewport={"width": width, "height": 768})
    page.goto(trouble.url + place)
    assert scrolled(page) == []
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    assert scrolled(page) == []


def test_a_table_stays_one_where_its_rows_are_cards(bank, desk):
    page = desk("/access", viewport={"width": 390, "height": 844})
    expect(page.locator("td[data-label=Made]").first).to_be_visible()
    assert page.evaluate("getComputedStyle(document.querySelector('tbody tr')).display") == "block"
    tree = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    roles = {each.get("role", {}).get("value") for each in tree if not each["ignored"]}
    assert {"table", "row", "columnheader", "rowheader", "cell"} <= roles


def test_what_is_removed_stands_on_the_button(trouble, new_page):
    page = new_page(extra_http_headers=trouble.headers, viewport={"width": 390, "height": 844})
    page.goto(trouble.url + "/access")
    page.get_by_label("Remove mira…").click()
    button = page.get_by_role("button", name="Remove mira")
    expect(button).to_be_in_viewport(ratio=1)
    assert button.inner_text() == "Remove mira"


def test_the_longest_label_of_a_chart_has_room(bank, desk):
    page = desk("/")
    label = page.locator("figure", has=page.locator("#volume-title")).locator(".left text").last
    chart = columns("x", "t", "d", ["a"], [Series("s", [1_000_000])], what="x")
    given = [chart.y_ticks[-1].text, chart.left - 6]
    label.evaluate("(each, [text, x]) => { each.textContent = text; each.setAttribute('x', x); }", given)
    expect(label).to_have_text("1,000,000")
    assert label.evaluate("(each) => each.getBBox().x") >= 0


def test_somebody_signs_in_and_out_and_comes_back_to_where_they_were(bank, new_page, look_over, console):
    bank.node.access.users.add("mira", PASSWORD, frozenset({Role.OPERATOR}), by="test")
    page = new_page()
    page.goto(f"{bank.url}/decisions?label=approve")
    assert "/login?next=" in page.url
    look_over(page)
    page.get_by_label("Name").fill("mira")
    page.get_by_label("Password").fill("wrong wrong wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_contain_text("do not belong together")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/decisions?label=approve")
    expect(page.locator(".who")).to_contain_text("mira")
    expect(page.get_by_role("link", name="Erase")).to_have_count(0)
    index = untouched(bank)
    page.goto(f"{bank.url}/decisions/{index}")
    expect(page.locator("[name=by]")).to_have_count(0)
    page.locator("[name=reason]").fill("Signed in, and looked.")
    page.get_by_role("button", name="Record the decision").click()
    expect(page.get_by_role("status")).to_contain_text("Recorded")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("status")).to_have_text("You are signed out.")
    page.goto(f"{bank.url}/decisions")
    assert "/login?next=" in page.url
    assert all("401" in each for each in console)
    console.clear()


def test_a_wrong_address_has_a_page_that_says_so(bank, desk, look_over, console):
    page = desk("/nowhere")
    expect(page.locator("h1")).to_have_text("Not found")
    look_over(page)
    page.get_by_role("link", name="What this error means").click()
    expect(page.locator("h1")).to_have_text("Not found")
    assert all("404" in each for each in console)
    console.clear()


def test_a_connected_ledger_has_no_faults_also_when_it_was_asked(tmp_path, new_page, look_over, shots):
    with showing(empty_home(tmp_path)) as shown:
        shown.org.ledger.connect()
        shown.org.ledger.anchor()
        page = new_page(extra_http_headers=shown.headers)
        page.goto(shown.url + "/ledger")
        page.get_by_role("button", name="Ask the ledger now").click()
        expect(page.get_by_role("heading", name="What the ledger says now")).to_be_visible()
        page.get_by_text("The checkpoint, as others read it").click()
        look_over(page)
        shots(page, "ledger-connected")
        page.get_by_role("button", name="Anchor now").click()
        expect(page.get_by_text("records are under a final head.")).to_be_visible()


@pytest.mark.parametrize(
    "place", ["/", "/access", "/access/users/mira", "/access/peers", "/ledger", "/webhooks", "/witnesses"]
)
def test_a_page_that_tells_of_trouble_has_no_faults_open_or_closed(trouble, new_page, look_over, shots, place):
    page = new_page(extra_http_headers=trouble.headers)
    page.goto(trouble.url + place)
    look_over(page)
    shots(page, f"trouble{place.replace('/', '-')}")
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    look_over(page)
    shots(page, f"open{place.replace('/', '-')}")
    page.emulate_media(color_scheme="dark")
    page.set_viewport_size({"width": 390, "height": 844})
    shots(page, f"phone{place.replace('/', '-')}")


@pytest.mark.parametrize("scripts", [True, False])
def test_somebody_changes_their_own_password(tmp_path, new_page, look_over, console, scripts):
    with showing(empty_home(tmp_path)) as shown:
        shown.node.access.users.add("cy", PASSWORD, frozenset({Role.AUDITOR}), by="test")
        here, elsewhere = (new_page(java_script_enabled=scripts) for _ in range(2))
        for page in (here, elsewhere):
            page.goto(shown.url)
            page.get_by_label("Name").fill("cy")
            page.get_by_label("Password").fill(PASSWORD)
            page.get_by_role("button", name="Sign in").click()
            expect(page.locator(".who")).to_contain_text("cy")
        here.get_by_role("link", name="cy").click()
        for old in ("wrong wrong wrong", PASSWORD):
            here.get_by_label("The old password").fill(old)
            here.get_by_label("The new one, 12").fill(PASSWORD[::-1])
            here.get_by_label("The new one again").fill(PASSWORD[::-1])
            here.get_by_role("button", name="Change the password").click()
            if old != PASSWORD:
                expect(here.get_by_role("alert")).to_contain_text("The old password is wrong")
                if scripts:
                    look_over(here)
        expect(here.get_by_role("status")).to_contain_text("Your new password works now")
        elsewhere.goto(f"{shown.url}/decisions")
        assert "/login?next=" in elsewhere.url
        assert all("422" in each for each in console)
        console.clear()


def test_a_witness_is_shown_before_it_is_added_and_removed_when_that_is_confirmed(tmp_path, new_page, look_over):
    with showing(empty_home(tmp_path)) as shown:
        page = new_page(extra_http_headers=shown.headers)
        page.goto(f"{shown.url}/witnesses")
        page.get_by_label("Name in the policy").fill("club")
        page.get_by_label("Its public key").fill(str(witness_signer(1).key))
        page.get_by_role("button", name="Show how the policy would read").click()
        expect(page.get_by_role("heading", name="It would read like this")).to_be_visible()
        assert shown.org.witness.policy is None
        look_over(page)
        page.get_by_role("button", name="Add this witness").click()
        expect(page.get_by_role("status")).to_contain_text("club counts from now on")
        button = page.get_by_role("button", name="Remove club")
        expect(button).to_be_hidden()
        page.get_by_label("Remove club…").click()
        button.click()
        expect(page.get_by_role("status")).to_contain_text("asked no more")


def test_a_webhooks_secret_is_shown_once(tmp_path, new_page, look_over):
    with showing(empty_home(tmp_path)) as shown:
        page = new_page(extra_http_headers=shown.headers)
        page.goto(f"{shown.url}/webhooks")
        page.get_by_label("Address").fill("https://hooks.example/counterfoil")
        page.get_by_label("long work is done").uncheck()
        page.get_by_role("button", name="Add it").click()
        secret = page.locator(".secret code").inner_text()
        assert secret.startswith("whsec_")
        look_over(page)
        page.get_by_role("link", name="Done").click()
        assert secret not in page.content()
        button = page.get_by_role("button", name="Remove https://hooks.example/counterfoil")
        expect(button).to_be_hidden()
        page.get_by_label("Remove https://hooks.example/counterfoil…").click()
        button.click()
        expect(page.get_by_role("status")).to_contain_text("Nothing is sent there any more")


@pytest.mark.parametrize("role", list(Role))
def test_the_menu_leaves_room_on_a_phone_and_says_where_one_is(tmp_path, new_page, console, role):
    with showing(empty_home(tmp_path), role) as shown:
        page = new_page(extra_http_headers=shown.headers, viewport={"width": 390, "height": 844})
        for path in ("/", "/access/peers", "/webhooks", "/witnesses", "/me"):
            page.goto(shown.url + path)
            assert page.locator("header.frame").bounding_box()["height"] < 844 / 3.5
            is_open = page.locator(".problem").count() == 0
            assert page.locator("header [aria-current=page]").count() == is_open, path
        assert all("403" in each for each in console)
        console.clear()
