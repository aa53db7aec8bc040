"""What the rest of the house knows of this host as a launcher."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from harness.launchers.record import Launcher


@dataclass(frozen=True, slots=True)
class Settings:
    """There is nothing to be set."""


RECORD: Final = Launcher(
    name="local",
    label="This host",
    settings=Settings,
    options={},
    adapter="harness.launchers.local.adapter",
)
