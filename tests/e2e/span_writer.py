"""Ends spans from four threads until it is killed, and says of each when its `end` had returned.

python span_writer.py HOME
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import Tracer

from counterfoil.adapters.opentelemetry import CallSpanProcessor
from counterfoil.organisation import Organisation

THREADS = 4


def say(*words: object) -> None:
    """One short write to a pipe is never torn."""
    os.write(1, (" ".join(map(str, words)) + "\n").encode())


def end_forever(tracer: Tracer, thread: int) -> None:
    for number in range(1_000_000):
        told = {"gen_ai.operation.name": "invoke_agent", "enduser.id": f"p-{thread}-{number}"}
        with tracer.start_as_current_span("agent", attributes=told) as agent:
            for step in range(3):
                told = {"gen_ai.operation.name": "chat", "gen_ai.input.messages": f"{thread} {number} {step} " * 50}
                with tracer.start_as_current_span("chat", attributes=told) as chat:
                    pass
                say("ended", f"{chat.get_span_context().span_id:016x}")
        say("ended", f"{agent.get_span_context().span_id:016x}")


def main(home: Path) -> None:
    with Organisation.open(home) as org:
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(CallSpanProcessor(org))
        tracer = provider.get_tracer("agents")
        threads = [threading.Thread(target=end_forever, args=(tracer, number)) for number in range(THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
