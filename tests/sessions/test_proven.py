"""A run's certificates: which cases they let be measured, and what is proven on its way."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from harness.engine.proving import MEMORY
from harness.errors import NotStored
from harness.sessions.proven import Proven, certifications, identities, prove_ahead, wanted_of
from harness.settings import config
from harness.settings.grid import plan
from harness.settings.presets import FRAMEWORKS
from harness.store.writer import Store


class Hearing:
    """Hears of proofs."""

    def __init__(self):
        self.heard = []

    def proofs_begin(self, contenders):
        pass

    def proof_began(self, contender):
        self.heard.append(contender)

    def proof_done(self, certificate, *, reused):
        self.heard.append(certificate)


@pytest.fixture
def proven(tmp_path, monkeypatch):
    """A plan of two cases, of which what is said of PyTorch's larger one failed at a check."""
    monkeypatch.chdir(tmp_path)

    def made(check, servers=None, root=tmp_path, **given):
        asked = {"batch_size": "50,500", "train_samples": "1000", "dataset": "synthetic"}
        planned = plan(config.resolve(asked | given, {}, tmp_path))
        store = Store(planned.settings.results)
        store.prepare()
        proofs = pd.DataFrame(
            {
                "case_id": one.case.id,
                "framework": one.framework,
                "certificate_id": f"{one.framework}-{one.case.id}",
                "holds": (one.framework, one.case.workload.batch_size) != ("pytorch", 500),
                "failed_check": check,
                "reason": "said so",
            }
            for one in planned.contenders()
        )
        run = {"run_id": "run", "certificate_ids": list(proofs["certificate_id"])}
        found = Proven(planned, proofs, root, store=store, run=run, servers=servers, observer=Hearing())
        return planned, found

    return made


class Certifying:
    """Stands for `certify`: who is asked for is noted, and those at these batch sizes fail."""

    def __init__(self, failing=()):
        self.asked = []
        self._failing = failing

    def __call__(self, contenders, conditions, observer):
        self.asked.append([one.case.workload.batch_size for one in contenders])
        return pd.DataFrame(
            {
                "case_id": one.case.id,
                "framework": one.framework,
                "certificate_id": "c",
                "holds": one.case.workload.batch_size not in self._failing,
                "failed_check": "dropout" if one.case.workload.batch_size in self._failing else None,
                "reason": "",
            }
            for one in contenders
        )


@pytest.mark.parametrize(
    ("failing", "asked", "wanted"),
    [
        # Whether the others are to be measured is not known yet.
        ((500,), [[50, 50]], [50, 500, 250]),
        # Nothing can be measured by the first one's.
        ((50,), [[50, 50], [500, 500, 250, 250]], [500, 250]),
        ((50, 250), [[50, 50], [500, 500, 250, 250]], [500]),
    ],
)
def test_a_run_waits_for_the_certificates_of_its_first_case_and_for_all_where_these_fail(
    tmp_path, monkeypatch, failing, asked, wanted
):
    given = {"batch_size": "50,500,250", "train_samples": "1000", "dataset": "synthetic"}
    planned = plan(config.resolve(given, {}, tmp_path))
    certifying = Certifying(failing)
    monkeypatch.setattr("harness.sessions.proven.certify", certifying)
    proofs = prove_ahead(planned, tmp_path, servers=None, observer=Hearing())
    assert certifying.asked == asked
    assert len(proofs) == sum(map(len, asked))
    assert [case.workload.batch_size for case in wanted_of(planned, certifications(proofs))[0]] == wanted


def test_a_run_that_may_differ_waits_for_no_more(tmp_path, monkeypatch):
    given = {"batch_size": "50,500", "train_samples": "1000", "dataset": "synthetic", "allow_mismatch": "yes"}
    certifying = Certifying(failing=(50,))
    monkeypatch.setattr("harness.sessions.proven.certify", certifying)
    prove_ahead(plan(config.resolve(given, {}, tmp_path)), tmp_path, servers=None, observer=Hearing())
    assert certifying.asked == [[50, 50]]


def test_each_contender_has_its_own_identity_before_it_is_proven(proven):
    planned, _ = proven("dropout")
    found = identities(planned)
    assert list(found) == [(one.case.id, one.framework) for one in planned.contenders()]
    assert len(set(found.values())) == 4


def test_a_case_of_which_one_side_does_other_work_is_not_wanted(proven):
    planned, found = proven("dropout")
    small, large = planned.cases
    assert wanted_of(planned, found.held) == ((small,), frozenset())
    assert list(found.failed["case_id"]) == [large.id]
    assert not found.held[large.id, "pytorch"].holds
    assert found.held[large.id, "tensorflow"].holds
    assert not found.held[large.id, "pytorch"].lacked_memory


def test_of_one_whose_proof_ran_out_of_memory_that_is_known(proven):
    planned, found = proven(MEMORY)
    lacked = {key for key, one in found.held.items() if one.lacked_memory and not one.holds}
    assert (planned.cases[1].id, "pytorch") in lacked


@pytest.mark.parametrize(("check", "given"), [(MEMORY, {}), ("dropout", {"allow_mismatch": "yes"})])
def test_one_that_lacked_memory_or_may_differ_is_wanted(proven, check, given):
    planned, found = proven(check, **given)
    assert wanted_of(planned, found.held) == (planned.cases, frozenset())


def test_a_way_that_does_other_work_does_not_meet_the_others(proven):
    planned, found = proven(MEMORY, mode="best")
    wanted, refused = wanted_of(planned, found.held)
    assert wanted == planned.cases
    assert {one.framework for one in refused} == {"pytorch"}
    assert {one.case.workload.batch_size for one in refused} == {500}


def test_a_run_that_goes_on_keeps_the_certificates_of_an_earlier_sitting(proven, monkeypatch, tmp_path):
    planned, found = proven("dropout")
    Store(tmp_path / "results").prepare()
    found._run["certificate_ids"].append("of a rival")
    monkeypatch.setattr("harness.sessions.proven.certify", Certifying())
    found.more(planned.contenders()[:1])
    assert found._run["certificate_ids"][-2:] == ["of a rival", "c"]
    assert len(found._run["certificate_ids"]) == 4 + 2
    assert len(found.held) == 4


@pytest.mark.slow
def test_what_is_proven_on_the_way_is_in_the_runs_row(
    proven, fork_servers, synthetic_root, monkeypatch, tmp_path
):
    for framework in FRAMEWORKS:
        monkeypatch.setenv(f"EVENMATCH_ADAPTER_{framework.upper()}", "harness.frameworks.scripted")
        monkeypatch.setenv(f"EVENMATCH_SCRIPT_{framework.upper()}", json.dumps({}))
    planned, found = proven("dropout", fork_servers, synthetic_root)
    rivals = [one for one in planned.ways(planned.cases[0]) if one not in planned.contenders()]
    held = found.more(rivals[:2])
    # Scripted workers cannot be asked for evidence.
    assert [held[one.case.id, one.framework].holds for one in rivals[:2]] == [False, False]
    assert len(found.failed) == 3
    (row,) = pd.read_parquet(tmp_path / "results" / "runs").to_dict("records")
    assert len(row["certificate_ids"]) == 4 + 2
    kept = {path.stem for path in (tmp_path / "results" / "certificates").glob("*.parquet")}
    assert kept == set(row["certificate_ids"][4:])


@pytest.mark.slow
def test_a_certificate_that_finds_no_room_ends_the_run_as_a_trial_would(
    proven, fork_servers, synthetic_root, monkeypatch, tmp_path
):
    monkeypatch.setenv("EVENMATCH_ADAPTER_TENSORFLOW", "harness.frameworks.scripted")
    planned, found = proven("dropout", fork_servers, synthetic_root)
    rival = next(one for one in planned.ways(planned.cases[0]) if one not in planned.contenders())
    certificates = tmp_path / "results" / "certificates"
    if certificates.exists():
        certificates.rmdir()
    certificates.write_text("a file where a folder should be")
    with pytest.raises(NotStored, match="certificates"):
        found.more([rival])
