"""What pages share: addresses that stay here, numbers and times as people read them."""

from __future__ import annotations

import pytest

from counterfoil.errors import InvalidInput
from counterfoil.web import formats
from counterfoil.web.pages import Form, local_path, with_query


@pytest.mark.parametrize("text", ["/", "/decisions?label=approve&before=5", "/policies/7#patterns"])
def test_a_path_of_this_node_stays(text):
    assert local_path(text) == text


@pytest.mark.parametrize(
    "text", ["", "x", "//evil", "/\\evil", "https://evil", "/a\r\nb", "/a b", "/\x00", "/\u2028", "/a\\b"]
)
def test_whatever_leads_elsewhere_becomes_the_start_page(text):
    assert local_path(text) == "/"


def test_a_query_holds_only_what_says_something():
    assert with_query("/x", a="1 &", b="", c=None, d=0) == "/x?a=1+%26&d=0"
    assert with_query("/x", a="") == "/x"


@pytest.mark.parametrize("text", ["x", "-1", "1.5", "٣", "9" * 19])
def test_a_place_is_a_whole_number(text):
    with pytest.raises(InvalidInput):
        Form([("p", text)]).place("p")


def test_a_place_may_have_separators_and_be_left_out():
    assert Form([("p", " 1,234 ")]).place("p") == 1234
    assert Form([]).place("p") is None


def test_text_is_trimmed_and_a_password_is_not():
    form = Form([("a", " x\r\ny "), ("b", " x ")])
    assert (form.text("a"), form.secret("b")) == ("x\ny", " x ")


def test_numbers_times_and_digests_are_shown_for_people():
    assert formats.number(1234567) == "1,234,567"
    assert formats.score(620_000) == "0.62"
    assert formats.score(1_000_000) == "1"
    assert formats.score(None) == formats.score_in_column(None) == "\N{EN DASH}"
    assert formats.score_in_column(620_000) == "0.620000"
    assert "23 Nov 2026, 19:00:00 UTC" in formats.moment("2026-11-23T19:00:00Z")
    assert ">23 Nov 2026, 19:00<" in formats.when("2026-11-23T19:00:00Z")
    assert formats.short("ab" * 32) == f'<code title="{"ab" * 32}">abababababab\N{HORIZONTAL ELLIPSIS}</code>'
    assert [formats.value_text(each) for each in (None, True, 12000, "x", [1], ["a", "b"], {"a": "1"})] == [
        "not given",
        "yes",
        "12,000",
        "x",
        "[1]",
        "a, b",
        "a 1",
    ]


def test_what_is_no_time_is_shown_as_it_is_and_escaped():
    assert formats.moment("<b>") == "&lt;b&gt;"


def test_an_address_may_break_after_its_punctuation_and_is_escaped():
    assert formats.breakable("https://a.example/b+1<") == "https://<wbr>a.<wbr>example/<wbr>b+<wbr>1&lt;"
    assert formats.breakable("") == ""
