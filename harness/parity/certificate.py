"""Findings make a certificate: it holds when every one of them does.

A certificate belongs to one framework's way of doing one case. Two that hold, of one case, say that both did
the same work: each was held against the same reference.
"""

from __future__ import annotations

from dataclasses import dataclass

from harness.work.workload import Case


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One quantity of one check: what was found, what it was held against, and how far apart they may be.

    Where both have to be equal, `difference` and `bound` are None and `expected` is what was asked. Where
    they may differ by rounding, `expected` is NumPy's value and `difference` is in the unit of `meaning`.
    """

    check: str
    quantity: str
    expected: str | None
    found: str | None
    difference: float | None
    bound: float | None
    meaning: str
    holds: bool

    @property
    def sentence(self) -> str:
        """What was found, in words: for the terminal and the page."""
        if self.expected is None:
            return f"{self.quantity}: {self.meaning}"
        if self.difference is None or self.bound is None:
            return f"{self.quantity}: {self.found}, asked {self.expected}"
        return (
            f"{self.quantity}: {self.found}, reference {self.expected} "
            f"({self.meaning} {self.difference:.3g}, bound {self.bound:.3g})"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """The proof for one framework in one case. `id` is the digest of everything that it depends on."""

    id: str
    case: Case
    framework: str
    findings: tuple[Finding, ...]
    wall_s: float

    @property
    def holds(self) -> bool:
        return bool(self.findings) and all(finding.holds for finding in self.findings)

    @property
    def reason(self) -> str | None:
        """Whose work differs, and how; None where the certificate holds."""
        failure = self.first_failure
        return None if failure is None else f"{self.framework}: {failure.sentence}"

    @property
    def first_failure(self) -> Finding | None:
        return next((finding for finding in self.findings if not finding.holds), None)
