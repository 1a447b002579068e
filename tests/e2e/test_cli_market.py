"""`counterfoil market`, as it is typed: a clinic sells a table to a lab; ledger and node are programs of their own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from making_market import free_port

from counterfoil.cli.main import run
from counterfoil.core.age import read_secret
from counterfoil.core.age_payload import decrypt

PROGRAM = "import sys; from counterfoil.cli.main import main; sys.exit(main())"
LICENCE = "For research. Do not pass it on.\n"
NOBODY = "0x" + "12" * 32

Typed = Callable[..., tuple[str, str]]


@contextmanager
def program(*args: object) -> Iterator[dict[str, Any]]:
    """Runs a command that serves as a program of its own; yields what it says first, and interrupts it."""
    command = [sys.executable, "-c", PROGRAM, *map(str, args), "--json"]
    path = {name: os.environ[name] for name in ("PATH", "PYTHONPATH") if name in os.environ}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=path)
    try:
        assert process.stdout is not None
        said = ""
        while not said.endswith("}\n"):
            line = process.stdout.readline()
            assert line, f"{args[0]} ended: {said}"
            said += line
        yield json.loads(said)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@dataclass(frozen=True)
class Two:
    """A clinic that sells and a lab that buys, on a ledger that a program serves."""

    folder: Path
    url: str

    def listen(self) -> str:
        return self.url.removeprefix("http://")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Two:
    folder, url = tmp_path_factory.mktemp("market"), f"http://127.0.0.1:{free_port()}"
    for name in ("clinic", "lab"):
        home = folder / name
        assert run(["init", str(home), "--name", f"The {name}", "--origin", f"{name}.example"]) == 0
        settings = home / "counterfoil.toml"
        own = 'market_networks = ["127.0.0.0/8"]\n' + (f'public_url = "{url}"\n' if name == "clinic" else "")
        settings.write_text(settings.read_text() + own)
    assert run(["ledger", "connect", "--home", str(folder / "clinic")]) == 0
    (folder / "licence.txt").write_text(LICENCE)
    rows = "".join(f"person {each},{each % 7},{'north' if each % 2 else 'south'}\n" for each in range(500))
    (folder / "scans.csv").write_text(f"patient_name,dose,site\n{rows}")
    assert run(["dataset", "add", str(folder / "scans.csv"), "--name", "scans", "--home", str(folder / "clinic")]) == 0
    return Two(folder, url)


@pytest.fixture
def typed(capsys: pytest.CaptureFixture[str], two: Two) -> Typed:
    def typed(who: str, *args: object, code: int = 0) -> tuple[str, str]:
        capsys.readouterr()
        found = run([*map(str, args), "--home", str(two.folder / who)])
        said = capsys.readouterr()
        assert found == code, said
        return said.out, said.err

    return typed


def told(typed: Typed, who: str, *args: object) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(typed(who, *args, "--json")[0])
    return found


def connection(two: Two, who: str) -> dict[str, Any]:
    import tomllib

    return tomllib.loads((two.folder / who / "ledger" / "connection.toml").read_text())


def joined(typed: Typed, two: Two, account: str, rpc: str) -> None:
    """Connects the lab to the clinic's ledger, and gives it credits."""
    known = connection(two, "clinic")
    way = ("--rpc", rpc, "--yes", "--contract", known["contract"], "--assets", known["assets"])
    typed("lab", "ledger", "connect", *way)
    named = ("--contract", known["market"], "--token", known["credits"])
    out, _ = typed("lab", "market", "deploy", *named, "--yes")
    assert f"The market is the contract {known['market']}" in out
    assert connection(two, "lab")["credits"] == known["credits"]
    assert told(typed, "clinic", "market", "credits", "mint", "100", "--to", account, "--yes")["done"] is True


def test_a_table_is_sold_bought_fetched_and_refunded(typed: Typed, two: Two, tmp_path: Path) -> None:
    account = told(typed, "lab", "ledger", "accounts", "create")["address"]
    draft, terms = two.folder / "draft.toml", ("--window", "3d", "--delivery-within", "1d", "--price", "12.50")
    listing = ("market", "publish", "scans", two.folder / "scans.csv", *terms)
    sheet = ("--licence", two.folder / "licence.txt", "--licence-name", "research only", "--anybody", "--tag", "health")

    # What identifies persons is warned of, and what would be sent and shown is told before.
    out, err = typed("clinic", *listing, *sheet, "--sample", "patient_name,dose", "--dry-run")
    assert "warning: patient_name: its name says like names" in err
    assert "register the dataset and offer it" in out
    assert "price       12.50 CREDIT" in out
    assert out.endswith("Nothing was sent.\n")
    assert told(typed, "clinic", "market", "offer", "list") == {"offers": []}

    # The draft is written from what is on record, filled in by a person, and taken.
    typed("clinic", *listing, *sheet, "--sample", "dose", "--profile", "dose,site", "--draft", draft)
    draft.write_text(draft.read_text().replace('title = "scans"', 'title = "Doses of 500 scans"'))
    made = told(typed, "clinic", *listing, "--draft", draft, "--yes")
    assert (made["price"]["amount"], made["window_s"], made["open"], made["to_mind"]) == ("12.50", 259_200, True, [])
    assert (
        told(typed, "clinic", *listing, "--draft", draft, "--yes")["block"] == made["block"]
    )  # the same: nothing sent
    offer, bought = made["offer"], tmp_path / "bought.csv"

    with program("ledger", "up", "--home", two.folder / "clinic", "--fund", account) as served:
        joined(typed, two, account, served["url"])
        with program("up", "--home", two.folder / "clinic", "--listen", two.listen()):
            [found] = told(typed, "lab", "market", "search", "doses")["listings"]
            assert (found["offer"], found["title"], found["tags"]) == (offer, "Doses of 500 scans", ["health"])
            assert told(typed, "lab", "market", "search", "elephants")["total"] == 0
            shown, _ = typed("lab", "market", "show", offer)
            assert "rule 1      allow: whoever accepts the licence\n  licence: " in shown
            assert "profile     500 rows\n  dose: number, " in shown
            assert typed("lab", "market", "show", offer, "--licence")[0] == LICENCE

            # Nobody pays for what is then refused, nor more than was said, nor without a yes.
            buying = ("market", "buy", offer, "--to", bought)
            _, err = typed("lab", *buying, "--yes", code=6)
            assert "'whoever accepts the licence' asks that the licence" in err
            _, err = typed("lab", *buying, "--accept-licence", "--max", "12", "--yes", code=6)
            _, err = typed("lab", *buying, "--accept-licence", code=2)
            assert "this needs a yes" in err
            out, _ = typed("lab", *buying, "--accept-licence", "--dry-run")
            assert "moves       12.50 CREDIT, held by the market until it is delivered" in out
            assert told(typed, "lab", "market", "credits", "balance")["amount"] == "100.00"

            purchase = told(typed, "lab", *buying, "--accept-licence", "--yes")
            assert bought.read_bytes() == (two.folder / "scans.csv").read_bytes()
            assert (purchase["state"], purchase["on_ledger"]["state"]) == ("fetched", "delivered")
            assert told(typed, "lab", "market", "credits", "balance")["amount"] == "87.50"
            _, err = typed("lab", *buying, "--accept-licence", "--yes", code=2)
            assert "has access to it for good already" in err
            order = purchase["order"]
            again = tmp_path / "again.csv"
            assert told(typed, "lab", "market", "download", order, "--to", again)["state"] == "fetched"
            assert again.read_bytes() == bought.read_bytes()
            assert told(typed, "lab", "market", "download", order)["path"] == str(again)
            unpacking = ("market", "download", order, "--unpack", tmp_path / "unpacked")  # a table is no folder
            assert "tar" in typed("lab", *unpacking, code=4)[1]
            assert not (tmp_path / "unpacked").exists()
            again.write_bytes(again.read_bytes() + b"0")
            assert "is not what was bought any more" in typed("lab", "market", "download", order, code=4)[1]
            typed("lab", "market", "download", order, "--to", tmp_path / "missing" / "once more.csv", code=2)
            assert told(typed, "lab", "market", "resume") == {"faults": [], "moved": []}  # it is here all the same

            # Key and ticket are enough to fetch it without this program; both are for their owner alone.
            handed = told(typed, "lab", "market", "ticket", order, "--to", tmp_path / "handed")
            key, ticket = Path(handed["key"]), Path(handed["ticket"])
            assert [each.stat().st_mode & 0o777 for each in (key, ticket)] == [0o600, 0o600]
            bearer = {"Authorization": f"Bearer {ticket.read_text().strip()}"}
            with urlopen(Request(handed["url"], headers=bearer), timeout=30) as answer:
                assert decrypt(answer.read(), read_secret(key.read_text().strip())) == bought.read_bytes()
            out, _ = typed("lab", "market", "review", offer, "--stars", 4, "--text", "as described", "--yes")
            assert "The seller's node has its text." in out
            assert "4 of 5 by" in typed("lab", "market", "show", offer)[0]

        # The seller gives it back: access ends, and the money is the buyer's again.
        [sold] = told(typed, "clinic", "market", "orders")["orders"]
        assert (sold["order"], sold["state"], sold["buyer"]) == (order, "delivered", account)
        out, _ = typed("clinic", "market", "refund", order, "--yes")
        assert out.startswith("12.50 CREDIT went back to the buyer.")
        again, err = typed("clinic", "market", "refund", order, "--yes")
        assert (again, "Sent" in err) == (out, False)  # once is enough
        assert told(typed, "lab", "market", "purchases", order)["on_ledger"]["state"] == "refunded"
        assert told(typed, "lab", "market", "payouts", "show")["owed"]["amount"] == "12.50"
        out, _ = typed("lab", "market", "payouts", "withdraw", "--yes")
        assert out == "The account holds 100.00 CREDIT now.\n"


def test_an_offer_is_made_once_more_repriced_shared_and_withdrawn(typed: Typed, two: Two) -> None:
    terms = ("--licence", two.folder / "licence.txt", "--anybody", "--period", "30d", "--price", "2")
    made = told(typed, "clinic", "market", "offer", "add", "scans", two.folder / "scans.csv", *terms, "--yes")
    numbers = {each["number"] for each in told(typed, "clinic", "market", "offer", "list")["offers"]}
    assert (made["kind"], made["duration_s"]) == ("period", 30 * 86_400)
    assert made["number"] == max(numbers)
    offer = made["offer"]
    assert told(typed, "clinic", "market", "offer", "price", offer, "3.25", "--yes")["price"]["amount"] == "3.25"
    payee = connection(two, "clinic")["market"]
    shared = told(typed, "clinic", "market", "shares", "set", offer, f"{payee}=12.5", "--yes")
    assert shared["shares"] == [{"bps": 1_250, "payee": payee}]
    out, _ = typed("clinic", "market", "shares", "show", offer)
    assert f"12.5 percent for {payee}" in out
    assert "87.5 percent for the seller" in out
    assert told(typed, "clinic", "market", "offer", "withdraw", offer, "--yes")["open"] is False


def test_computations_next_to_the_table_are_offered(typed: Typed, two: Two, tmp_path: Path) -> None:
    rules, schema = tmp_path / "rules.toml", tmp_path / "schema.json"
    rules.write_text(
        '[gate]\nmaxBytes = 100\n[[gate.files]]\nname = "n.json"\ntype = "json"\nmaxBytes = 90\n'
        '[gate.files.schema]\ntype = "number"\n'
    )
    schema.write_text('{"type": "object", "properties": {"least": {"type": "number"}}, "additionalProperties": false}')
    terms = ("--licence", two.folder / "licence.txt", "--anybody", "--price", "3", "--compute", rules)
    offering = ("market", "offer", "add", "scans", two.folder / "scans.csv", *terms, "--parameters", schema)
    _, err = typed("clinic", *offering, "--sale", code=2)
    assert "an offer is for a job or a sale, not both" in err
    made = told(typed, "clinic", *offering, "--yes")
    assert (made["kind"], made["delivery_s"]) == ("job", 86_400)
    shown = told(typed, "clinic", "market", "show", made["offer"])["document"]
    assert shown["compute"]["gate"]["maxBytes"] == 100
    assert list(shown["parameters"]["properties"]) == ["least"]


def test_keys_are_known_and_forgotten(typed: Typed) -> None:
    key = told(typed, "lab", "market", "key")["key"]
    assert told(typed, "clinic", "market", "known", "add", key) == {"key": key, "origin": "lab.example"}
    assert told(typed, "clinic", "market", "known", "list") == {"keys": [key]}
    typed("clinic", "market", "known", "remove", key)
    assert typed("clinic", "market", "known", "list")[0] == "No keys are known.\n"


def test_an_offer_goes_to_oceans_form_and_back(
    typed: Typed, two: Two, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    terms = ("--licence", two.folder / "licence.txt", "--anybody")
    offer = told(typed, "clinic", "market", "offer", "add", "scans", two.folder / "scans.csv", *terms, "--yes")["offer"]
    place = (
        "--nft",
        "0x" + "11" * 20,
        "--datatoken",
        "0x" + "22" * 20,
        "--chain",
        1,
        "--endpoint",
        "https://o.example",
    )
    ddo = tmp_path / "ddo.json"
    told_out = told(typed, "clinic", "market", "export", offer, ddo, *place)
    assert {each["field"] for each in told_out["unmapped"]} >= {"/content", "/node"}
    assert run(["market", "import", str(ddo), "--to", str(tmp_path / "drafts")]) == 0
    lasting = json.loads(ddo.read_text())
    lasting["services"][0]["timeout"] = 86_400
    ddo.write_text(json.dumps(lasting))
    capsys.readouterr()
    assert run(["market", "import", str(ddo), "--to", str(tmp_path / "day"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["period_s"] == [86_400]
    draft = tmp_path / "drafts" / "offer-1.toml"
    assert 'title = "scans"' in draft.read_text()

    # The draft lacks the text of the licence, the node and the content: this home fills them in.
    listing = ("market", "offer", "add", "scans", two.folder / "scans.csv", "--draft", draft)
    _, err = typed("clinic", *listing, "--dry-run", code=2)
    assert "licence.sha256 is left out" in err
    wares = told(typed, "clinic", *listing, *terms, "--dry-run")["wares"]
    assert (wares["title"], wares["seller"]["origin"]) == ("scans", "clinic.example")
    assert 'name = "as its text says"' in draft.read_text()
    draft.write_text(draft.read_text().replace("as its text says", "house rules"))
    assert told(typed, "clinic", *listing, *terms, "--dry-run")["wares"]["licence"]["name"] == "house rules"
    assert (wares["node"], wares["content"]["name"]) == (two.url, "scans.csv")


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (("publish", "nothing", "{csv}", "--anybody"), 3, "neither a dataset nor a model on record"),
        (("publish", "scans", "{licence}", "--anybody"), 2, "licence.txt is not what is on record as scans 1"),
        (("publish", "scans", "elsewhere.csv", "--anybody"), 2, "neither a file or folder, nor an address"),
        (("publish", "scans", "{csv}", "--anybody"), 3, "no text of a licence is given"),
        (("publish", "scans", "{csv}", "--licence", "{licence}"), 2, "nobody would be let in"),
        (("publish", "scans", "{csv}", "--terms", "{licence}"), 2, "the terms are not valid TOML"),
        (("publish", "scans", "{csv}", "--anybody", "--terms", "{terms}"), 2, "both say who may have it"),
        (("publish", "scans", "{csv}", "--licence", "{licence}", "--anybody", "--sample", "age"), 2, "no column 'age'"),
        (("publish", "scans", "{csv}", "--period", "soon"), 2, "is no duration"),
        (("publish", "scans", "{csv}", "--share", "0x12"), 2, "is no share"),
        (("show", "0x12"), 2, "is no"),
        (("buy", NOBODY), 3, "`counterfoil market search`"),
        (("download", NOBODY), 3, "this home has no purchase"),
        (("refund", NOBODY), 3, "there is no order"),
        (("known", "add", "nonsense"), 4, ""),
        (("deploy",), 2, "uses the Market contract"),
    ],
    ids=[
        "unknown",
        "other-file",
        "no-file",
        "no-licence",
        "no-terms",
        "false-terms",
        "two-ways",
        "column",
        "span",
        "share",
        "id",
        "offer",
        "order",
        "sold",
        "key",
        "deploy",
    ],
)
def test_mistakes_are_told_with_a_way_on(typed: Typed, two: Two, args: tuple[str, ...], code: int, words: str) -> None:
    paths = {"csv": str(two.folder / "scans.csv"), "licence": str(two.folder / "licence.txt")}
    (two.folder / "terms.toml").write_text('[[rules]]\neffect = "allow"\nname = "everybody"\n')
    paths["terms"] = str(two.folder / "terms.toml")
    _, err = typed("clinic", "market", *(each.format(**paths) for each in args), code=code)
    assert words in err
    assert "hint: " in err
