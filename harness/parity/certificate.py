"""Findings make a certificate: it holds when every one of them does."""

from __future__ import annotations

from dataclasses import dataclass

from harness.work.workload import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One quantity of one check, with both sides' values and the bound that it was held against.

    Where values have to be equal, `expected` is what both have to be, and `difference` and `bound` are
    None. Where they may differ by rounding, `difference` is in the unit of `meaning`.
    """

    check: str
    quantity: str
    expected: str | None
    tensorflow: str | None
    pytorch: str | None
    difference: float | None
    bound: float | None
    meaning: str
    holds: bool

    @property
    def sentence(self) -> str:
        """What was found, in words: for the terminal and the page."""
        values = f"{self.quantity}: TensorFlow {self.tensorflow}, PyTorch {self.pytorch}"
        if self.expected is not None:
            return f"{values}, asked {self.expected}"
        if self.difference is None or self.bound is None:
            return f"{self.quantity}: {self.meaning}"
        return f"{values} ({self.meaning} {self.difference:.3g}, bound {self.bound:.3g})"


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The proof for one case. `id` is the digest of everything that it depends on."""

    id: str
    case: Case
    findings: tuple[Finding, ...]
    wall_s: float

    @property
    def holds(self) -> bool:
        return bool(self.findings) and all(finding.holds for finding in self.findings)

    @property
    def first_failure(self) -> Finding | None:
        return next((finding for finding in self.findings if not finding.holds), None)
