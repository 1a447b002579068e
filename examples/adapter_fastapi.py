"""A FastAPI application whose model endpoint leaves a record of each answer.

    python examples/adapter_fastapi.py [FOLDER]

Asks the application once, in this process, and checks the record that the answer names. To serve it,
give `app` to uvicorn instead.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.testclient import TestClient
from pydantic import BaseModel

import counterfoil
from counterfoil.adapters.starlette import CallRecords, recorded


class Applicant(BaseModel):
    customer: str
    income: float


app = FastAPI()


@app.post("/score")
@recorded
def score(applicant: Applicant, request: Request) -> dict[str, float]:
    request.state.subject = applicant.customer  # whom the answer is about
    return {"score": min(applicant.income / 5_000, 1.0)}


def main(home: Path) -> int:
    org = counterfoil.create(home, name="Example Bank AG", origin="bank.example/credit")
    app.add_middleware(CallRecords, organisation=org)

    answer = TestClient(app).post("/score", json={"customer": "customer 4711", "income": 2_500})
    named = answer.headers["Counterfoil-Record"]
    print(f"{answer.status_code} {answer.json()}, on record as {named}")

    index = int(named.partition(";")[0])
    receipt = home.with_name("answer.json")
    receipt.write_bytes(org.calls.receipt(index).encode())
    report = counterfoil.check(receipt, issuer=str(org.issuer))
    print(report.verdict)
    org.close()
    return report.exit_code(require=["issuer"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "bank")))
