"""Who of a run has a certificate by now, and the proofs that are made on its way."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from harness.settings.grid import Plan
from harness.settings.matches import Match
from harness.work.contender import Contender
from harness.work.records import Certification

# Certifies contenders: for each case's id and framework what its trials are stored under.
Prove = Callable[[Sequence[Contender]], Mapping[tuple[str, str], Certification]]


class Certified:
    """The certificates of a plan's contenders: `held` has them by each case's id and framework, and grows.

    Without `prove` nobody is certified any more.
    """

    def __init__(
        self, plan: Plan, held: Mapping[tuple[str, str], Certification], prove: Prove | None
    ) -> None:
        self.held = dict(held)
        self._allows_mismatch = plan.settings.allow_mismatch
        self._prove = prove
        lacking = (one for one in plan.provable() if _key(one) not in held)
        self._lacking = dict.fromkeys(lacking if prove else ())

    @property
    def proves(self) -> bool:
        """Whether contenders can still be certified."""
        return self._prove is not None

    def lacks(self, match: Match) -> bool:
        """Whether one of a match's contenders has to be certified before it is measured."""
        return any(one in self._lacking for one in match.contenders)

    def prove_rest(self) -> frozenset[str]:
        """Certify all that lack it; the ids of the cases that are not to be measured, where work differs."""
        lacking, self._lacking = tuple(self._lacking), {}
        return frozenset(one.case.id for one in self.prove(lacking) if self.held[_key(one)].differs)

    def prove(self, contenders: Sequence[Contender]) -> frozenset[Contender]:
        """Certify these; those of them whose certificates do not hold, unless a mismatch is allowed."""
        assert self._prove is not None, "see `proves`"
        self.held.update(self._prove(contenders))
        failed = (one for one in contenders if not self.held[_key(one)].holds)
        return frozenset(() if self._allows_mismatch else failed)

    def is_unproven(self, case_id: str) -> bool:
        """Whether memory ran out in a case's proof: a match is as little worth without a certificate."""
        if self._allows_mismatch:
            return False
        return not all(proof.holds for (of, _), proof in self.held.items() if of == case_id)


def _key(one: Contender) -> tuple[str, str]:
    return one.case.id, one.framework
