"""Feed any bytes to what reads them: `python -m tests.faults.fuzz toml -max_total_time=600`

Guided by which branches of the harness they reach. It needs atheris, which no lock has. Whatever is raised
that a caller does not expect ends it, and lies in a file `crash-...`.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["harness"]):
    from harness.data import idx
    from harness.errors import DataUnavailable, ProtocolError, ResultsUnusable, UsageError
    from harness.sessions.runs import bring_in
    from harness.settings import config
    from harness.store.inspection import inspect
    from harness.store.portable import SECTION, pack
    from harness.store.reader import read
    from harness.store.writer import Store
    from harness.worker.protocol import parse

from tests.store.test_writer import trial

FOLDER = Path(tempfile.mkdtemp(prefix="fuzz-"))

_SHAPE = (2, 3)


def feed_idx(content: bytes) -> None:
    path = FOLDER / "images"
    path.write_bytes(content)
    with suppress(DataUnavailable):
        assert idx.read(path, _SHAPE).shape == _SHAPE


def feed_protocol(content: bytes) -> None:
    with suppress(ProtocolError):
        assert isinstance(parse(content), dict)


def feed_toml(content: bytes) -> None:
    (FOLDER / config.FILE_NAME).write_bytes(content)
    refused = ""
    try:
        config.resolve({}, {}, FOLDER)
    except UsageError as error:
        refused = str(error)
    assert "\n" not in refused


def feed_json(content: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as made:
        path, results = Path(made) / "told.json", Path(made) / "inner" / "results"
        path.write_bytes(content)
        with suppress(ResultsUnusable):
            bring_in(path, results)
            read(results)
        found = {one for one in Path(made).rglob("*") if one.is_file() and results not in one.parents}
        assert found == {path}


def feed_parquet(content: bytes) -> None:
    with tempfile.TemporaryDirectory(dir=FOLDER) as made:
        store = Store(Path(made))
        store.prepare()
        store.save_run({"run_id": "r1", "status": "running"})
        store.save_match([trial()])
        (path,) = (store.folder / "trials").glob("*.parquet")
        path.write_bytes(content)
        with suppress(ResultsUnusable):
            read(store.folder)
        list(inspect(store.folder))


def seeds() -> dict[str, list[bytes]]:
    """What is well formed, a list a target."""
    store = Store(FOLDER / "seed")
    store.prepare()
    store.save_run({"run_id": "r1", "status": "finished", "certificate_ids": []})
    store.save_match([trial(framework="tensorflow"), trial(framework="pytorch")])
    (stored,) = (store.folder / "trials").glob("*.parquet")
    told = json.dumps({SECTION: pack(store.folder, "r1")}).encode()
    return {
        "idx": [idx.header(_SHAPE) + bytes(6)],
        "protocol": [b'{"do": "train", "epoch": 1, "losses": [0.1, NaN]}'],
        "toml": [b'batch_size = [64, "512"]\nmode = "loop"\nwithin = "2%"\n[x]\ny = 2026-11-29\n'],
        "json": [told],
        "parquet": [stored.read_bytes()],
    }


TARGETS: dict[str, Callable[[bytes], None]] = {
    "idx": feed_idx, "protocol": feed_protocol, "toml": feed_toml, "json": feed_json, "parquet": feed_parquet,
}  # fmt: skip


def main() -> None:
    name = sys.argv.pop(1)
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for number, content in enumerate(seeds()[name]):
        (corpus / str(number)).write_bytes(content)
    atheris.Setup([*sys.argv, str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
