"""Why an output does not leave: the rule that keeps it, in one word and in a sentence."""

from __future__ import annotations

__all__ = ["Refusal"]


class Refusal(Exception):
    """Ends the check of one file. It never leaves the gate: the decision says so instead.

    Args:
        rule: One word, as decisions name it; docs/reference/output-gate.md lists them.
        why: A sentence that quotes nothing of the file.
    """

    def __init__(self, rule: str, why: str) -> None:
        super().__init__(why)
        self.rule = rule
        self.why = why
