"""An API's pages become one file."""

from __future__ import annotations

import json
import time

import pytest
import sources

from counterfoil.errors import InvalidInput, NotFound, TooLarge
from counterfoil.provenance.snapshots import ApiForm, ApiSource, Limits

LINKED = {"items": "data.items", "next": "links.next", "pages_per_s": 1000}
COUNTED = {"items": "data.items", "page": "page", "pages_per_s": 1000}


def fetch(web, folder, limits=sources.LIMITS, secret="", **form):
    return ApiSource(ApiForm(url=f"{web.url}/api", **form), secret).fetch(folder, limits, None)


@pytest.mark.parametrize("form", [LINKED, COUNTED], ids=["by link", "by number"])
def test_all_pages_are_read_in_order(web, tmp_path, form):
    web.paths["/api"] = sources.pages(3, by_link="next" in form)
    found = fetch(web, tmp_path, **form)
    lines = found.file.read_bytes().splitlines()
    assert [json.loads(each)["id"] for each in lines] == [100, 101, 102, 200, 201, 202, 300, 301, 302]
    assert lines[0] == b'{"id":100,"rate":0.5}'
    assert found.told["count"] == 9
    assert found.told["pages"] == (3 if "next" in form else 4)  # one more to see that it is empty


def test_one_page_that_is_the_list_itself(web, tmp_path):
    web.paths["/api"] = sources.saying(200, b'[{"b": 1, "a": 2.0}, 3]')
    assert fetch(web, tmp_path).file.read_bytes() == b'{"a":2,"b":1}\n3\n'


def test_the_same_items_are_the_same_snapshot_however_they_are_written(org, web):
    form = ApiForm(url=f"{web.url}/api")
    web.paths["/api"] = sources.saying(200, b'[{"b":1,"a":2}]')
    first = org.provenance.snapshots.take(ApiSource(form), name="items")
    web.paths["/api"] = sources.saying(200, b'[ {"a": 2, "b": 1.0} ]')
    assert not org.provenance.snapshots.take(ApiSource(form), name="items").is_new
    assert first.run.record.parameters["source"]["kind"] == "api"


def test_the_secret_goes_along_with_every_page(web, tmp_path):
    web.paths["/api"] = sources.pages(2, by_link=True)
    fetch(web, tmp_path, secret="s3", **LINKED)
    assert [headers["authorization"] for _, headers in web.asked] == ["Bearer s3"] * 2


def test_it_asks_no_faster_than_the_form_says(web, tmp_path):
    web.paths["/api"] = sources.pages(3, by_link=True)
    began = time.monotonic()
    fetch(web, tmp_path, **(LINKED | {"pages_per_s": 10}))
    assert time.monotonic() - began > 0.19


def test_more_items_than_the_limit_are_refused(web, tmp_path):
    web.paths["/api"] = sources.pages(100, size=100, by_link=True)
    with pytest.raises(TooLarge):
        fetch(web, tmp_path, Limits(most_bytes=10_000), **LINKED)


def test_a_form_is_read_from_its_file(tmp_path):
    path = tmp_path / "api.toml"
    path.write_text(
        'url = "https://api.example/v1/rates"\nitems = "data"\npage = "p"\nfirst_page = 0\npages_per_s = 2\n'
    )
    assert ApiForm.load(path) == ApiForm(
        url="https://api.example/v1/rates", items="data", page="p", first_page=0, pages_per_s=2
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "url = 7",
        'url = "file:///etc/passwd"',
        'url = "https://a.example"\nmethod = "POST"',
        'url = "https://a.example"\nnext = "a"\npage = "b"',
        'url = "https://a.example"\nmost_pages = 0',
        'url = "https://a.example"\nmost_pages = true',
        'url = "https://a.example"\npages_per_s = 0',
        'url = "https://a.example"\nfirst_page = -1',
        "url = ",
        "\x00",
    ],
)
def test_a_form_that_is_none_is_refused(tmp_path, text):
    path = tmp_path / "api.toml"
    path.write_text(text)
    with pytest.raises(InvalidInput):
        ApiForm.load(path)


def test_a_form_is_never_read_in_part(tmp_path):
    path = tmp_path / "api.toml"
    path.write_text('url = "https://a.example"\n' + "#" * 65_536 + '\nitems = "data"\n')
    with pytest.raises(InvalidInput, match="larger than 65,536 bytes"):
        ApiForm.load(path)


def test_a_form_that_is_not_there_is_not_found(tmp_path):
    with pytest.raises(NotFound):
        ApiForm.load(tmp_path / "api.toml")
