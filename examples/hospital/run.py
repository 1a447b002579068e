"""A hospital lets a laboratory compute on its patients' data without giving the data away.

    python examples/hospital/run.py [FOLDER]

Two organisations on one ledger, both in FOLDER (`hospital-example` by default, which must be new). The data are real:
569 cases of breast cancer (Wisconsin, 1995), as scikit-learn brings them along. Needs Linux with bubblewrap, and the
extras `ledger`, `node`, `fingerprint`, `ml` and `compute`; takes about half a minute.
"""

from __future__ import annotations

import csv
import json
import sys
import time
from pathlib import Path

from sklearn.datasets import load_breast_cancer

import counterfoil
from counterfoil.ledger.market.offer import Offer
from counterfoil.ledger.market.selling import OfferDraft
from counterfoil.ledger.sharing import sharing
from counterfoil.market.buying.computing import ToCompute
from counterfoil.market.buying.purchases import Stated
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.jobs.checking import check_execution
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.selling.listing_draft import ToList
from counterfoil.node.serving import reserve, serving
from counterfoil.organisation import Organisation

HERE = Path(__file__).parent
LOOPBACK = ["127.0.0.0/8"]
LICENCE = b"Results may be published. Nobody tries to find out whose case is whose.\n"

GATE = {
    "maxBytes": 10_000,
    "files": [
        {"name": "model.safetensors", "type": "model", "form": "safetensors", "maxBytes": 4_000, "maxParameters": 200},
        {
            "name": "result.json",
            "type": "json",
            "maxBytes": 500,
            "digits": 3,
            "schema": {
                "type": "object",
                "properties": {"accuracy": {"type": "number", "minimum": 0, "maximum": 1}},
                "required": ["accuracy"],
                "additionalProperties": False,
            },
        },
        {"name": "notes.txt", "type": "text", "maxBytes": 2_000},
    ],
}
PARAMETERS = {
    "type": "object",
    "properties": {"C": {"type": "number", "minimum": 0.001, "maximum": 1000, "default": 1}},
    "additionalProperties": False,
}
PRIVACY = {
    "budget": {"epsilon": 1, "everybodyEpsilon": 1},
    "person": "patient",
    "statistics": {"columns": ["mean radius"], "mostEpsilon": 0.5},
}


def main(folder: Path) -> int:
    started_s = time.monotonic()
    folder.mkdir(parents=True)
    train = Algorithm.read(HERE / "algorithms" / "train.py")
    leak = Algorithm.read(HERE / "algorithms" / "leak.py")
    listening, url = reserve()
    with (
        counterfoil.create(
            folder / "hospital", name="St Anna", origin="hospital.example", public_url=url, market_networks=LOOPBACK
        ) as hospital,
        counterfoil.create(folder / "lab", name="Lab 9", origin="lab.example", market_networks=LOOPBACK) as lab,
    ):
        hospital.ledger.connect()
        with sharing(hospital.ledger) as ledger, serving(hospital, listening):
            ledger.join(lab.ledger, credits="100")
            data = write_cases(folder / "cases.csv")
            hospital.provenance.register_dataset(data, name="breast cancer cases")
            jobs = offered(hospital, data, 1, "25", {"gate": GATE, "algorithms": {"digests": [train.digest_hex]}})
            figures = offered(hospital, data, 2, "5", {"gate": {"maxBytes": 1}, "privacy": PRIVACY})
            told("1. The hospital offers 569 cases to be computed on. Its node runs what is bought.")
            print(f"   25 credits for a job, at most; one algorithm is approved: {train.digest_hex[:16]}…")
            trains(hospital, lab, jobs, train, data, folder / "model")
            leaks(hospital, lab, jobs, leak)
            asks(lab, figures)
            is_right = counted(hospital, lab)
    print(f"\nThat took {time.monotonic() - started_s:.0f} s.")
    return 0 if is_right else 1


def trains(hospital: Organisation, lab: Organisation, offer: Offer, train: Algorithm, data: Path, to: Path) -> None:
    """An honest job."""
    told("2. The laboratory has a logistic regression trained next to the data, and gets the model, not the rows.")
    order = bought(lab, offer, ToCompute(train, {"C": 1}))
    state = awaited(lab, order)
    result = lab.market.computing.fetch(order, to)
    print(f"   The job is {state}. In {to.name}/out: {', '.join(result.outputs)}")
    print(f"   Accuracy on cases it was not trained on: {json.loads(result.outputs['result.json'])['accuracy']}")
    receipt = result.receipt
    print(f"   Receipt: algorithm {receipt.algorithm[:16]}… ran on data {receipt.inputs[:16]}…,")
    print(f"   signed by the hospital; its digest {result.signed.digest_hex[:16]}… is the one on the ledger.")
    print("   Whoever may see the data can run it again. The hospital's auditor does, and compares:")
    sheet = hospital.market.sheets.sheet_of(offer)
    spec = JobSpec.decode(lab.market.purchases.at(order).job)
    report = check_execution(result.signed.encode(), sheet, spec, train, data, folder=to, issuer=hospital.market.key)
    for number, step in enumerate(report.steps, 1):
        print(f"     {number}. {step.title:45} {step.status}: {step.detail}")
    if not report.is_intact:
        raise SystemExit("the receipt does not hold")


def leaks(hospital: Organisation, lab: Organisation, offer: Offer, leak: Algorithm) -> None:
    """A job that tries to carry rows out."""
    told("3. The laboratory tries another algorithm, which hides cases in what it returns.")
    jobs = hospital.market.jobs
    jobs.approved.add(leak.digest_hex)
    print("   Somebody at the hospital approves it without reading it. So it runs; what leaves is decided at the gate.")
    order = bought(lab, offer, ToCompute(leak))
    print(f"   The job is {awaited(lab, order, 'held')}: text leaves only by somebody's hand.")
    for waiting in jobs.pending():
        shown = jobs.preview(waiting.job, waiting.name)
        print(f"   At the release desk: {waiting.name} says {shown.text[:60]!r}…")
        why = "it names patients"
        jobs.decide(waiting.job, waiting.name, shown.sha256, releases=False, by="Dr Weiss", reason=why)
        print(f"   Dr Weiss keeps it: {why}. Her decision is on record.")
    jobs.approved.remove(leak.digest_hex)
    awaited(lab, order)
    result = lab.market.computing.fetch(order)
    for each in json.loads(result.gate)["files"]:
        print(f"   {each['name']:18} {each['outcome']}: {each['why']}")
    print(f"   What left: {len(result.outputs)} files. Who gets nothing pays nothing.")


def asks(lab: Organisation, offer: Offer) -> None:
    """Statistics with noise, until nothing more may be learnt."""
    told("4. The laboratory asks for an average, with noise that hides each single patient.")
    asked = {"name": "radius", "kind": "mean", "column": "mean radius", "epsilon": 0.5, "low": 5, "high": 30}
    for number in (1, 2, 3):
        order = bought(lab, offer, ToCompute(statistics=[asked]))
        state = awaited(lab, order)
        if state == "delivered":
            answer = json.loads(lab.market.computing.fetch(order).outputs["answer.json"])["answers"][0]
            print(f"   {number}: {answer['value']:.2f} mm, for half of the privacy budget of these data")
        else:
            print(f"   {number}: {state}. The budget is used up, for good and for everybody; the money comes back.")


def counted(hospital: Organisation, lab: Organisation) -> bool:
    """Waits until nobody can object any more, and looks where the money is."""
    told("5. The window in which somebody could object is over, and the ledger pays out by itself.")
    ends_s = time.monotonic() + 30
    while hospital.ledger.market.orders(states=("held", "delivered")) and time.monotonic() < ends_s:
        time.sleep(0.2)
    quote, withdraw = lab.ledger.market.withdrawing()
    quote.require_funds()
    withdraw(lambda _: None)
    left, earned = lab.ledger.market.balance(), hospital.ledger.market.owed()
    print(f"   Of its 100 credits the laboratory has {left.text} left: a model for 25, two averages for 5 each.")
    print(f"   The hospital can take {earned.text} out of the market.")
    return (left.amount, earned.amount) == ("65.00", "35.00")


def write_cases(path: Path) -> Path:
    """Writes the data as the hospital has them: a row a patient."""
    found = load_breast_cancer()
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["patient", *found.feature_names, "benign"])
        for number, (values, benign) in enumerate(zip(found.data, found.target, strict=True)):
            writer.writerow([f"patient-{number:03}", *(repr(float(value)) for value in values), int(benign)])
    return path


def offered(hospital: Organisation, data: Path, number: int, price: str, compute: dict[str, object]) -> Offer:
    """Puts computing on offer: due within 10 minutes, and paid out 2 seconds after delivery."""
    wanted = ToList(
        "breast cancer cases",
        str(data),
        OfferDraft("job", price, "", number=number, delivery_s=600, window_s=2),
        title="569 cases of breast cancer, to be computed on",
        licence_text=LICENCE,
        licence_name="research only",
        is_for_anybody=True,
        compute=compute,
        parameters=PARAMETERS if "algorithms" in compute else {},
    )
    selling = hospital.market.selling
    quote, _, carry_out = selling.offering.planning(selling.drafts.draft(wanted).listing)
    quote.require_funds()
    return carry_out(lambda _: None)


def bought(lab: Organisation, offer: Offer, wanted: ToCompute) -> str:
    """Reads the sheet, agrees to its licence, buys the job, hands it in, and returns the order."""
    licence = lab.market.sheets.sheet_of(offer).sheet.wares.licence
    planned = lab.market.computing.planning(offer.offer, wanted, Stated(accepts=(licence.sha256,)))
    planned.quote.require_funds()
    return planned.carry_out(lambda _: None).order


def awaited(lab: Organisation, order: str, *until: str) -> str:
    """Returns how a job stands when it is over, or is in a state that is waited for."""
    wanted = until or ("delivered", "refunded")
    ends_s = time.monotonic() + 60
    while (state := str(lab.market.computing.status(order)["state"])) not in wanted:
        if time.monotonic() > ends_s:
            raise SystemExit(f"the job is still {state}")
        time.sleep(0.2)
    return state


def told(line: str) -> None:
    print(f"\n{line}")


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "hospital-example").absolute()))
