"""Certificates before verdicts: both frameworks testify in fresh workers, the judge compares.

A proof is not timed, so its two workers run at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import machine, python_version
from typing import Final, Protocol

import pandas as pd

import harness
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment
from harness.errors import OutOfMemory, TrialError
from harness.measure import host, nvml, scratch
from harness.measure.provenance import relevant
from harness.parity import evidence, judge
from harness.parity.certificate import Certificate, Finding
from harness.store import certificates
from harness.work.workload import FRAMEWORKS, PYTORCH, TENSORFLOW, Case, TrialSpec
from harness.worker.protocol import Do, dump_spec

# The check that fails where a side ran out of memory: the case does not fit, whatever it would have shown.
MEMORY: Final = "memory"

_PACKAGES: Final = ("numpy", "tensorflow", "keras", "torch", "torchvision")

# What a proof runs through, below the package's folder.
_SOURCES: Final = (
    "frameworks/**/*.py", "parity/*.py", "worker/*.py", "engine/*.py",
    "work/recipe.py", "work/workload.py", "data/mnist.py",
)  # fmt: skip


class ProofObserver(Protocol):
    """Who is told how the proofs go on."""

    def proof_began(self, case: Case) -> None:
        """Not called for a case whose certificate is at hand already."""

    def proof_done(self, certificate: Certificate, *, reused: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofConditions:
    """What all proofs of a run share. `results` is the folder that keeps certificates between runs."""

    results: Path
    data_root: Path
    logs: Path
    threads: int
    timeout_s: float


def certify(cases: Sequence[Case], conditions: ProofConditions, observer: ProofObserver) -> pd.DataFrame:
    """A certificate for every case, proven now or at hand from an earlier run, all of them on disk.

    Only a certificate that holds is taken from disk: a failure may have been a worker's that died. One
    that was proven with a replaced adapter is not, since its code is not among what the id depends on.

    Returns:
        One row a case: `case_id`, `certificate_id`, `holds`, `failed_check`, `reason`.

    Raises:
        ResultsUnusable: a certificate cannot be written.
    """
    done = []
    with scratch.folder("proof") as place:
        for case in cases:
            certificate_id = identify(case, conditions.threads)
            at_hand = certificates.load(conditions.results, certificate_id, case)
            if at_hand is not None and at_hand.holds and not _replaced_adapters():
                observer.proof_done(at_hand, reused=True)
                done.append(at_hand)
                continue
            observer.proof_began(case)
            certificate = prove(case, certificate_id, conditions, place)
            certificates.save(conditions.results, certificate)
            observer.proof_done(certificate, reused=False)
            done.append(certificate)
    return certificates.summary(done)


def prove(case: Case, certificate_id: str, conditions: ProofConditions, scratch: Path) -> Certificate:
    """Have both frameworks testify and judge what they said; a side that cannot is a failed check."""
    begin_s = time.monotonic()
    answers = _testimonies(case, conditions, scratch)
    silent = [
        _no_evidence(framework, answer)
        for framework, answer in answers.items()
        if isinstance(answer, TrialError)
    ]
    sides = {name: answer for name, answer in answers.items() if isinstance(answer, evidence.Evidence)}
    findings = tuple(silent) or judge.judge(sides[TENSORFLOW], sides[PYTORCH])
    return Certificate(id=certificate_id, case=case, findings=findings, wall_s=time.monotonic() - begin_s)


def identify(case: Case, threads: int) -> str:
    """SHA-256 of everything that a certificate depends on: code, versions, machine, conditions, case."""
    depends = {
        "sources": _sources_sha256(),
        "packages": {name: _version(name) for name in _PACKAGES},
        "python": python_version(),
        "machine": [machine(), host.cpu_model()],
        "gpus": [] if case.device == "cpu" else [gpu.name for gpu in nvml.probe().devices],
        "environment": relevant(os.environ),
        "threads": threads,
        "case": asdict(case),
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _testimonies(
    case: Case, conditions: ProofConditions, scratch: Path
) -> dict[str, evidence.Evidence | TrialError]:
    with ExitStack() as stack, ThreadPoolExecutor(len(FRAMEWORKS)) as pool:
        workers = {
            framework: stack.enter_context(
                WorkerProcess(
                    environment(
                        device=case.device,
                        threads=conditions.threads,
                        compile_cache=scratch / "compiled",
                    ),
                    conditions.logs / f"proof-{case.id}-{framework}.log",
                )
            )
            for framework in FRAMEWORKS
        }

        def ask(framework: str) -> evidence.Evidence | TrialError:
            spec = TrialSpec(
                framework=framework,
                case=case,
                threads=conditions.threads,
                data_root=str(conditions.data_root),
            )
            path = scratch / f"{framework}.npz"
            path.unlink(missing_ok=True)
            try:
                workers[framework].ask(
                    Do.PROVE, timeout_s=conditions.timeout_s, spec=dump_spec(spec), path=str(path)
                )
                return evidence.read(path)
            except TrialError as error:
                # Silent or not, it has nothing more to say, and leaving would wait for it.
                workers[framework].kill()
                return error

        try:
            return dict(zip(FRAMEWORKS, pool.map(ask, FRAMEWORKS), strict=True))
        except BaseException:
            # The threads end with the workers that they wait for.
            for worker in workers.values():
                worker.kill()
            raise


def _no_evidence(framework: str, error: TrialError) -> Finding:
    return Finding(
        check=MEMORY if isinstance(error, OutOfMemory) else "evidence",
        quantity=framework,
        expected=None,
        tensorflow=None,
        pytorch=None,
        difference=None,
        bound=None,
        meaning=str(error),
        holds=False,
    )


def _replaced_adapters() -> bool:
    return any(os.environ.get(f"EVENMATCH_ADAPTER_{name.upper()}") for name in FRAMEWORKS)


@cache
def _sources_sha256() -> str:
    sha = hashlib.sha256()
    package = Path(harness.__file__).parent
    for pattern in _SOURCES:
        for path in sorted(package.glob(pattern)):
            sha.update(f"{path.relative_to(package)}\0".encode())
            sha.update(path.read_bytes())
    return sha.hexdigest()


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
