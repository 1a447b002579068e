"""An agent that asks a model and runs a tool: each call is a record when its span ends.

    python examples/adapter_opentelemetry.py [FOLDER]

The spans are made by hand here; instrumentations of model libraries make the same ones.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

import counterfoil
from counterfoil.adapters.opentelemetry import CallSpanProcessor


def answer(tracer: Tracer, customer: str, question: str) -> str:
    told = {"gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "clerk", "enduser.id": customer}
    with tracer.start_as_current_span("invoke_agent clerk", attributes=told):
        told = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "balance", "enduser.id": customer}
        with tracer.start_as_current_span("execute_tool balance", attributes=told) as span:
            span.set_attribute("gen_ai.tool.call.result", json.dumps({"balance": 120}))
        told = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "small", "enduser.id": customer}
        with tracer.start_as_current_span("chat small", attributes=told) as span:
            span.set_attribute("gen_ai.input.messages", json.dumps([{"role": "user", "content": question}]))
            said = "You have 120 in your account."
            span.set_attribute("gen_ai.output.messages", json.dumps([{"role": "assistant", "content": said}]))
    return said


def main(home: Path) -> int:
    org = counterfoil.create(home, name="Example Bank AG", origin="bank.example/clerk")
    provider = TracerProvider()
    provider.add_span_processor(CallSpanProcessor(org))
    print(answer(provider.get_tracer("clerk"), "customer 4711", "How much do I have?"))

    rows = org.calls.search(subject="customer 4711")
    for row in reversed(rows):
        print(f"record {row['idx']}: {row['operation']}")
    evidence = home.with_name(f"{home.name}.agent.zip")
    org.bundles.write_records(evidence, [rows[0]["idx"]], show="everything")  # brings what it builds on
    report = counterfoil.check(evidence, issuer=str(org.issuer))
    print(report.verdict)
    org.close()
    return report.exit_code(require=["issuer"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "bank-opentelemetry")))
