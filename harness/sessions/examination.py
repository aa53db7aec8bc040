"""One examination of the machine, the packages and the shell, from settings to findings."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor

from harness.engine import probing
from harness.frameworks import registry
from harness.frameworks.record import Place
from harness.measure import host
from harness.measure.doctor import Check, checks
from harness.measure.variables import kept_out
from harness.settings.config import Settings
from harness.worker.adapters import adapter_name


def examine(settings: Settings) -> list[Check]:
    """What is there, what is missing and what that disables, each framework asked in its own process.

    What stands in for a framework's adapter is asked for devices only: the abilities are the framework's own.
    """
    known = registry.records()
    missing = probing.missing_frameworks([one.name for one in known])
    installed = [one for one in known if one.name not in missing]
    devices = ["cpu", *(device for device in settings.device if device not in {"auto", "cpu"})]
    if settings.device == ("cpu",):
        devices.append("cuda")
    passed = settings.pass_env
    asked = [(one.name, device) for device in devices for one in installed if Place.of(device) in one.places]
    with ThreadPoolExecutor(host.usable_cores()) as pool:
        probes = dict(
            zip(asked, pool.map(lambda each: probing.ask(each[0], each[1], passed), asked), strict=True)
        )
        tried = [
            (ability, device, pool.submit(probing.tries, one.name, ability, device, passed))
            for device in devices
            for one in installed
            if adapter_name(one.name) == one.adapter
            for ability in one.abilities
            if Place.of(device) in ability.places and (device == "cpu" or probes[one.name, device].usable)
        ]
    return checks(
        settings.results,
        known,
        {f"{name} on {device}": answer for (name, device), answer in probes.items()},
        [(ability, device, done.result()) for ability, device, done in tried],
        kept_out(os.environ, passed),
    )
