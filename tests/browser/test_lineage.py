"""Lineage in a real browser: pictures that are read, moved and zoomed by hand, by keyboard and without scripts."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from making_console import credit_home, showing
from making_lineage import many, stand_ins, tell, write_runs
from playwright.sync_api import Page, expect

NAMES = (
    "</text><script>alert(1)</script>",
    "'><img src=x onerror=alert(1)>",
    "a-name-that-goes-on-and-on" * 7,
    "مجموعة بيانات التدريب الكبيرة جدا",
    "👩\u200d🔬📊" * 12,
    "訓練用データセット" * 9,
    "{{ 7 * 7 }}",
)
SEEN = """
    (view) => {
        const place = view.getBoundingClientRect();
        const box = view.querySelector(".here").getBoundingClientRect();
        return box.left >= place.left && box.right <= place.right && box.top >= place.top && box.bottom <= place.bottom;
    }
"""


@pytest.fixture(scope="module")
def bank(tmp_path_factory) -> Iterator[SimpleNamespace]:
    folder = tmp_path_factory.mktemp("bank")
    with showing(credit_home(folder)) as shown:
        org = shown.org
        story = tell(org, folder)
        hostile = stand_ins(org, NAMES)
        (mixed,) = stand_ins(org, ["mixed"])
        write_runs(org, [(NAMES[0], hostile, [mixed])])
        yield SimpleNamespace(
            shown=shown,
            model=f"/lineage/{story.model.index}",
            run=f"/lineage/{story.runs['join'].index}",
            decision=f"/lineage/{org.decisions.search(limit=1)[0]['idx']}",
            deployment=f"/lineage/{org.decisions.deployments()[-1].index}",
            hostile=f"/lineage/{mixed.index}",
            many=f"/lineage/{many(org).index}",
            story=story,
        )


@pytest.fixture
def look(bank, new_page):
    def opened(path: str, **options) -> Page:
        page = new_page(extra_http_headers=bank.shown.headers, **options)
        page.goto(bank.shown.url + path)
        return page

    return opened


@pytest.mark.parametrize("which", ["model", "run", "decision", "deployment", "hostile", "many"])
def test_a_picture_has_no_faults_in_any_scheme_or_size(bank, look, look_over, shots, which):
    page = look(getattr(bank, which))
    expect(page.locator(".map-view svg .here")).to_be_visible()
    assert page.locator(".map-view").evaluate(SEEN)
    look_over(page)
    shots(page, f"lineage-{which}")


def test_standings_never_look_alike(bank, look):
    page = look(bank.model)
    lines = {
        standing: page.locator(f".map-view .arrow.{standing}").first.evaluate(
            "(each) => { const s = getComputedStyle(each); return [s.strokeDasharray, s.stroke, s.strokeWidth]; }"
        )
        for standing in ("declared", "rederived", "differs")
    }
    assert lines["rederived"][0] == "none"
    assert len({each[0] for each in lines.values()}) == len({each[1] for each in lines.values()}) == 3
    assert set(page.locator(".map-view text.told").all_text_contents()) == {"declared", "✓ re-derived", "✗ differs"}
    expect(page.locator("#as-table ~ .scrolls .standing.differs").first).to_contain_text("✗ differs")


def test_a_picture_is_moved_and_zoomed_by_keyboard(bank, look):
    page = look(bank.many)
    view, said = page.locator(".map-view"), page.locator(".map-tools output")
    view.focus()
    at = view.evaluate("(each) => [each.scrollLeft, each.scrollTop]")
    page.keyboard.press("ArrowDown")
    page.wait_for_function("([each, top]) => each.scrollTop > top", arg=[view.element_handle(), at[1]])
    page.keyboard.press("ArrowLeft")
    page.wait_for_function("([each, left]) => each.scrollLeft < left", arg=[view.element_handle(), at[0]])
    expect(said).to_have_text("80 %")
    more = page.get_by_text("A part of the picture is out of sight")
    expect(more).to_be_visible()
    page.keyboard.press("+")
    expect(said).to_have_text("100 %")
    page.keyboard.press("-")
    page.keyboard.press("-")
    expect(said).to_have_text("64 %")
    page.keyboard.press("0")
    fits = "(each) => each.scrollWidth <= each.clientWidth && each.scrollHeight <= each.clientHeight"
    assert view.evaluate(fits)
    expect(more).to_be_hidden()
    page.get_by_role("button", name="Zoom in").press("Enter")
    assert not view.evaluate(fits)
    page.get_by_role("button", name="Show all").press("Enter")
    assert view.evaluate(fits)


def test_zooming_keeps_what_is_in_the_middle(bank, look):
    page = look(bank.many)
    for name in ("Zoom in", "Zoom in", "Zoom out", "Zoom out"):
        page.get_by_role("button", name=name).click()
        assert page.locator(".map-view").evaluate(SEEN)


def test_a_picture_is_moved_with_the_mouse_and_no_link_opens(bank, look):
    page = look(bank.many)
    view = page.locator(".map-view")
    at = view.evaluate("(each) => [each.scrollLeft, each.scrollTop]")
    box = view.locator("a.here").bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 80, steps=4)
    page.mouse.up()
    assert view.evaluate("(each) => [each.scrollLeft, each.scrollTop]") == [at[0] - 100, at[1] - 60]
    assert page.url == bank.shown.url + bank.many


def test_boxes_open_and_close_without_scripts(bank, look):
    page = look(bank.many, java_script_enabled=False)
    expect(page.get_by_role("button", name="Zoom in")).to_be_hidden()
    boxes = page.locator(".map-view .box")
    before = boxes.count()
    assert before <= 60
    page.get_by_role("link", name="111 datasets").first.click()
    expect(boxes).to_have_count(before + 40)
    expect(page.locator(".map-view").get_by_role("link", name="71 datasets")).to_be_visible()
    page.get_by_role("link", name="Put what was opened together again").click()
    expect(boxes).to_have_count(before)


def test_boxes_lead_to_what_they_stand_for(bank, look):
    page = look(bank.model)
    page.locator(".map-view").get_by_role("link", name="212 decisions").click()
    expect(page.get_by_label("Deployment, by its place")).to_have_value(
        str(bank.shown.org.decisions.deployments()[0].index)
    )
    expect(page.locator("#found tbody tr")).to_have_count(50)
    page.locator("#found tbody a").first.click()
    page.get_by_role("link", name="Where this came from").click()
    expect(page.get_by_role("heading", name="The data it came from")).to_be_visible()
    page.locator(".map-view a.model").click()
    page.get_by_role("link", name="Where it came from").click()
    assert page.url == bank.shown.url + bank.model


def test_links_of_a_picture_are_reached_by_keyboard(bank, look):
    page = look(bank.run)
    page.locator(".map-view").focus()
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('svg.lineage') !== null")
    page.keyboard.press("Enter")
    expect(page.locator("h1")).not_to_have_text("join")


def test_a_record_is_found_by_name_version_or_place(bank, look, console):
    page = look("/lineage")
    for wanted in ("credit@1", "credit", str(bank.story.model.index)):
        page.goto(bank.shown.url + "/lineage")
        page.get_by_label("Name, or place").fill(wanted)
        page.get_by_role("button", name="Show").click()
        expect(page.locator("h1")).to_have_text("credit 1")
    page.goto(bank.shown.url + "/lineage")
    page.get_by_label("Name, or place").fill("<nobody>")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("Neither a dataset nor a model on record is called '<nobody>'")
    expect(page.get_by_label("Name, or place")).to_have_value("<nobody>")
    assert [said for said in console if "404" not in said] == []
    console.clear()


def test_a_phone_shows_the_picture_around_the_record_and_the_table(bank, look):
    page = look(bank.decision, viewport={"width": 390, "height": 844})
    assert page.locator(".map-view").evaluate(SEEN)
    expect(page.locator("#as-table ~ .scrolls tbody tr").first).to_be_visible()
