"""From a margin to an answer: what every integer model does alike."""

from __future__ import annotations

from collections.abc import Mapping

from counterfoil.core.canonical import JsonValue
from counterfoil.provenance.models.features import Label
from counterfoil.provenance.models.fixedpoint import MARGIN_DECIMALS, MICRO, divide_half_even, sigmoid_micro

__all__ = ["Answers"]


class Answers:
    """Score and label of an integer model, which brings its margin.

    Attributes:
        classes: Labels of the two outcomes; the score is about the last.
        link: "logit": the score is the sigmoid of the margin; else the margin itself.
    """

    __slots__ = ()

    classes: tuple[Label, Label]
    link: str

    def margin(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the margin in units of 10^-9."""
        raise AssertionError("every integer model has a margin of its own")

    @property
    def positive(self) -> Label:
        """The outcome the score is about."""
        return self.classes[1]

    def score_micro(self, row: Mapping[str, JsonValue]) -> int:
        """Returns the score of the positive outcome, 0 to 1,000,000 micro-units.

        Raises:
            InvalidInput: For a missing, extra or unusable value, naming the feature.
        """
        margin = self.margin(row)
        if self.link == "logit":
            return sigmoid_micro(margin)
        return min(max(divide_half_even(margin, 10**MARGIN_DECIMALS // MICRO), 0), MICRO)

    def score(self, row: Mapping[str, JsonValue]) -> float:
        """Returns `score_micro` as a share of one."""
        return self.score_micro(row) / MICRO

    def label(self, row: Mapping[str, JsonValue]) -> Label:
        """Returns the outcome without any policy: positive if the margin is above 0 (logit) or one half."""
        return self.classes[self.margin(row) > (0 if self.link == "logit" else 10**MARGIN_DECIMALS // 2)]
