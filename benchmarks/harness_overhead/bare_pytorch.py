"""The training loop as a script has it, in PyTorch: `bare_pytorch.py GIVEN.npz BATCH THREADS WAY`.

WAY is `loop` or, with Adam fused, `loop-fused`. Imports nothing of
the harness. Says `ready`, then trains on `order[first:last]` for each line `FIRST LAST` on standard input,
and answers `WALL_S CPU_S LOSS`: what the loop took, and its mean loss.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

given = np.load(sys.argv[1])
batch_size, threads, way = int(sys.argv[2]), int(sys.argv[3]), sys.argv[4]

torch.set_num_threads(threads)
torch.set_num_interop_threads(1)
torch.set_flush_denormal(True)
torch.backends.fp32_precision = "ieee"

inputs, labels = torch.from_numpy(given["inputs"]), torch.from_numpy(given["labels"])
order = torch.from_numpy(given["order"])

model = nn.Sequential(nn.Linear(784, 128), nn.ReLU(), nn.Dropout(0.2), nn.Linear(128, 10))
with torch.no_grad():
    for layer, name in ((model[0], "hidden"), (model[3], "output")):
        layer.weight.copy_(torch.from_numpy(given[f"{name}_kernel"].T))
        layer.bias.copy_(torch.from_numpy(given[f"{name}_bias"]))
optimizer = torch.optim.Adam(
    model.parameters(),
    lr=1e-3,
    betas=(0.8999999761581421, 0.9990000128746033),
    eps=1e-7,
    fused=True if way == "loop-fused" else None,
)
loss_sum = torch.zeros(())
torch.manual_seed(int(given["seed"]))


def train(batches: Sequence[Tensor]) -> tuple[float, float]:
    """Wall and CPU seconds of the loop; a script that trains follows its loss, so this one does too."""
    cpu_before_s, started_s = time.process_time(), time.perf_counter()
    for batch in batches:
        loss = functional.cross_entropy(model(inputs[batch]), labels[batch])
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss_sum.add_(loss.detach() * len(batch))
    return time.perf_counter() - started_s, time.process_time() - cpu_before_s


print("ready", flush=True)  # noqa: T201  (the parent waits for it)
for line in sys.stdin:
    first, last = map(int, line.split())
    loss_sum.zero_()
    wall_s, cpu_s = train(order[first:last].split(batch_size))
    print(wall_s, cpu_s, loss_sum.item() / (last - first), flush=True)  # noqa: T201  (the answer)
