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

with atheris.instrument_imports(include=["harness", "tomllib"]):
    from harness.data import idx
    from harness.errors import DataUnavailable, HarnessError, ProtocolError, ResultsUnusable, UsageError
    from harness.sessions.runs import bring_in
    from harness.settings import config
    from harness.settings.addresses import address
    from harness.settings.presets import DEFAULTS
    from harness.store.inspection import inspect
    from harness.store.portable import SECTION, pack
    from harness.store.reader import read
    from harness.store.remote import Remote
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
            list(bring_in([path], results))
            read(results)
        found = {one for one in Path(made).rglob("*") if one.is_file() and results not in one.parents}
        assert found == {path}


def feed_parquet(content: bytes) -> None:
    """Metadata of any bytes behind pages that are whole."""
    (path,) = (STORE.folder / "trials").glob("*.parquet")
    path.write_bytes(PAGES + content + len(content).to_bytes(4, "little") + _MAGIC)
    with suppress(ResultsUnusable):
        read(STORE.folder)
    list(inspect(STORE.folder))


def feed_address(content: bytes) -> None:
    """Of the file system at hand: the others would be looked for."""
    refused = ""
    try:
        Remote(address("import", f"file://{FOLDER}/{content.decode('utf-8', 'surrogateescape')}")).folders()
    except HarnessError as error:
        refused = str(error)
    assert "\n" not in refused


def stored() -> Store:
    """A run of one match."""
    made = Store(FOLDER / "seed")
    made.prepare()
    made.save_run({"run_id": "r1", "status": "running", "certificate_ids": []})
    made.save_match([trial(framework="tensorflow"), trial(framework="pytorch")])
    return made


def parted(content: bytes) -> tuple[bytes, bytes]:
    """A parquet file's pages, and its metadata."""
    begin = len(content) - 8 - int.from_bytes(content[-8:-4], "little")
    return content[:begin], content[begin:-8]


STORE = stored()
PAGES, _METADATA = parted(next((STORE.folder / "trials").glob("*.parquet")).read_bytes())
_MAGIC = b"PAR1"

# What is well formed.
SEEDS = {
    "idx": [idx.header(_SHAPE) + bytes(6)],
    "protocol": [b'{"do": "train", "epoch": 1, "losses": [0.1, NaN]}'],
    "toml": [
        *(f"{name} = {json.dumps(value)}\n".encode() for name, value in DEFAULTS.items()),
        b'batch_size = [64, "512"]\nmode = "loop"\nwithin = "2%"\n[x]\ny = 2026-11-29\n',
    ],
    "json": [json.dumps({SECTION: pack(STORE.folder, "r1")}).encode()],
    "parquet": [_METADATA],
    "address": [b"seed", b"a%20folder?region=eu-1&scheme=http#x", b"user:secret@host/../seed"],
}


TARGETS: dict[str, Callable[[bytes], None]] = {
    "idx": feed_idx, "protocol": feed_protocol, "toml": feed_toml, "json": feed_json, "parquet": feed_parquet,
    "address": feed_address,
}  # fmt: skip


def main() -> None:
    name = sys.argv.pop(1)
    corpus = FOLDER / "corpus"
    corpus.mkdir()
    for number, content in enumerate(SEEDS[name]):
        (corpus / str(number)).write_bytes(content)
    atheris.Setup([*sys.argv, str(corpus)], TARGETS[name])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
