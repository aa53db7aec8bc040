"""What the moments of a turn on a GPU say together."""

from __future__ import annotations

import pytest

from harness.measure.samples import Sample, steady_energy_j, summarised


def test_a_round_in_parts_adds_up_its_energies_and_keeps_its_worst_heat():
    def sample(at_s, energy_j, temperature_c):
        return Sample(
            at_s=at_s, device_bytes=1, utilisation=0.5, sm_hz=1e9, memory_hz=None,
            temperature_c=temperature_c, power_w=50.0, energy_j=energy_j, throttles=0,
        )  # fmt: skip

    first = (sample(0, 10, 40), sample(1, 12, 41))
    second = (sample(5, 100, 60), sample(6, 105, 50))
    gpu = summarised([first, second], told_from_s=1)
    assert gpu.energy_j == 7
    assert gpu.temperature_c == 60
    assert gpu.memory_hz is None
    assert summarised([first, ()], told_from_s=1).energy_j is None


def moments(powers_w, *, counter=False):
    """Samples every 0.1 s of a card with this power, by its counter or by its power."""
    energy_j, found = 0.0, []
    for number, power_w in enumerate(powers_w):
        found.append(
            Sample(
                at_s=number / 10, device_bytes=1, utilisation=None, sm_hz=None, memory_hz=None,
                temperature_c=None, power_w=None if counter else power_w,
                energy_j=energy_j if counter else None, throttles=0,
            )
        )  # fmt: skip
        energy_j += power_w / 10
    return tuple(found)


@pytest.mark.parametrize("counter", [True, False])
def test_what_the_sensors_tell_of_the_one_before_is_left_out_of_a_blocks_energy(counter):
    turn = moments([300.0] * 10 + [100.0] * 30, counter=counter)
    assert steady_energy_j(turn, 0.0, 3.9) == pytest.approx(390)


@pytest.mark.parametrize("turn", [(), moments([100.0] * 15), moments([100.0] * 5, counter=True)])
def test_a_block_that_ends_before_the_sensors_have_settled_has_no_energy(turn):
    assert steady_energy_j(turn, 0.0, 1.5) is None
