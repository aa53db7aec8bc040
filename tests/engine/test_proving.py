"""A certificate for every case: proven in workers, kept on disk, reused as long as nothing changed."""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from importlib.metadata import version

import pandas as pd
import pytest

from harness.engine import proving
from harness.engine.forking import ForkServers
from harness.engine.proving import ProofConditions, certify, identify
from harness.errors import WorkerDied
from harness.measure import nvml, provenance
from harness.measure.nvml import Gpu, NvmlProbe
from harness.parity.certificate import Certificate, Finding
from harness.parity.judge import CHECKS
from harness.settings.matches import between
from harness.settings.presets import FRAMEWORKS
from harness.store import certificates
from harness.work.contender import Contender
from harness.work.program import Update
from harness.work.workload import Case, Dataset, Mode, Precision, Way, Workload

WORK = Workload(dataset=Dataset.SYNTHETIC, batch_size=128, train_samples=1000, epochs=2)
CASE = Case(workload=WORK, device="cpu", mode=Mode.LOOP)
BOTH = between(CASE, 0).contenders


class Watcher:
    def __init__(self):
        self.began = []
        self.done = []

    def proofs_begin(self, contenders):
        pass

    def proof_began(self, contender):
        self.began.append(contender.id)

    def proof_done(self, certificate, *, reused):
        self.done.append((certificate, reused))


@pytest.fixture
def conditions(tmp_path, synthetic_root, fork_servers, compile_cache, monkeypatch):
    made = proving.environment
    monkeypatch.setattr(proving, "environment", lambda **of: made(**of | {"compile_cache": compile_cache}))
    logs = tmp_path / "logs"
    logs.mkdir()
    return ProofConditions(
        results=tmp_path,
        data_root=synthetic_root,
        logs=logs,
        threads=1,
        timeout_s=300,
        servers=fork_servers,
    )


@pytest.fixture
def scripted(monkeypatch):
    for framework in ("TENSORFLOW", "PYTORCH"):
        monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework}", "harness.frameworks.scripted")


def test_an_id_changes_with_whatever_the_certificate_depends_on(monkeypatch):
    ids = [
        identify(CASE, "pytorch", 1),
        identify(CASE, "tensorflow", 1),
        identify(CASE, "pytorch", 2),
        identify(replace(CASE, mode=Mode.EAGER), "pytorch", 1),
        identify(replace(CASE, update=Update.FUSED), "pytorch", 1),
        identify(replace(CASE, workload=replace(WORK, seed=1)), "pytorch", 1),
        identify(replace(CASE, workload=replace(WORK, dropout_rate=0.1)), "pytorch", 1),
    ]
    monkeypatch.setenv("TF_XLA_FLAGS", "--tf_xla_auto_jit=2")
    ids.append(identify(CASE, "pytorch", 1, ("TF_XLA_FLAGS",)))
    monkeypatch.setenv("LD_LIBRARY_PATH", "/another")
    ids.append(identify(CASE, "pytorch", 1))
    monkeypatch.setattr(proving, "_version", lambda name: "0.0")
    ids.append(identify(CASE, "pytorch", 1))
    monkeypatch.setattr(proving, "_sources_sha256", lambda adapter: "edited")
    ids.append(identify(CASE, "pytorch", 1))
    assert len(set(ids)) == len(ids)


def test_on_a_gpu_an_id_changes_with_driver_card_and_cudas_libraries(monkeypatch):
    def machine(driver="580.00", name="Card", **packages):
        gpu = Gpu(index=0, name=name, uuid="GPU-0", total_bytes=1)
        seen = NvmlProbe(driver_version=driver, devices=(gpu,), reason=None)
        monkeypatch.setattr(nvml, "probe", lambda: seen)
        monkeypatch.setattr(
            provenance, "cuda_packages", lambda framework: {"nvidia-cudnn-cu12": "9.1"} | packages
        )
        return [identify(replace(CASE, device=device), "pytorch", 1) for device in ("cpu", "cuda:0")]

    machines = [
        machine(),
        machine(driver="580.95"),
        machine(name="Other card"),
        machine(**{"nvidia-cudnn-cu12": "9.2"}),
        machine(**{"nvidia-cublas": "13.1"}),
    ]
    monkeypatch.setenv("LD_LIBRARY_PATH", "/another")
    machines.append(machine())
    on_cpu, on_gpu = zip(*machines, strict=True)
    assert len(set(on_gpu)) == len(machines)
    assert len(set(on_cpu[:-1])) == 1


def test_an_id_stays_while_nothing_changes():
    assert identify(CASE, "pytorch", 1) == identify(replace(CASE), "pytorch", 1)


def test_an_id_depends_on_its_own_framework_and_on_no_other(monkeypatch):
    before = [identify(CASE, name, 1) for name in FRAMEWORKS]
    monkeypatch.setattr(proving, "_version", lambda name: "0.0" if name == "torch" else version(name))
    after = [identify(CASE, name, 1) for name in FRAMEWORKS]
    assert [one == other for one, other in zip(before, after, strict=True)] == [True, False]


def test_an_id_depends_on_the_sources_of_an_adapter_in_another_package(tmp_path, monkeypatch):
    package = tmp_path / "their_package"
    package.mkdir()
    for name in ("__init__", "adapter", "network"):
        (package / f"{name}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    own = [path.name for path in proving._own_sources("their_package.adapter")[1]]
    assert own == ["__init__.py", "adapter.py", "network.py"]
    (tmp_path / "alone.py").write_text("")
    assert proving._own_sources("alone") == (tmp_path, [tmp_path / "alone.py"])


def test_an_id_stays_where_only_the_shell_changes(monkeypatch, tmp_path):
    before = identify(CASE, "pytorch", 1, ("TF_XLA_FLAGS",))
    for name, value in {"OMP_PROC_BIND": "true", "KERAS_HOME": "/mine", "TMPDIR": str(tmp_path)}.items():
        monkeypatch.setenv(name, value)
    assert identify(CASE, "pytorch", 1, ("TF_XLA_FLAGS",)) == before


def test_what_is_compiled_begins_first_and_each_is_told_in_its_place(conditions, monkeypatch, tmp_path):
    begun = []

    def none(one, *_):
        begun.append(one.case.mode)
        raise WorkerDied("none is to be had")

    monkeypatch.setattr(proving, "_worker", none)
    modes = (Mode.LOOP, Mode.COMPILED, Mode.EAGER)
    ids = {one: one.id for mode in modes for one in between(replace(CASE, mode=mode), 0).contenders}
    told = list(proving.prove(ids, conditions, tmp_path, Watcher()))
    assert begun[:2] == [Mode.COMPILED] * 2
    assert [one.id for one in told] == list(ids.values())


def test_a_worker_that_cannot_be_started_leaves_a_certificate_that_says_so(conditions, monkeypatch, tmp_path):
    def none(*_, **__):
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "somewhere")

    # No process for the server that it would be forked from.
    monkeypatch.setattr("harness.engine.forking.begun", none)
    conditions = replace(conditions, servers=ForkServers())
    told = list(proving.prove({one: one.id for one in BOTH}, conditions, tmp_path, Watcher()))
    assert [one.reason for one in told] == [
        f"{name}: testimony: it could not be started: Too many open files"
        for name in ("tensorflow", "pytorch")
    ]


@pytest.mark.slow
def test_adapters_that_give_no_evidence_get_no_certificate(conditions, scripted):
    watcher = Watcher()
    proofs = certify(BOTH, conditions, watcher)
    assert list(proofs["framework"]) == ["tensorflow", "pytorch"]
    assert not proofs["holds"].any()
    assert set(proofs["failed_check"]) == {"evidence"}
    assert proofs["reason"][1] == (
        "pytorch: testimony: NoEvidence: harness.frameworks.scripted.Scripted cannot be asked for evidence"
    )
    for row, (certificate, reused) in zip(proofs.itertuples(), watcher.done, strict=True):
        assert not reused
        assert certificates.load(conditions.results, row.certificate_id, CASE) == certificate


@pytest.mark.slow
def test_a_worker_that_never_answers_is_told_and_ended(conditions, scripted, monkeypatch):
    monkeypatch.setenv("EVENMATCH_SCRIPT_PYTORCH", '{"events": {"start": "hang"}}')
    frame = certify(BOTH, replace(conditions, timeout_s=3), watcher := Watcher())
    assert not frame["holds"].any()
    _, (certificate, _) = watcher.done
    assert certificate.reason == "pytorch: testimony: no answer to prove within 3 s; its log says: nothing"


@pytest.mark.slow
def test_what_does_not_hold_is_proven_again(conditions, scripted):
    for _ in range(2):
        watcher = Watcher()
        certify(BOTH, conditions, watcher)
        assert watcher.began == [one.id for one in BOTH]


@pytest.mark.slow
@pytest.mark.parametrize("mode", [Mode.LOOP, Mode.EAGER, Mode.IDIOMATIC, Mode.COMPILED])
def test_correct_code_holds_in_every_mode_and_is_proven_once(conditions, mode):
    both, watcher = between(replace(CASE, mode=mode), 0).contenders, Watcher()
    first, second = (certify(both, conditions, watcher) for _ in range(2))
    assert first["holds"].all(), first["reason"].tolist()
    assert first["reason"].isna().all()
    pd.testing.assert_frame_equal(first, second)
    assert watcher.began == [one.id for one in both]
    assert [reused for _, reused in watcher.done] == [False, False, True, True]
    others = {f"steps in {one}" for one in (Precision.TF32, Precision.BF16, Precision.FP16)}
    for certificate, _ in watcher.done:
        assert {finding.check for finding in certificate.findings} == set(CHECKS) - others


@pytest.mark.slow
@pytest.mark.parametrize(
    ("framework", "way"),
    [
        ("tensorflow", Way(mode=Mode.GRAPH)),
        ("pytorch", Way(mode=Mode.LOOP, update=Update.FUSED)),
        ("pytorch", Way(mode=Mode.LOOP, update=Update.FOREACH)),
    ],
)
def test_a_way_that_one_framework_has_is_proven_by_itself(conditions, framework, way):
    one = Contender(framework=framework, case=replace(CASE, mode=way.mode, update=way.update))
    proof = certify([one], conditions, Watcher()).iloc[0]
    assert proof["holds"], proof["reason"]
    assert (proof["framework"], proof["case_id"]) == (framework, one.case.id)


@pytest.mark.slow
def test_a_program_that_leaves_the_asked_adam_out_has_no_certificate(conditions, monkeypatch):
    monkeypatch.setenv("EVENMATCH_ADAPTER_PYTORCH", "tests.parity.faulty_torch")
    monkeypatch.setenv("EVENMATCH_FAULT", "stock Adam")
    fused = Contender(framework="pytorch", case=replace(CASE, update=Update.FUSED))
    proof = certify([fused], conditions, Watcher()).iloc[0]
    assert (proof["holds"], proof["failed_check"]) == (False, "settings")
    assert proof["reason"] == "pytorch: update: stock, asked fused"


@pytest.mark.slow
def test_a_fault_planted_through_the_test_adapter_fails_with_both_values(conditions, monkeypatch):
    monkeypatch.setenv("EVENMATCH_ADAPTER_PYTORCH", "tests.parity.faulty_torch")
    monkeypatch.setenv("EVENMATCH_FAULT", "learning rate 1 % off")
    honest, faulty = certify(BOTH, conditions, Watcher()).itertuples()
    assert honest.holds
    assert (faulty.holds, faulty.failed_check) == (False, "optimiser")
    assert faulty.reason.startswith("pytorch: learning_rate: 0.00101")
    assert "asked 0.001" in faulty.reason


@pytest.mark.slow
def test_a_certificate_at_hand_does_not_vouch_for_a_replaced_adapter(conditions, scripted):
    finding = Finding(
        check="settings",
        quantity="threads",
        expected="1",
        found="1",
        difference=None,
        bound=None,
        meaning="equal to what was asked",
        holds=True,
    )
    for name in FRAMEWORKS:
        at_hand = Certificate(
            id=identify(CASE, name, 1), case=CASE, framework=name, findings=(finding,), wall_s=1.0
        )
        certificates.save(conditions.results, at_hand)
    assert not certify(BOTH, conditions, Watcher())["holds"].any()


def test_a_framework_that_ends_its_process_at_import_is_a_failed_check_and_the_other_is_asked(
    conditions, monkeypatch
):
    monkeypatch.setenv("EVENMATCH_ADAPTER_PYTORCH", "tests.engine.ends_at_import")
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "harness.frameworks.scripted")
    told = certify(BOTH, conditions, Watcher()).set_index("framework")
    assert not told["holds"].any()
    assert told.loc["pytorch", "failed_check"] == "evidence"
    assert "the process that it is forked from has ended" in told.loc["pytorch", "reason"]
    # The scripted one was asked, and said that it is no witness.
    assert "cannot be asked for evidence" in told.loc["tensorflow", "reason"]
