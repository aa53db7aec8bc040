"""What parent and worker say to each other: one JSON object a line, on pipes of their own.

The parent asks `{"do": NAME, ...}`, the worker answers `{"ok": {...}}` or
`{"error": SENTENCE, "kind": KIND, "facts": {...}}`, where KIND is that of a `TrialError`.
Frameworks may write what they like to standard output and error: that goes to the trial's log.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Any, get_type_hints

from harness.errors import ProtocolError
from harness.work.program import Program, Update
from harness.work.workload import Adam, Case, Dataset, Mode, Precision, TrialSpec, Workload

Message = dict[str, Any]


class Do(StrEnum):
    """What a worker can be asked to do."""

    PROBE = "probe"
    START = "start"
    PLAN = "plan"
    TRAIN = "train"
    EVALUATE = "evaluate"
    PREDICT = "predict"
    BLOCK = "block"
    PEAK = "peak"
    FINISH = "finish"
    PROVE = "prove"
    HOLD = "hold"


def dump(message: Message) -> bytes:
    return json.dumps(message, allow_nan=True).encode() + b"\n"


def parse(line: bytes) -> Message:
    """Read one line.

    Raises:
        ProtocolError: when it is not a JSON object.
    """
    try:
        message = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise ProtocolError(f"not JSON: {line[:80]!r}") from error
    if not isinstance(message, dict):
        raise ProtocolError(f"not a JSON object: {line[:80]!r}")
    return message


def dump_spec(spec: TrialSpec) -> Message:
    return asdict(spec)


def parse_spec(message: Message) -> TrialSpec:
    case = message["case"]
    work = dict(case["workload"])
    work["dataset"] = Dataset(work["dataset"])
    work["precision"] = Precision(work["precision"])
    work["adam"] = Adam(**work["adam"])
    work["hidden"] = tuple(work["hidden"])
    return TrialSpec(
        framework=message["framework"],
        case=Case(
            workload=Workload(**work),
            device=case["device"],
            mode=Mode(case["mode"]),
            update=Update(case["update"]),
            program=_parse_program(case["program"]),
            workers=case["workers"],
        ),
        threads=message["threads"],
        data_root=message["data_root"],
        matched=message["matched"],
        planted_share=message["planted_share"],
        repeated=message["repeated"],
    )


def _parse_program(message: Message | None) -> Program | None:
    if message is None:
        return None
    return Program(**{name: kind(message[name]) for name, kind in get_type_hints(Program).items()})
