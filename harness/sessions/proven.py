"""A run's certificates: those before it measures, and those of what it comes to on its way."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from harness.analysis.statistics import MIN_REPLICATES
from harness.engine.forking import ForkServers
from harness.engine.proving import MEMORY, ProofConditions, ProofObserver, certify, identify
from harness.settings.config import Settings
from harness.settings.grid import Plan
from harness.store.writer import Store
from harness.work.contender import Contender
from harness.work.records import Certification
from harness.work.workload import Case


def prove(planned: Plan, data_root: Path, *, servers: ForkServers, observer: ProofObserver) -> pd.DataFrame:
    """A certificate for each contender of each case that can have one, see `proving.certify`."""
    return certify(planned.provable(), _conditions(planned.settings, data_root, servers), observer)


def prove_ahead(
    planned: Plan, data_root: Path, *, servers: ForkServers, observer: ProofObserver
) -> pd.DataFrame:
    """The certificates that a run waits for (`Plan.ahead`); all, where nothing can be measured by these."""
    ahead = planned.ahead(MIN_REPLICATES)
    first = replace(planned, cases=ahead)
    proofs = prove(first, data_root, servers=servers, observer=observer)
    if wanted_of(first, certifications(proofs))[0]:
        return proofs
    others = replace(planned, cases=tuple(case for case in planned.cases if case not in ahead))
    return pd.concat([proofs, prove(others, data_root, servers=servers, observer=observer)])


def identities(planned: Plan) -> Mapping[tuple[str, str], str]:
    """For each case's id and framework the identifier that its certificate has, proven or not."""
    settings = planned.settings
    return {
        (one.case.id, one.framework): identify(one.case, one.framework, settings.threads, settings.pass_env)
        for one in planned.provable()
    }


def certifications(proofs: pd.DataFrame) -> Mapping[tuple[str, str], Certification]:
    """What the trials of a case's id and a framework are stored under."""
    return {
        (row["case_id"], row["framework"]): Certification(
            id=row["certificate_id"],
            holds=row["holds"],
            lacked_memory=row["failed_check"] == MEMORY,
        )
        for row in proofs.to_dict("records")
    }


def wanted_of(
    planned: Plan, held: Mapping[tuple[str, str], Certification]
) -> tuple[tuple[Case, ...], frozenset[Contender]]:
    """The cases that are to be measured, and the ways that are not to meet there.

    One whose proof ran out of memory is wanted, so that its failure is on record, and so is one that is not
    proven yet.
    """
    if planned.settings.allow_mismatch:
        return planned.cases, frozenset()
    differing = {case_id for (case_id, _), proof in held.items() if proof.differs}
    unproven = {key for key, proof in held.items() if not proof.holds}
    refused = (one for one in planned.contenders() if (one.case.id, one.framework) in unproven)
    wanted = tuple(case for case in planned.cases if case.id not in differing)
    return wanted, frozenset(refused if planned.best else ())


class Proven:
    """What `prove` found, in the words of whoever measures; `run` is the row that tells its certificates."""

    def __init__(
        self,
        planned: Plan,
        proofs: pd.DataFrame,
        data_root: Path,
        *,
        store: Store,
        run: dict[str, Any],
        servers: ForkServers,
        observer: ProofObserver,
    ) -> None:
        self._proofs = proofs
        self._conditions = _conditions(planned.settings, data_root, servers)
        self._store = store
        self._run = run
        self._observer = observer

    @property
    def held(self) -> Mapping[tuple[str, str], Certification]:
        """See `certifications`."""
        return certifications(self._proofs)

    @property
    def failed(self) -> pd.DataFrame:
        """The certificates that do not hold."""
        return self._proofs[~self._proofs["holds"].astype(bool)]

    def more(self, contenders: Sequence[Contender]) -> Mapping[tuple[str, str], Certification]:
        """Certify others on the way.

        Raises:
            NotStored: a certificate or the run's row cannot be written.
        """
        proofs = certify(contenders, self._conditions, self._observer)
        self._proofs = pd.concat([self._proofs, proofs])
        # An earlier sitting may have come further.
        known = [*(self._run["certificate_ids"] or []), *self._proofs["certificate_id"]]
        self._run["certificate_ids"] = list(dict.fromkeys(known))
        self._store.save_run(self._run)
        return self.held


def _conditions(settings: Settings, data_root: Path, servers: ForkServers) -> ProofConditions:
    return ProofConditions(
        results=settings.results,
        data_root=data_root,
        logs=Store(settings.results).logs,
        threads=settings.threads,
        timeout_s=settings.timeout_s,
        servers=servers,
        passed=settings.pass_env,
    )
