"""Certificates before verdicts: each framework testifies in a worker of its own, and is judged by itself.

A proof is not timed, so two workers run at once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Generator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from platform import machine, python_version
from threading import Event
from typing import Final, Protocol

import pandas as pd

import harness
from harness.engine.forking import ForkServers
from harness.engine.process import WorkerProcess
from harness.engine.surroundings import environment, lasting
from harness.errors import FrameworkMissing, OutOfMemory, TrialError
from harness.frameworks import registry
from harness.measure import host, nvml, provenance, scratch
from harness.parity import evidence, judge
from harness.parity.certificate import Certificate, Finding
from harness.store import certificates
from harness.work.contender import Contender
from harness.work.workload import Case, Mode, TrialSpec
from harness.worker.protocol import Do, dump_spec

# The check that fails where a side ran out of memory: the case does not fit, whatever it would have shown.
MEMORY: Final = "memory"

# More would need more memory and no fewer seconds on a machine of two cores.
_AT_ONCE: Final = 2

# What a proof runs through, below the package's folder, beside the framework's own folder.
_SOURCES: Final = (
    "frameworks/*.py", "parity/*.py", "worker/*.py", "engine/*.py",
    "work/recipe.py", "work/workload.py", "work/program.py", "data/mnist.py",
)  # fmt: skip


class ProofObserver(Protocol):
    """Who is told how the proofs go on."""

    def proofs_begin(self, contenders: int) -> None:
        """So many certificates are wanted next, at hand already or not."""

    def proof_began(self, contender: Contender) -> None:
        """Not called for one whose certificate is at hand already."""

    def proof_done(self, certificate: Certificate, *, reused: bool) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ProofConditions:
    """What all proofs of a run share.

    `results` is the folder that keeps certificates between runs, and `passed` are the shell's variables that
    were let in by name.
    """

    results: Path
    data_root: Path
    logs: Path
    threads: int
    timeout_s: float
    servers: ForkServers
    passed: tuple[str, ...] = ()


def certify(
    contenders: Sequence[Contender], conditions: ProofConditions, observer: ProofObserver
) -> pd.DataFrame:
    """A certificate for each contender, proven now or at hand from before, all on disk.

    Only a certificate that holds is taken from disk: a failure may have been a worker's that died. One
    that was proven with a replaced adapter is not, since its code is not among what the id depends on.

    Returns:
        One row a contender: `case_id`, `framework`, `certificate_id`, `holds`, `failed_check`, `reason`.

    Raises:
        NotStored: a certificate cannot be written.
    """
    ids = {
        one: identify(one.case, one.framework, conditions.threads, conditions.passed) for one in contenders
    }
    observer.proofs_begin(len(ids))
    held = {one: at_hand for one in ids if (at_hand := _at_hand(one, ids[one], conditions))}
    for certificate in held.values():
        observer.proof_done(certificate, reused=True)
    wanted = {one: ids[one] for one in ids if one not in held}
    with scratch.folder("proof") as place, closing(prove(wanted, conditions, place, observer)) as proven:
        for one, certificate in zip(wanted, proven, strict=True):
            certificates.save(conditions.results, certificate)
            observer.proof_done(certificate, reused=False)
            held[one] = certificate
    return certificates.summary([held[one] for one in ids])


def prove(
    ids: Mapping[Contender, str], conditions: ProofConditions, scratch: Path, observer: ProofObserver
) -> Generator[Certificate, None, None]:
    """Have the contenders testify, two at a time, and judge each; one that cannot is a failed check.

    Those with steps to compile begin first: begun last, they would keep one core busy alone for a minute.
    """
    begun: list[WorkerProcess] = []
    over = Event()

    def asked(one: Contender) -> evidence.Evidence | TrialError:
        with _worker(one, conditions, scratch) as worker:
            begun.append(worker)
            if over.is_set():
                worker.kill()
            spec = TrialSpec(
                framework=one.framework,
                case=one.case,
                threads=conditions.threads,
                data_root=str(conditions.data_root.absolute()),
            )
            return testimony(worker, spec, scratch, timeout_s=conditions.timeout_s)

    def proof(one: Contender) -> Certificate:
        begin_s = time.monotonic()
        try:
            answer = asked(one)
        except TrialError as error:
            answer = error
        return Certificate(
            id=ids[one],
            case=one.case,
            framework=one.framework,
            findings=findings(answer),
            wall_s=time.monotonic() - begin_s,
        )

    with ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            longest_first = sorted(ids, key=lambda one: one.case.mode is not Mode.COMPILED)
            answers = {one: pool.submit(proof, one) for one in longest_first}
            for one in ids:
                observer.proof_began(one)
                yield answers[one].result()
        except BaseException:
            # The threads end with the workers that they wait for.
            over.set()
            pool.shutdown(wait=False, cancel_futures=True)
            for worker in begun:
                worker.kill()
            conditions.servers.kill()
            raise


def _worker(one: Contender, conditions: ProofConditions, scratch: Path) -> WorkerProcess:
    surroundings = environment(
        framework=one.framework,
        device=one.case.device,
        threads=conditions.threads,
        compile_cache=scratch / "compiled",
        passed=conditions.passed,
    )
    log = conditions.logs / f"proof-{one.case.id}-{one.framework}.log"
    return conditions.servers.worker(one.framework, one.case.device, surroundings, log)


def testimony(
    worker: WorkerProcess, spec: TrialSpec, scratch: Path, *, timeout_s: float
) -> evidence.Evidence | TrialError:
    """What a worker testifies about a case, the first or a later one; one that cannot is ended."""
    path = scratch / f"{spec.framework}-{spec.case.id}.npz"
    path.unlink(missing_ok=True)
    try:
        worker.ask(Do.PROVE, timeout_s=timeout_s, spec=dump_spec(spec), path=str(path))
        return evidence.read(path)
    except TrialError as error:
        # Silent or not, it has nothing more to say, and leaving would wait for it.
        worker.kill()
        return error


def findings(answer: evidence.Evidence | TrialError) -> tuple[Finding, ...]:
    """A testimony judged; where there is none, the one check that fails."""
    return (_no_evidence(answer),) if isinstance(answer, TrialError) else judge.judge(answer)


def _at_hand(one: Contender, certificate_id: str, conditions: ProofConditions) -> Certificate | None:
    """A certificate from before that still speaks for this; None where it has to be proven."""
    if _replaced_adapter(one.framework):
        return None
    at_hand = certificates.load(conditions.results, certificate_id, one.case)
    return at_hand if at_hand is not None and at_hand.holds else None


def identify(case: Case, framework: str, threads: int, passed: Sequence[str] = ()) -> str:
    """SHA-256 of everything that a certificate depends on: code, versions, machine, surroundings, case."""
    record = registry.record(framework)
    packages = ("numpy", *(package.distribution for package in record.packages))
    depends = {
        "sources": _sources_sha256(record.adapter),
        "packages": {name: _version(name) for name in packages},
        "python": python_version(),
        "machine": [machine(), host.cpu_model()],
        "gpus": None if case.device == "cpu" else _gpus(framework),
        "environment": lasting(framework=framework, device=case.device, threads=threads, passed=passed),
        "threads": threads,
        "case": asdict(case),
        "framework": framework,
    }
    return hashlib.sha256(json.dumps(depends, sort_keys=True).encode()).hexdigest()


def _gpus(framework: str) -> dict[str, object]:
    """What a kernel is made and run by. Where libraries are looked for is among the surroundings."""
    driver = nvml.probe()
    return {
        "driver": driver.driver_version,
        "devices": [gpu.name for gpu in driver.devices],
        "packages": provenance.cuda_packages(framework),
    }


def _no_evidence(error: TrialError) -> Finding:
    return Finding(
        check=MEMORY if isinstance(error, OutOfMemory) else "evidence",
        quantity="testimony",
        expected=None,
        found=None,
        difference=None,
        bound=None,
        meaning=str(error),
        holds=False,
    )


def _replaced_adapter(framework: str) -> bool:
    return bool(os.environ.get(f"EVENMATCH_ADAPTER_{framework.upper()}"))


@cache
def _sources_sha256(adapter: str) -> str:
    sha = hashlib.sha256()
    package = Path(harness.__file__).parent
    shared = [path for pattern in _SOURCES for path in sorted(package.glob(pattern))]
    for root, paths in ((package, shared), _own_sources(adapter)):
        for path in paths:
            sha.update(f"{path.relative_to(root)}\0".encode())
            sha.update(path.read_bytes())
    return sha.hexdigest()


def _own_sources(adapter: str) -> tuple[Path, list[Path]]:
    """A folder and the sources in it that are a framework's own; its adapter is found, not imported."""
    found = find_spec(adapter)
    if found is None or found.origin is None:
        raise FrameworkMissing(f"{adapter}: not found, though a framework's record names it")
    path = Path(found.origin)
    # A module that lies in no package shares its folder with all that is installed.
    return path.parent, sorted(path.parent.rglob("*.py")) if "." in adapter else [path]


def _version(distribution: str) -> str | None:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return None
