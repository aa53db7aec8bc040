"""What an explanation is asked for is refused before any work where it cannot walk there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from harness.errors import BadOption
from harness.sessions import explanation
from harness.settings import config
from harness.settings.presets import FRAMEWORKS


def test_an_explanation_is_of_two_frameworks(tmp_path):
    settings = replace(config.resolve({}, {}, tmp_path), frameworks=(*FRAMEWORKS, "theirs"))
    said = (
        "FRAMEWORKS=tensorflow,pytorch,theirs: not allowed; use two: an explanation walks from one program to"
    )
    with pytest.raises(BadOption, match=said):
        explanation.prepare(settings, [], reporter=None)
