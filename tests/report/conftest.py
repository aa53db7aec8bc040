"""Realistic frames without a run: records through the real writer and reader."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from itertools import count, product

import numpy as np
import pandas as pd
import pytest

from harness.parity.certificate import Certificate, Finding
from harness.report.pages.evidence import evidence
from harness.report.pages.summary import write_page
from harness.report.sentences.answer import judge
from harness.settings.presets import FRAMEWORKS
from harness.store import certificates
from harness.store.columns import rows_of
from harness.store.frames import Frames
from harness.store.reader import read
from harness.store.schema import ROUNDS, TRIALS
from harness.store.writer import Store, write_table
from harness.work.listings import PYTORCH
from harness.work.program import Update
from harness.work.records import EnergyBlock, Failure, GpuUse, Peak, Phase, Role, Round, Startup, Trial
from harness.work.workload import Case, Dataset, Mode, Workload

RUN_ID = "20260101T000000-abcd"

# The frameworks differ in everything that is drawn, so that a figure that confuses them is found out.
THIRD = "theirs"
SEATS = (*FRAMEWORKS, THIRD)
STARTUP = {
    "tensorflow": Startup(import_s=3.0, data_s=0.2, build_s=0.3, first_step_s=0.5),
    "pytorch": Startup(import_s=2.0, data_s=0.1, build_s=0.2, first_step_s=0.2),
}
HOST_PEAK_MIB = {"tensorflow": 800, "pytorch": 500}

# Some 60,000 samples a second of 409,088 FLOP each are a quarter of the larger.
PEAKS = {
    "tensorflow": Peak(flop_per_s=8e10, bytes_per_s=5e10, reason=None),
    "pytorch": Peak(flop_per_s=1e11, bytes_per_s=4e10, reason=None),
}

# Joules a million samples: 300 and 500.
ENERGY = {
    "tensorflow": (EnergyBlock(wall_s=3.0, samples=10**6, energy_j=300.0),) * 2,
    "pytorch": (EnergyBlock(wall_s=3.0, samples=10**6, energy_j=500.0),) * 2,
}

RUN = {
    "run_id": RUN_ID,
    "status": "finished",
    "started_at": datetime(2026, 1, 1, tzinfo=UTC),
    "command": "harness bench --batch-size '64,512'",
    "stopped_because": "the time budget of 240 s was spent",
    "hostname": "quiet",
    "cpu_model": "Some Processor",
    "cpu_usable": 2,
    "gpu_names": [],
    "gpu_reason": "NVML Shared Library Not Found",
    "tensorflow_version": "2.21.0",
    "torch_version": "2.14.1",
    "threads": 1,
    "environment_json": '{"OMP_NUM_THREADS": "1"}',
}


class EndedRun(Store):
    """Writes a run's trials as `gather` leaves them, without the file a match that it gathers first."""

    def __init__(self, folder):
        super().__init__(folder)
        self._rows = []

    def save_match(self, trials):
        self._rows += map(rows_of, trials)

    def save_run(self, run):
        super().save_run(run)
        name = f"{run['run_id']}.parquet"
        write_table(self.folder / "trials" / name, [row for row, _ in self._rows], TRIALS)
        write_table(
            self.folder / "rounds" / name, [one for _, rounds in self._rows for one in rounds], ROUNDS
        )


def build(
    folder,
    *,
    ratio=1.5,
    batch_sizes=(64, 512),
    replicates=6,
    fail=None,
    uncertified=(),
    run=None,
    gpu_peak_bytes=None,
    modes=(Mode.LOOP,),
    control_ratio=1.0,
    slowed=1.0,
    peaks=PEAKS,
    beside=None,
    **work,
):
    """Frames of a run stored in `folder`; `ratio` is TensorFlow's speed over PyTorch's.

    `beside` are further frameworks, each with TensorFlow's speed over its own. `control_ratio` is what the
    control finds, where the truth is 1. In comparisons all frameworks take `slowed` times as long.
    """
    store = EndedRun(folder)
    store.prepare()
    described = RUN | (run or {})
    speeds, seeds = np.random.default_rng(0), np.random.default_rng(1)
    cases = [
        Case(workload=Workload(batch_size=batch_size, **work), device="cpu", mode=mode)
        for mode in modes
        for batch_size in batch_sizes
    ]
    ids = [prove(store, case, uncertified=uncertified) for case in cases]
    ratios = {"tensorflow": 1.0, "pytorch": ratio} | (beside or {})
    for case, replicate, framework in product(cases, range(replicates), ratios):
        one = trial(
            run_id=described["run_id"],
            case=case,
            framework=framework,
            replicate=replicate,
            factor=slowed * ratios[framework],
            broken=fail if (framework, replicate) == ("pytorch", 0) else None,
            gpu_peak_bytes=gpu_peak_bytes,
            speeds=speeds,
            seeds=seeds,
        )
        name = f"{one.match_id}-learning"
        learned = replace(
            one, role=Role.LEARNING, match_id=name, trial_id=f"{name}-{framework}", peak=peaks.get(framework)
        )
        store.save_match([one, learned])
    for case, replicate, seat in product(cases[:1], range(replicates), range(2)):
        one = trial(
            run_id=described["run_id"],
            case=case,
            framework=FRAMEWORKS[replicate % 2],
            replicate=replicate,
            factor=control_ratio if seat else 1.0,
            broken=None,
            gpu_peak_bytes=gpu_peak_bytes,
            speeds=speeds,
            seeds=seeds,
        )
        name = f"{one.match_id}-control"
        named = {"match_id": name, "trial_id": f"{name}-{seat}"}
        store.save_match([replace(one, role=Role.CONTROL, seat=seat, **named)])
    store.save_run(described | {"certificate_ids": ids})
    return read(folder)


# Seconds a round of each way; those of a usual run, in which a pilot chose the fastest.
WAYS = {
    "tensorflow loop": 1.0,
    "pytorch loop": 1.3,
    "tensorflow graph": 0.5,
    "pytorch loop-fused": 1.0,
    "pytorch loop-foreach": 1.25,
    "tensorflow compiled": 4.0,
}
CHOSEN = ("tensorflow graph", "pytorch loop-fused")


def build_ways(folder, *, took=WAYS, chosen=CHOSEN, replicates=6, batch_sizes=(64,), uncertified=()):
    """Frames of a run in mode `best`, stored in `folder`; `took` has the seconds a round of each way.

    The ways behind the first four sit in the first of every three replicates.
    """
    store = EndedRun(folder)
    store.prepare()
    speeds, seeds = np.random.default_rng(0), np.random.default_rng(1)
    ids = []
    for batch_size, (name, factor) in product(batch_sizes, took.items()):
        framework, way = name.split()
        mode, _, update = way.partition("-")
        work = Workload(batch_size=batch_size, epochs=4)
        case = Case(workload=work, device="cpu", mode=Mode(mode), update=Update(update or "stock"))
        ids.append(
            prove(store, case, framework=framework, uncertified=batch_sizes if name in uncertified else ())
        )
        seated = list(took).index(name) < 4 or way == "loop" or name in chosen
        for replicate in range(0, replicates, 1 if seated else 3):
            one = trial(
                run_id=RUN_ID,
                case=case,
                framework=framework,
                replicate=replicate,
                factor=factor,
                broken=None,
                gpu_peak_bytes=None,
                speeds=speeds,
                seeds=seeds,
            )
            match_id = f"{RUN_ID}-b{batch_size}-ways-r{replicate}"
            told = {"match_id": match_id, "trial_id": f"{match_id}-{name.replace(' ', '-')}"}
            seat = list(took).index(name)
            store.save_match([replace(one, role=Role.WAYS, seat=seat, chosen=name in chosen, **told)])
    store.save_run(RUN | {"certificate_ids": ids, "command": "harness bench --mode best"})
    return read(folder)


@pytest.fixture
def of_ways(tmp_path):
    """A builder of frames of runs in mode `best` (see `build_ways`)."""
    calls = count()
    return lambda **kind: build_ways(tmp_path / f"ways-{next(calls)}", **kind)


@pytest.fixture
def frames(tmp_path):
    """A builder of frames, each call in a results folder of its own (see `build`)."""
    calls = count()
    return lambda **kind: build(tmp_path / f"results-{next(calls)}", **kind)


@pytest.fixture
def stored(tmp_path):
    """A builder of runs on disk: in the results folder of the given name, which is returned (see `build`)."""

    def made(name, **kind):
        build(tmp_path / name, **kind)
        return tmp_path / name

    return made


@pytest.fixture
def shown(frames):
    """A builder of what figures and sections draw on (see `build`)."""

    def made(**kind):
        built = frames(**kind)
        return evidence(built, judge(built))

    return made


@pytest.fixture
def several_runs(frames):
    """A builder of frames that hold several runs: one dict of `build`'s arguments each."""

    def together(*kinds):
        made = [frames(**kind) for kind in kinds]
        names = Frames.__dataclass_fields__
        return Frames(**{name: pd.concat([getattr(one, name) for one in made]) for name in names})

    return together


@pytest.fixture(scope="session")
def ordinary_page(tmp_path_factory):
    """Where the page of an ordinary run lies: drawn once, only to be read."""
    folder = tmp_path_factory.mktemp("ordinary")
    return write_page(build(folder / "results"), folder / "reports")


def prove(store, case, *, uncertified, framework=PYTORCH):
    """A certificate of one check, which fails for the batch sizes in `uncertified`."""
    holds = case.workload.batch_size not in uncertified
    finding = Finding(
        check="optimizer",
        quantity="epsilon",
        expected="1e-07",
        found="1e-07" if holds else "1e-08",
        difference=None,
        bound=None,
        meaning="as the framework holds it",
        holds=holds,
    )
    certificate = Certificate(
        id=f"id-{framework}-{case.id}", case=case, framework=framework, findings=(finding,), wall_s=1.0
    )
    certificates.save(store.folder, certificate)
    return certificate.id


def trial(*, run_id, case, framework, replicate, factor, broken, gpu_peak_bytes, speeds, seeds):
    epochs = range(case.workload.epochs if broken is None else 1)
    luck = seeds.normal(0, 0.001)
    return Trial(
        run_id=run_id,
        match_id=f"{run_id}-{case.id}-r{replicate}",
        trial_id=f"{run_id}-{case.id}-r{replicate}-{framework}",
        role=Role.COMPARISON,
        seat=SEATS.index(framework),
        case=case,
        framework=framework,
        planted_share=0.0,
        replicate=replicate,
        seed=replicate,
        threads=1,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
        wall_s=9.0,
        startup=STARTUP.get(framework, STARTUP["pytorch"]),
        rounds=tuple(
            one_round(phase, epoch, factor * speeds.lognormal(0, 0.01), luck)
            for epoch in epochs
            for phase in (Phase.TRAIN, Phase.EVALUATE)
        ),
        latencies=(),
        parameter_count=101_770,
        host_peak_bytes=HOST_PEAK_MIB.get(framework, 600) * 2**20,
        gpu=gpu_use(gpu_peak_bytes) if gpu_peak_bytes else None,
        gpu_reason=None if gpu_peak_bytes else "the device is a CPU",
        energy=ENERGY.get(framework, ()) if gpu_peak_bytes else (),
        effective={"version": "1.0", "optimizer": "Adam"},
        digests={},
        certificate=None,
        failure=broken,
        log_path="results/logs/one.log",
    )


def gpu_use(process_peak_bytes):
    return GpuUse(
        name="Stub GPU",
        uuid="GPU-stub",
        process_peak_bytes=process_peak_bytes,
        process_reason=None,
        device_peak_bytes=process_peak_bytes,
        left_bytes=0,
        energy_source="counter",
        samples=100,
        sample_s=0.001,
        ended_because=None,
    )


def one_round(phase, epoch, wall_s, luck):
    """`luck` is what the seed adds to the accuracy."""
    return Round(
        phase=phase,
        index=epoch,
        epoch=epoch + 1,
        place=0,
        samples=60_000,
        steps=938,
        started_s=1.0,
        wall_s=wall_s,
        cpu_s=wall_s,
        idle_cpu_s=0.0,
        loss=0.3 / (epoch + 1) - luck,
        accuracy=0.95 + 0.005 * epoch + luck if phase is Phase.EVALUATE else None,
    )


@pytest.fixture
def failure():
    return Failure(kind="died", reason="it was ended by SIGKILL")


@pytest.fixture
def synthetic():
    return {"dataset": Dataset.SYNTHETIC}
