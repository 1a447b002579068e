"""A FastAPI application whose model endpoint leaves a record of each answer.

    python examples/adapter_fastapi.py [FOLDER]

Asks it once, in this process, and checks the record that the answer names.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import httpx
from fastapi import FastAPI, Request
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


async def ask(applicant: dict[str, object]) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://bank.example") as client:
        return await client.post("/score", json=applicant)


def main(home: Path) -> int:
    org = counterfoil.create(home, name="Example Bank AG", origin="bank.example/credit")
    app.add_middleware(CallRecords, organisation=org)

    answer = asyncio.run(ask({"customer": "customer 4711", "income": 2_500}))
    named = answer.headers["Counterfoil-Record"]
    print(f"{answer.status_code} {answer.json()}, on record as {named}")

    index = int(named.partition(";")[0])
    (receipt := home.with_name(f"{home.name}.answer.json")).write_bytes(org.calls.receipt(index).encode())
    report = counterfoil.check(receipt, issuer=str(org.issuer))
    print(report.verdict)
    org.close()
    return report.exit_code(require=["issuer"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "bank-fastapi")))
