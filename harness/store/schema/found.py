"""Columns of what is found out: by proofs, calibrations and explanations."""

from __future__ import annotations

from typing import Final

import pyarrow as pa

from harness.frameworks import registry
from harness.store.schema.measured import TIME

# Each framework's own version; two may run on one package.
_VERSIONS: Final = [
    (name, pa.string()) for name in dict.fromkeys(one.version_column for one in registry.records())
]

# One row a finding of a framework's certificate, in the order in which they were judged. The values are
# words: digests, settings, or numbers with all their digits. `difference` and `bound` are null where what was
# `found` has to equal `expected`, what was asked; where it may differ by `bound`, that is NumPy's value.
CERTIFICATES: Final = pa.schema(
    [
        ("schema_version", pa.int16()),
        ("certificate_id", pa.string()),
        ("case_id", pa.string()),
        ("framework", pa.string()),
        ("device", pa.string()),
        ("mode", pa.string()),
        ("update", pa.string()),
        ("precision", pa.string()),
        ("dataset", pa.string()),
        ("synthetic", pa.bool_()),
        ("batch_size", pa.int32()),
        ("hidden", pa.string()),
        ("workers", pa.int32()),
        ("epochs", pa.int32()),
        ("train_samples", pa.int32()),
        ("seed", pa.int64()),
        ("certificate_holds", pa.bool_()),
        ("wall_s", pa.float64()),
        ("finding", pa.int32()),
        ("check", pa.string()),
        ("quantity", pa.string()),
        ("expected", pa.string()),
        ("found", pa.string()),
        ("difference", pa.float64()),
        ("bound", pa.float64()),
        ("meaning", pa.string()),
        ("holds", pa.bool_()),
    ]
)

# One row a try of a calibration and a way of judging it (`found.Attempt`), with where it was made.
ATTEMPTS: Final = pa.schema(
    [
        ("schema_version", pa.int16()),
        ("calibration_id", pa.string()),
        ("number", pa.int32()),
        ("started_at", TIME),
        ("hostname", pa.string()),
        ("cpu_model", pa.string()),
        ("cpu_usable", pa.int32()),
        *_VERSIONS,
        ("threads", pa.int32()),
        ("case_id", pa.string()),
        ("framework", pa.string()),
        ("planted_share", pa.float64()),
        ("try_s", pa.float64()),
        ("way", pa.string()),
        ("says", pa.string()),
        ("ratio", pa.float64()),
        ("ratio_low", pa.float64()),
        ("ratio_high", pa.float64()),
        ("replicates", pa.int32()),
        ("rounds", pa.int32()),
        ("measured_s", pa.float64()),
        ("wall_s", pa.float64()),
    ]
)

# One row a worker and number of others that were in its match (`benchmarks.residents`), with where it was:
# `speed_ratio` is its speed beside them over its speed alone.
RESIDENTS: Final = pa.schema(
    [
        ("schema_version", pa.int16()),
        ("residents_id", pa.string()),
        ("hostname", pa.string()),
        ("cpu_model", pa.string()),
        ("cpu_usable", pa.int32()),
        *_VERSIONS,
        ("threads", pa.int32()),
        ("dataset", pa.string()),
        ("framework", pa.string()),
        ("batch_size", pa.int32()),
        ("replicate", pa.int32()),
        ("partners", pa.int32()),
        ("turns", pa.int32()),
        ("speed_ratio", pa.float64()),
    ]
)

# One row a change of an explanation (`found.Change`), with where it was measured and on what.
CHANGES: Final = pa.schema(
    [
        ("schema_version", pa.int16()),
        ("explanation_id", pa.string()),
        ("hostname", pa.string()),
        ("cpu_model", pa.string()),
        ("cpu_usable", pa.int32()),
        *_VERSIONS,
        ("threads", pa.int32()),
        ("dataset", pa.string()),
        ("epochs", pa.int32()),
        ("train_samples", pa.int32()),
        ("replicate", pa.int32()),
        ("place", pa.int32()),
        ("name", pa.string()),
        ("aside", pa.bool_()),
        ("level_before", pa.string()),
        ("level_after", pa.string()),
        ("before", pa.string()),
        ("after", pa.string()),
        ("seed", pa.int64()),
        ("started_at", TIME),
        ("train_ratio", pa.float64()),
        ("eval_ratio", pa.float64()),
        ("train_samples_per_s_before", pa.float64()),
        ("train_samples_per_s_after", pa.float64()),
        ("accuracy_before", pa.float64()),
        ("accuracy_after", pa.float64()),
        ("failure_reason", pa.string()),
        ("wall_s", pa.float64()),
        ("parts", pa.int32()),
        ("turns", pa.int32()),
        ("turn_error", pa.float64()),
    ]
)
