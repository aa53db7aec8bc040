"""PyTorch's side: the explicit loop, eager or through `torch.compile`, fed from arrays on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from functools import partial
from itertools import chain
from typing import Final

import torch
from torch import Tensor, nn
from torch._dynamo.utils import counters
from torch.nn import functional

from harness.frameworks.base import ASKED_SAMPLES, TENTH, TINY, Counts, Data, Score, denormals
from harness.frameworks.pytorch.device import CudaGauge, probe, ran_out
from harness.frameworks.pytorch.layout import to_recipe, to_torch
from harness.frameworks.pytorch.matched import GivenMasks
from harness.frameworks.pytorch.precision import TorchPrecision
from harness.frameworks.pytorch.testimony import TorchTestimony
from harness.work.program import Update
from harness.work.recipe import Floats, Order, Weights, batches
from harness.work.workload import Mode, TrialSpec

# What Adam is told, to run which of its implementations.
IMPLEMENTATIONS: Final[dict[Update, dict[str, bool]]] = {
    Update.STOCK: {},
    Update.FOR_LOOP: {"foreach": False},
    Update.FOREACH: {"foreach": True},
    Update.FUSED: {"fused": True},
}


class TorchMlp(TorchTestimony):
    """Modes `loop`, `eager` (both the eager step) and `compiled`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        torch.set_num_threads(spec.threads)
        # PyTorch refuses to be told twice, also the same thing: one process may hold several adapters.
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)
        # TensorFlow flushes denormals to zero, PyTorch by default keeps them; on a CPU, kernels of a GPU have
        # ways of their own. What became of one is read back in `effective`.
        torch.set_flush_denormal(True)
        self.device = torch.device("cpu" if spec.case.device == "cpu" else "cuda:0")
        self.precision = TorchPrecision(self.workload.precision, self.device)
        self.dtype = self.precision.dtype

        if self.device.type == "cuda":
            probe(spec.case.device)
            self.gauge = CudaGauge(self.device)

    @staticmethod
    def out_of_memory(error: BaseException) -> bool:
        return ran_out(error)

    def load(self, data: Data) -> None:
        self._train_inputs = torch.from_numpy(data.train_inputs).to(self.device)
        self._train_labels = torch.from_numpy(data.train_labels).to(self.device)
        size = self.workload.eval_batch_size
        inputs = torch.from_numpy(data.test_inputs).to(self.device)
        labels = torch.from_numpy(data.test_labels).to(self.device)
        self._test_batches = list(zip(inputs.split(size), labels.split(size), strict=True))

    def build(self, weights: Weights) -> None:
        self._initial = weights
        self.model = self._network().to(self.device)
        self.optimizer = self._adam()
        self._loss_sum = torch.zeros((), device=self.device)
        self._logits = self.precision.logits(self.model)
        self._loss_of: Callable[[Tensor, Tensor], Tensor] = self._cross_entropy
        self._logits_of: Callable[[Tensor], Tensor] = self._logits
        self._update = self.precision.update(self.optimizer)
        self._train_step: Callable[[Tensor], None] = self._step
        if self.spec.case.mode is Mode.COMPILED:
            self._compile()
        self.reset()

    def reset(self) -> None:
        with torch.no_grad():
            for parameter, value in zip(self.model.parameters(), to_torch(self._initial), strict=True):
                parameter.copy_(torch.from_numpy(value))
            # In place: a compiled optimiser is tied to the state tensors it was traced with.
            for state in self.optimizer.state.values():
                for tensor in state.values():
                    tensor.zero_()
        self.optimizer.zero_grad(set_to_none=True)
        self.precision.reset()
        torch.manual_seed(self.workload.seed)

    def begin_epoch(self, order: Order) -> None:
        self._batches = [
            torch.from_numpy(batch).to(self.device) for batch in batches(order, self.workload.batch_size)
        ]
        self._begin_counting()

    def train_epoch(self) -> None:
        self.model.train()
        for batch in self._batches:
            self._train_step(batch)

    def _step(self, batch: Tensor) -> None:
        loss = self._loss_of(self._train_inputs[batch], self._train_labels[batch])
        self.precision.backward(loss)
        self._update()
        self.optimizer.zero_grad(set_to_none=True)
        self._loss_sum += loss.detach() * len(batch)
        self._samples += len(batch)

    def train_loss(self) -> float:
        return float(self._loss_sum.item()) / self._samples

    def trained(self) -> Counts:
        return Counts(steps=self._steps_taken() - self._steps_before, samples=self._samples)

    def evaluate(self, steps: int) -> None:
        self.model.eval()
        self._evaluated = self._batches_evaluated = 0
        self._test_loss_sum = torch.zeros((), device=self.device)
        self._right = torch.zeros((), dtype=torch.int64, device=self.device)
        with torch.no_grad():
            for inputs, labels in self._test_set(steps):
                logits = self._logits_of(inputs)
                self._test_loss_sum += functional.cross_entropy(logits, labels, reduction="sum")
                self._right += (logits.argmax(1) == labels).sum()
                self._evaluated += len(labels)
                self._batches_evaluated += 1

    def _test_set(self, steps: int) -> Iterable[tuple[Tensor, Tensor]]:
        return self._test_batches[:steps]

    def evaluated(self) -> Counts:
        return Counts(steps=self._batches_evaluated, samples=self._evaluated)

    def score(self) -> Score:
        return Score(
            loss=self._test_loss_sum.item() / self._evaluated,
            accuracy=self._right.item() / self._evaluated,
        )

    def begin_predictions(self, batch_size: int) -> int:
        steps = math.ceil(max(batch_size, ASKED_SAMPLES) / self.workload.eval_batch_size)
        inputs = torch.cat([batch for batch, _ in self._test_set(steps)])
        self._questions = list(inputs[: len(inputs) // batch_size * batch_size].split(batch_size))
        self.model.eval()
        return len(self._questions)

    def predict(self, number: int) -> Floats:
        with torch.no_grad():
            logits: Floats = self._logits_of(self._questions[number]).cpu().numpy()
        return logits

    def multiplying(self, square: Floats) -> Callable[[], object]:
        factor = torch.from_numpy(square).to(self.device, self.precision.compute)
        return partial(torch.mm, factor, factor, out=torch.empty_like(factor))

    def copying(self, array: Floats) -> Callable[[], object]:
        source = torch.from_numpy(array).to(self.device)
        return partial(torch.empty_like(source).copy_, source)

    def hold(self, size_bytes: int) -> None:
        self._ballast = None
        self._ballast = torch.ones(size_bytes, dtype=torch.uint8, device=self.device)
        self.synchronise()

    def synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def weights(self) -> Weights:
        return to_recipe(list(self.model.parameters()))

    def effective(self) -> dict[str, str]:
        parameter = next(self.model.parameters())
        return {
            "version": torch.__version__,
            "optimizer": f"Adam ({self._picked().replace('-', ' ')})",
            "threads": str(torch.get_num_threads()),
            "interop_threads": str(torch.get_num_interop_threads()),
            "device": str(parameter.device),
            "precision": str(parameter.dtype).removeprefix("torch."),
            "compute": self._compute(),
            "tf32": str(self.precision.tf32()),
            "loss_scale": f"{self.precision.loss_scale():g}",
            "mkldnn": str(torch.backends.mkldnn.enabled and torch.backends.mkldnn.is_available()),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "denormals": self._denormals(),
            "deterministic": str(torch.are_deterministic_algorithms_enabled()),
            "step": self._step_kind(),
        }

    def _denormals(self) -> str:
        """What the device makes of a product too small for a normal number."""
        tiny = torch.tensor(TINY, dtype=torch.float32, device=self.device)
        return denormals((tiny * TENTH).item())

    def _begin_counting(self) -> None:
        self._samples = 0
        self._steps_before = self._steps_taken()
        self._loss_sum.zero_()

    def _steps_taken(self) -> int:
        """The optimiser's own count; it keeps one a parameter, alike for all."""
        return max((int(state["step"].item()) for state in self.optimizer.state.values()), default=0)

    def _network(self) -> nn.Sequential:
        return nn.Sequential(*self._layers())

    def _layers(self) -> list[nn.Module]:
        """Each hidden layer with its ReLU and dropout, then the one that gives the logits."""
        *hidden, outputs = self.workload.layers
        layers = [(nn.Linear(*sizes), nn.ReLU(), self._dropout(sizes[-1])) for sizes in hidden]
        return [*chain.from_iterable(layers), nn.Linear(*outputs)]

    def _dropout(self, units: int) -> nn.Module:
        work = self.workload
        if self.spec.matched:
            return GivenMasks(work.steps_per_epoch, work.batch_size, units)
        return nn.Dropout(work.dropout_rate)

    def _adam(self, **kernel: bool) -> torch.optim.Adam:
        adam = self.workload.adam
        return torch.optim.Adam(
            self.model.parameters(),
            lr=adam.learning_rate,
            betas=(adam.beta_1, adam.beta_2),
            eps=adam.epsilon,
            **IMPLEMENTATIONS[self.spec.case.update] | kernel,
        )

    def _cross_entropy(self, inputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(self._logits(inputs), labels)

    def _compile(self) -> None:
        # Static shapes: the full and the partial batch each get their own code, as XLA does it.
        options: dict[str, object] = {"dynamic": False}
        if self.device.type == "cuda":
            options["mode"] = "reduce-overhead"
        self._loss_of = torch.compile(self._cross_entropy, **options)
        self._logits_of = torch.compile(self._logits, **options)
        self.optimizer.step = torch.compile(self.optimizer.step, dynamic=False)
        self._update = self.precision.update(self.optimizer)

    def _step_kind(self) -> str:
        if self.spec.case.mode is not Mode.COMPILED:
            return "eager"
        if self.device.type == "cpu":
            return "torch.compile"
        # Inductor leaves a CUDA graph out, with a word in the log, where something stands in its way.
        skipped = counters["inductor"]["cudagraph_skips"]
        return f"torch.compile (CUDA graphs, {skipped} left out)"
