"""The limits of a container, read from trees of both of Linux's layouts."""

from __future__ import annotations

import pytest

from harness.measure import cgroup


@pytest.fixture
def machine(tmp_path):
    """Writes what /proc/self/cgroup says and the files of the groups; returns both places."""

    def write(own_groups, **files):
        (tmp_path / "own").write_text(own_groups)
        for name, text in files.items():
            path = tmp_path / "mounted" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "own", tmp_path / "mounted"

    return write


def test_version_2_gives_cores_and_bytes(machine):
    places = machine("0::/\n", **{"cpu.max": "150000 100000\n", "memory.max": "1073741824\n"})
    assert cgroup.cores(*places) == 1.5
    assert cgroup.memory_bytes(*places) == 2**30


def test_version_1_gives_cores_and_bytes(machine):
    places = machine(
        "4:memory:/box\n2:cpu,cpuacct:/box\n0::/\n",
        **{
            "cpu/box/cpu.cfs_quota_us": "50000\n",
            "cpu/box/cpu.cfs_period_us": "100000\n",
            "memory/box/memory.limit_in_bytes": "1073741824\n",
        },
    )
    assert cgroup.cores(*places) == 0.5
    assert cgroup.memory_bytes(*places) == 2**30


def test_no_limit_is_none_in_both_versions(machine):
    places = machine(
        "2:cpu:/\n0::/\n",
        **{
            "cpu.max": "max 100000\n",
            "memory.max": "max\n",
            "cpu/cpu.cfs_quota_us": "-1\n",
            "cpu/cpu.cfs_period_us": "100000\n",
        },
    )
    assert cgroup.cores(*places) is None
    assert cgroup.memory_bytes(*places) is None


def test_the_smallest_limit_of_all_groups_above_counts(machine):
    places = machine(
        "0::/slice/service\n",
        **{
            "slice/service/cpu.max": "max 100000\n",
            "slice/cpu.max": "200000 100000\n",
            "cpu.max": "400000 100000\n",
            "slice/service/memory.max": "4096\n",
            "slice/memory.max": "8192\n",
        },
    )
    assert cgroup.cores(*places) == 2
    assert cgroup.memory_bytes(*places) == 4096


def test_a_group_that_is_not_mounted_where_it_says_leaves_the_ones_above(machine):
    """A container may see the host's name of its group and its own group as the root."""
    places = machine("0::/docker/4f2a\n", **{"cpu.max": "100000 100000\n"})
    assert cgroup.cores(*places) == 1


def test_a_system_without_control_groups_has_no_limit(tmp_path):
    nowhere = tmp_path / "none"
    assert cgroup.cores(nowhere, nowhere) is None
    assert cgroup.memory_bytes(nowhere, nowhere) is None
