"""Sources that break off, lie, never end, lead astray or ask for secrets."""

from __future__ import annotations

import gzip
import json
import time

import pytest
import sources
from certificates import server_context
from sources import LIMITS, TABLE, redirecting, saying

import counterfoil
from counterfoil.errors import (
    CounterfoilError,
    InvalidInput,
    Locked,
    LogUnavailable,
    NodeUnreachable,
    NotAllowed,
    NotFound,
    TooLarge,
)
from counterfoil.provenance.snapshots import ApiForm, ApiSource, Limits, UrlSource
from counterfoil.provenance.snapshots.credentials import find_secret
from counterfoil.provenance.snapshots.web import shown_url

MARKER = "MARKER-4711-secret"


@pytest.fixture
def web():
    with sources.source() as found:
        yield found


def fetch(web, folder, path, limits=LIMITS, **more):
    return UrlSource(web.url + path, **more).fetch(folder, limits, None)


BROKEN = {
    "cut off": (sources.cut_off, NodeUnreachable),
    "chunks cut off": (sources.chunks_cut_off, NodeUnreachable),
    "silent": (sources.silent, NodeUnreachable),
    "dripping": (sources.dripping, NodeUnreachable),
    "dripping head": (sources.dripping_head, NodeUnreachable),
    "no http": (sources.no_http, NodeUnreachable),
    "endless": (sources.endless, TooLarge),
    "gzip bomb": (sources.bomb, TooLarge),
    "error": (saying(500), NodeUnreachable),
    "teapot": (saying(418), NodeUnreachable),
    "no content": (saying(204), NodeUnreachable),
    "part": (saying(206, TABLE), NodeUnreachable),
    "not modified": (saying(304), NodeUnreachable),
    "missing": (saying(404), NotFound),
    "gone": (saying(410), NotFound),
    "unauthorised": (saying(401), NotAllowed),
    "forbidden": (saying(403), NotAllowed),
    "loop": (redirecting("/x"), NodeUnreachable),
    "to a file": (redirecting("file:///etc/passwd"), NotAllowed),
    "to ftp": (redirecting("ftp://data.example/x"), NotAllowed),
    "to data": (redirecting("data:text/plain,x"), CounterfoilError),
    "to a password": (redirecting("http://ada:pw@127.0.0.1/x"), InvalidInput),
    "to nothing": (redirecting("http://"), NodeUnreachable),
    "to no address": (redirecting("http://[::1"), CounterfoilError),
    "unknown packing": (saying(200, b"x", content_encoding="br"), InvalidInput),
    "two packings": (saying(200, b"x", content_encoding="gzip, gzip"), InvalidInput),
    "bad gzip": (saying(200, b"no gzip", content_encoding="gzip"), InvalidInput),
    "short gzip": (saying(200, gzip.compress(TABLE)[:-9], content_encoding="gzip"), NodeUnreachable),
    "long gzip": (saying(200, gzip.compress(TABLE) + b"more", content_encoding="gzip"), InvalidInput),
    "two lengths": (saying(200, b"x", content_length="1, 2"), NodeUnreachable),
    "negative length": (saying(200, b"x", content_length="-1"), NodeUnreachable),
}


@pytest.mark.parametrize("following", ["http://[bad", "http://[::1"], ids=["word", "open"])
def test_a_next_page_that_is_no_address_is_an_error(following, web, tmp_path):
    web.paths["/x"] = saying(200, json.dumps({"items": [1], "next": following}).encode())
    form = ApiForm(url=web.url + "/x", items="items", next="next")
    with pytest.raises(InvalidInput, match="no address"):
        ApiSource(form).fetch(tmp_path, Limits(), None)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://x.example/y?s3cr3t", "https://x.example/y?…"),
        ("https://x.example/y?a=1&s3cr3t&b=", "https://x.example/y?a=…&…&b=…"),
        ("https://x.example/y?a=1;tok=s3cr3t", "https://x.example/y?a=…"),
        ("https://x.example/y?=s3cr3t", "https://x.example/y?=…"),
        ("https://x.example/a;id=s3cr3t/y;s3cr3t", "https://x.example/a;…/y;…"),
        ("https://x.example/y?a=1#s3cr3t", "https://x.example/y?a=…"),
    ],
    ids=["no value", "among others", "semicolon", "no name", "path", "fragment"],
)
def test_an_address_on_record_tells_no_secret(url, shown):
    assert shown_url(url) == shown


@pytest.mark.parametrize("what", BROKEN)
def test_a_source_that_misbehaves_is_an_error_within_its_time(web, tmp_path, what):
    web.paths["/x"], expected = BROKEN[what]
    began = time.monotonic()
    with pytest.raises(expected):
        fetch(web, tmp_path, "/x", Limits(most_bytes=1_000_000, timeout_s=1.5, silence_s=0.7))
    assert time.monotonic() - began < 10  # it ends at all; the limits are far below


@pytest.mark.parametrize("first_bytes", [100, 1 << 14, 1 << 20], ids=["small", "packed", "piece"])
def test_every_member_of_a_gzip_answer_is_kept(first_bytes, web, tmp_path):
    # The name in its header makes the first member end where a piece of the answer does.
    packed = gzip.compress(TABLE)
    name = b"n" * (first_bytes - len(packed) - 1) + b"\0"
    first = packed[:3] + b"\x08" + packed[4:10] + name + packed[10:]
    web.paths["/x.csv"] = saying(200, first + gzip.compress(b"more") * 3, content_encoding="gzip")
    found = UrlSource(web.url + "/x.csv").fetch(tmp_path, Limits(), None)
    assert found.file.read_bytes() == TABLE + b"more" * 3


def test_a_gzip_answer_is_kept_unpacked(web, tmp_path):
    web.paths["/x.csv"] = saying(200, gzip.compress(TABLE), content_encoding="gzip")
    assert fetch(web, tmp_path, "/x.csv").file.read_bytes() == TABLE


def test_more_than_was_announced_is_not_taken(web, tmp_path):
    web.paths["/x.csv"] = saying(200, TABLE + b"3,0.9\n", content_length=str(len(TABLE)))
    assert fetch(web, tmp_path, "/x.csv").file.read_bytes() == TABLE


def test_nobody_there_is_an_error(tmp_path):
    with sources.source() as web:
        url = web.url
    with pytest.raises(NodeUnreachable, match="no connection"):
        UrlSource(f"{url}/x").fetch(tmp_path, LIMITS, None)


def test_a_file_is_called_what_the_source_says_and_never_leads_out(web, tmp_path):
    for path in ("/..%2f..%2fetc%2fpasswd", "/.bashrc", "/%00x", "/"):
        web.paths[path] = saying(200, b"x", content_length="1")
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        found = fetch(web, folder, path).file
        assert found.parent == folder
        assert not found.name.startswith(".")
        assert found.name.isprintable()


@pytest.fixture
def tls(tmp_path, monkeypatch):
    context, certificate = server_context(tmp_path, "127.0.0.1", "localhost")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with sources.source(context) as found:
        yield found


def test_what_came_by_tls_says_whose_certificate_it_was(tls, tmp_path):
    told = fetch(tls, tmp_path, "/rates.csv").told
    assert told["tls"]["version"].startswith("TLSv1.")
    assert len(told["tls"]["certificateSha256"]) == 64


def test_a_certificate_that_nobody_vouches_for_is_refused(tls, tmp_path, monkeypatch):
    monkeypatch.delenv("SSL_CERT_FILE")
    with pytest.raises(NodeUnreachable, match="certificate"):
        fetch(tls, tmp_path, "/rates.csv")
    assert tls.asked == []


def test_a_certificate_of_another_name_is_refused(tmp_path, monkeypatch):
    """The connection goes to an address; the certificate is held against the name that was asked for."""
    context, certificate = server_context(tmp_path, "other.example")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    with sources.source(context) as web, pytest.raises(NodeUnreachable, match="certificate"):
        UrlSource(web.url.replace("127.0.0.1", "localhost") + "/rates.csv").fetch(tmp_path, LIMITS, None)


def test_https_never_leads_to_http(tls, web, tmp_path):
    tls.paths["/go"] = redirecting(f"{web.url}/rates.csv")
    with pytest.raises(NotAllowed, match="https to http"):
        fetch(tls, tmp_path, "/go")
    assert web.asked == []


def test_http_may_lead_to_https(tls, web, tmp_path):
    web.paths["/go"] = redirecting(f"{tls.url}/rates.csv")
    assert fetch(web, tmp_path, "/go").told["url"] == f"{tls.url}/rates.csv"


def test_a_secret_goes_to_its_own_host_only(web, tmp_path):
    with sources.source() as other:
        web.paths["/go"] = redirecting(f"{other.url}/rates.csv")
        fetch(web, tmp_path, "/go", secret=MARKER)
        assert web.asked[0][1]["authorization"] == f"Bearer {MARKER}"
        assert "authorization" not in other.asked[0][1]


def test_a_secret_never_goes_unencrypted_to_another_machine(tmp_path):
    with pytest.raises(NotAllowed, match="unencrypted"):
        UrlSource("http://data.example/x", secret=MARKER).fetch(tmp_path, LIMITS, None)


def test_netrc_is_for_whoever_sits_here_and_not_for_those_afar(web, tmp_path, monkeypatch):
    path = tmp_path / "netrc"
    path.write_text(f"machine 127.0.0.1 login ada password {MARKER}\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    for folder, is_guarded in (("near", False), ("far", True)):
        (tmp_path / folder).mkdir()
        fetch(web, tmp_path / folder, "/rates.csv", is_guarded=is_guarded)
    assert ["authorization" in headers for _, headers in web.asked] == [True, False]


def test_a_secret_file_that_others_may_read_is_refused(tmp_path):
    path = tmp_path / "secret"
    path.write_text(MARKER)
    path.chmod(0o644)
    with pytest.raises(Locked, match="others"):
        find_secret(path)
    path.chmod(0o600)
    assert find_secret(path) == MARKER
    path.write_text("two\nlines")
    with pytest.raises(InvalidInput):
        find_secret(path)


@pytest.mark.parametrize("what", ["kept", *BROKEN])
def test_no_secret_is_in_log_record_or_message(web, tmp_path, what):
    """A secret in the header, and one in the query, in whatever happens."""
    if what != "kept":
        web.paths["/x"] = BROKEN[what][0]
    else:
        web.bodies["/x"] = TABLE
    source = UrlSource(f"{web.url}/x?key={MARKER}&table=rates", secret=MARKER)
    limits = Limits(most_bytes=1_000_000, timeout_s=1, silence_s=0.5)
    with counterfoil.create(tmp_path / "home", name="Example", origin="example.org/data") as org:
        if what == "kept":
            taken = org.provenance.snapshots.take(source, name="x", limits=limits)
            assert taken.run.record.parameters["source"]["url"].endswith("/x?key=…&table=…")
        else:
            with pytest.raises(CounterfoilError) as caught:
                org.provenance.snapshots.take(source, name="x", limits=limits)
            error = caught.value
            assert MARKER not in f"{error.message} {error.hint} {error!r} {error.__cause__!r}"
    assert MARKER not in repr(source)
    for path in (tmp_path / "home").rglob("*"):
        if path.is_file():
            assert MARKER.encode() not in path.read_bytes(), path


def api(web, folder, limits=LIMITS, **form):
    made = ApiForm(**({"url": f"{web.url}/api", "pages_per_s": 1000} | form))
    return ApiSource(made).fetch(folder, limits, None)


def loops(handler):
    saying(200, b'{"items":[1],"next":"/api"}')(handler)


def goes_on(handler):
    number = int(handler.path.partition("page=")[2] or 0)
    saying(200, b'{"items":[1],"next":"/api?page=%d"}' % (number + 1))(handler)


PAGES = {
    "no json": (saying(200, b"<html>login</html>"), InvalidInput),
    "doubled member": (saying(200, b'{"items":[],"items":[1]}'), InvalidInput),
    "not a number": (saying(200, b'{"items":[NaN]}'), InvalidInput),
    "too large a number": (saying(200, b'{"items":[9007199254740993]}'), InvalidInput),
    "deep": (saying(200, b"[" * 100_000), InvalidInput),
    "no list": (saying(200, b'{"items":{}}'), InvalidInput),
    "another list": (saying(200, b'{"other":[]}'), InvalidInput),
    "a list alone": (saying(200, b"[1]"), InvalidInput),
    "a circle": (loops, InvalidInput),
    "no end": (goes_on, TooLarge),
    "next elsewhere": (saying(200, b'{"items":[1],"next":"http://127.0.0.2/api"}'), NotAllowed),
    "next no text": (saying(200, b'{"items":[1],"next":7}'), InvalidInput),
    "next a file": (saying(200, b'{"items":[1],"next":"file:///etc/passwd"}'), InvalidInput),
    "cut off": (sources.cut_off, NodeUnreachable),
    "a huge page": (sources.endless, TooLarge),
}


@pytest.mark.parametrize("what", PAGES)
def test_an_api_that_misbehaves_is_an_error(web, tmp_path, what):
    web.paths["/api"], expected = PAGES[what]
    with pytest.raises(expected):
        api(web, tmp_path, Limits(timeout_s=20), items="items", next="next", most_pages=7)


def test_a_full_disk_is_this_machines_fault_and_not_the_sources(web, tmp_path):
    from organisations import full_disk

    web.bodies["/x"] = bytes(3 << 20)
    with full_disk(1 << 20), pytest.raises(LogUnavailable):
        fetch(web, tmp_path, "/x")
