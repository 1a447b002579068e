"""The market in a real browser: selling, buying and letting out, with and without scripts; pages without faults."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest
from making_console import empty_home, showing
from making_jobs import HEAD, bought
from making_market_pages import LICENCE_TEXT, Fairground, fairground, with_jobs
from making_node import settled
from playwright.sync_api import expect

PLACES = (
    "/market",
    "/market/offers/{offer}",
    "/market/sold",
    "/market/earnings",
)


TALKS = HEAD + (
    "import time\n"
    "for part in range(600):\n"
    "    print('part', part, flush=True)\n"
    "    time.sleep(0.1)\n"
)  # fmt: skip
WAITS = HEAD + (
    "import json, time\n"
    "time.sleep(0.4)\n"
    "json.dump({'dose': 3}, open('/out/answer.json', 'w'))\n"
)  # fmt: skip
BLOCKS = {"count": 10, "epsilon": 8, "outputs": [{"name": "dose", "low": 0, "high": 6}]}


@pytest.fixture(scope="module")
def ground(tmp_path_factory) -> Iterator[Fairground]:
    with fairground(tmp_path_factory.mktemp("market")) as made:
        yield made


@pytest.mark.parametrize("place", PLACES)
def test_a_page_of_the_market_has_no_faults(ground, new_page, look_over, shots, place):
    page = new_page(extra_http_headers=ground.seller.headers)
    page.goto(ground.seller.url + place.format(offer=ground.offer))
    expect(page.locator("h1")).to_be_visible()
    page.evaluate("document.querySelectorAll('details').forEach((each) => { each.open = true; })")
    look_over(page)
    shots(page, place.strip("/").replace("/", "-").replace("{offer}", "offer"))


def test_a_purchase_has_no_faults_and_its_file_is_saved(ground, new_page, look_over):
    page = new_page(extra_http_headers=ground.buyer.headers)
    page.goto(f"{ground.buyer.url}/market/purchases/{ground.order}")
    look_over(page)
    with page.expect_download() as started:
        page.get_by_role("link", name="Save the file").click()
    assert started.value.suggested_filename == "scans.bin"


def test_something_is_sold_with_scripts_and_bought_without(ground, new_page, look_over):
    page = new_page(extra_http_headers=ground.seller.headers)
    page.goto(f"{ground.seller.url}/market/sell")
    loans = ground.seller.org.provenance.find_dataset("loans").index
    page.get_by_label("A dataset or model on record").select_option(str(loans))
    page.get_by_label("Where its contents lie").fill(str(ground.file))
    page.get_by_role("button", name="Go on").click()
    expect(page.get_by_text("looks like e-mail addresses")).to_be_visible()
    page.get_by_label("Price in CREDIT").fill("25")
    page.get_by_label("Its text, to which buyers agree").fill(LICENCE_TEXT)
    page.get_by_label("figures of age").check()
    page.get_by_label("rows of repaid").check()
    look_over(page)
    page.get_by_role("button", name="Show what it costs").click()
    expect(page.get_by_text("Nothing is signed or sent yet.")).to_be_visible()
    look_over(page)
    page.locator("form[action$='/agreed'] button").click()
    expect(page.get_by_text("On offer: loans.")).to_be_visible()
    page.get_by_role("link", name="Look at it").click()
    expect(page.get_by_role("img", name="age: 5 % below")).to_be_visible()
    look_over(page)

    page = new_page(extra_http_headers=ground.buyer.headers, java_script_enabled=False)
    offer = next(each for each in ground.seller.org.ledger.market.offers() if each.price.amount == "25.00")
    page.goto(f"{ground.buyer.url}/market/offers/{offer.offer}")
    page.get_by_label("I accept the licence").check()
    page.get_by_role("button", name="Show what it costs").click()
    expect(page.get_by_text("25.00 CREDIT, paid to the seller at once")).to_be_visible()
    page.get_by_role("button", name="Buy").click()
    expect(page.get_by_role("heading", name="Done")).to_be_visible()
    page.get_by_role("link", name="Look at it").click()
    expect(page.get_by_role("button", name="Fetch it")).to_be_visible()


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_job_is_watched_and_what_it_made_is_let_out(ground, new_page, look_over, tmp_path):
    order = with_jobs(ground, tmp_path)
    page = new_page(extra_http_headers=ground.seller.headers)
    page.goto(f"{ground.seller.url}/market/jobs")
    expect(page.get_by_text("waits at the desk")).to_be_visible()
    page.get_by_role("link", name="mean dose 1").first.click()
    expect(page.get_by_label("Log of the job")).to_contain_text("part 4 of 4")
    look_over(page)
    page.get_by_role("link", name="release desk", exact=True).click()
    page.get_by_role("link", name="notes.txt").first.click()
    expect(page.get_by_label("Preview")).to_contain_text("all is well")
    look_over(page)
    page.get_by_label("Why, in a line").fill("only figures")
    page.get_by_role("button", name="Let it leave").click()
    expect(page.get_by_role("status")).to_contain_text("notes.txt leaves with the result of its job")
    page.goto(f"{ground.seller.url}/market/jobs/{order}")
    expect(page.get_by_text("delivered").first).to_be_visible()  # the part that moves is taken anew by itself


@pytest.mark.skipif(shutil.which("bwrap") is None, reason="bubblewrap is not installed")
def test_a_job_is_watched_while_it_runs(ground, new_page, tmp_path):
    """Its log grows and its bar moves on a page that nobody loads again, until its owner stops it."""
    pytest.importorskip("opendp")
    jobs, path = ground.stall.seller.market.jobs, tmp_path / "doses.csv"
    path.write_text("person,dose\n" + "".join(f"{each},{each % 7}\n" for each in range(100)))
    talks = bought(ground.stall, path, TALKS)
    jobs.start()  # as a serving node does
    settled(lambda: jobs.live is not None and bool(jobs.live.lines))
    page = new_page(extra_http_headers=ground.seller.headers)
    page.goto(f"{ground.seller.url}/market/jobs/{talks}")
    log, bar = page.get_by_label("Log of the job"), page.get_by_role("progressbar", name="Parts that are done")
    expect(log).to_contain_text("part 0\n")
    expect(bar).to_be_visible()
    before = len(jobs.live.lines)
    expect(log).to_contain_text(f"part {before + 5}\n")
    page.get_by_role("button", name="Stop it").click()
    expect(page.get_by_role("status")).to_contain_text("It is stopped, or stops in a moment")

    blocks = bought(ground.stall, path, WAITS, privacy={"budget": {"epsilon": 8}, "blocks": BLOCKS})
    settled(lambda: jobs.live is not None and jobs.live.order == blocks and jobs.live.done > 0)
    page.goto(f"{ground.seller.url}/market/jobs/{blocks}")
    expect(bar).to_have_attribute("max", "10")
    done = int(bar.get_attribute("value"))
    further = [f"progress[value='{each}']" for each in range(done + 1, 11)]
    expect(page.locator(", ".join(further))).to_be_visible()
    jobs.cancel(blocks)


def test_a_part_that_is_watched_goes_on_after_the_node_answered_with_an_error(ground, new_page, console):
    page = new_page(extra_http_headers=ground.seller.headers)
    page.goto(f"{ground.seller.url}/market/jobs")
    script = page.locator("script[src*=console]").get_attribute("src")
    watched = "<main><p id='moves' data-watch='0.2'>waits</p></main>"
    answers = [(200, watched), (503, "busy"), (200, watched.replace("waits", "is done"))]

    def answer(route):
        status, body = answers.pop(0) if len(answers) > 1 else answers[0]
        text = f"<!doctype html><title>jobs</title><script type='module' src='{script}'></script>{body}"
        route.fulfill(status=status, content_type="text/html", body=text)

    page.route("**/market/jobs", answer)
    page.goto(f"{ground.seller.url}/market/jobs")
    expect(page.locator("#moves")).to_have_text("is done")
    assert len(console) == 1, "the browser itself tells of the answer"
    assert "503" in console.pop()


def test_a_home_without_a_market_says_what_to_do(tmp_path, new_page, look_over):
    with showing(empty_home(tmp_path)) as shown:
        page = new_page(extra_http_headers=shown.headers)
        for place in ("", "/purchases", "/sell", "/sold", "/jobs", "/desk", "/earnings"):
            page.goto(f"{shown.url}/market{place}")
            expect(page.locator(".empty pre")).to_be_visible()
        look_over(page)
