"""PyTorch's side: the explicit loop, eager or through `torch.compile`, fed from arrays on the device."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from harness.errors import DeviceUnavailable
from harness.frameworks.base import ASKED_SAMPLES, Adapter, Counts, Data, Score
from harness.frameworks.planted import slowed
from harness.frameworks.torch_layout import to_recipe, to_torch
from harness.frameworks.torch_matched import GivenMask
from harness.frameworks.witness import Fact, Witness
from harness.recipe import Floats, Order, Weights, batches
from harness.workload import CLASSES, INPUT_FEATURES, Mode, Precision, TrialSpec

_DTYPES = {Precision.FP32: torch.float32, Precision.FP64: torch.float64}


def open_adapter(spec: TrialSpec) -> Adapter:
    """The adapter for the spec's mode; importing this module is the import that start-up times."""
    if spec.case.mode is Mode.IDIOMATIC:
        from harness.frameworks.torch_idiomatic import TorchIdiomatic  # noqa: PLC0415  (needs torchvision)

        return TorchIdiomatic(spec)
    return TorchMlp(spec)


def probe(device: str) -> str:
    """Say which device PyTorch would use.

    Raises:
        DeviceUnavailable: with PyTorch's own words, when it cannot use the device.
    """
    if device == "cpu":
        return f"PyTorch {torch.__version__} on the CPU"
    try:
        torch.zeros(1, device="cuda")
    except (RuntimeError, AssertionError) as error:
        built = torch.version.cuda or "none: a CPU-only build"
        said = str(error).splitlines()[0].rstrip(".")
        raise DeviceUnavailable(f"PyTorch {torch.__version__} (built for CUDA {built}): {said}") from error
    return f"PyTorch {torch.__version__} on {torch.cuda.get_device_name(0)}"


class TorchMlp(Witness):
    """Modes `loop`, `eager` (both the eager step) and `compiled`."""

    def __init__(self, spec: TrialSpec) -> None:
        super().__init__(spec)
        torch.set_num_threads(spec.threads)
        # PyTorch refuses to be told twice, also the same thing: one process may hold several adapters.
        if torch.get_num_interop_threads() != 1:
            torch.set_num_interop_threads(1)
        # TensorFlow flushes denormals to zero, PyTorch by default keeps them.
        torch.set_flush_denormal(True)
        # TF32 is on by default in TensorFlow and half on in PyTorch; fp32 means IEEE in both here.
        torch.backends.fp32_precision = "ieee"
        self.dtype = _DTYPES[self.workload.precision]
        # Adam keeps its step count in the default type, and with float32 a compiled optimiser rounds
        # the bias correction in float64 work too.
        torch.set_default_dtype(self.dtype)
        self.device = torch.device("cpu" if spec.case.device == "cpu" else "cuda:0")

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
        self._loss_of: Callable[[Tensor, Tensor], Tensor] = self._cross_entropy
        self._logits_of: Callable[[Tensor], Tensor] = self.model
        self._update: Callable[[], object] = self.optimizer.step
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
        loss.backward()
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
        self._evaluated = 0
        self._test_loss_sum = torch.zeros((), device=self.device)
        self._right = torch.zeros((), dtype=torch.int64, device=self.device)
        with torch.no_grad():
            for inputs, labels in self._test_set(steps):
                logits = self._logits_of(inputs)
                self._test_loss_sum += functional.cross_entropy(logits, labels, reduction="sum")
                self._right += (logits.argmax(1) == labels).sum()
                self._evaluated += len(labels)

    def _test_set(self, steps: int) -> Iterable[tuple[Tensor, Tensor]]:
        return self._test_batches[:steps]

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
        self.predict(0)
        return len(self._questions)

    def predict(self, number: int) -> None:
        with torch.no_grad():
            self._logits_of(self._questions[number])

    def plant(self, share: float) -> None:
        self._train_step = slowed(self._step, share)

    def synchronise(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def weights(self) -> Weights:
        return to_recipe(list(self.model.parameters()))

    def effective(self) -> dict[str, str]:
        parameter = next(self.model.parameters())
        return {
            "version": torch.__version__,
            "optimizer": self._optimizer_variant(),
            "threads": str(torch.get_num_threads()),
            "interop_threads": str(torch.get_num_interop_threads()),
            "device": str(parameter.device),
            "precision": str(parameter.dtype).removeprefix("torch."),
            "fp32_precision": str(torch.backends.fp32_precision),
            "mkldnn": str(torch.backends.mkldnn.enabled and torch.backends.mkldnn.is_available()),
            "cpu_capability": torch.backends.cpu.get_cpu_capability(),
            "deterministic": str(torch.are_deterministic_algorithms_enabled()),
            "step": "torch.compile" if self.spec.case.mode is Mode.COMPILED else "eager",
        }

    def held_data(self) -> Data:
        inputs, labels = zip(*self._test_batches, strict=True)
        return Data(
            train_inputs=self._train_inputs.cpu().numpy(),
            train_labels=self._train_labels.cpu().numpy(),
            test_inputs=torch.cat(inputs).cpu().numpy(),
            test_labels=torch.cat(labels).cpu().numpy(),
            root=self.spec.data_root,
        )

    def held_batches(self) -> list[Order]:
        return [batch.cpu().numpy() for batch in self._batches]

    def trainable_shapes(self) -> list[tuple[int, ...]]:
        return [tuple(reversed(one.shape)) for one in self.model.parameters() if one.requires_grad]

    def first_moment(self) -> Weights:
        state = self.optimizer.state
        return to_recipe(
            [
                state[one]["exp_avg"] if one in state else torch.zeros_like(one)
                for one in self.model.parameters()
            ]
        )

    def logits(self) -> Floats:
        self.model.eval()
        with torch.no_grad():
            parts = [self._logits_of(inputs) for inputs, _ in self._test_set(self.workload.eval_steps)]
            return np.array(torch.cat(parts).cpu())

    def dropped(self, ones: Floats, *, training: bool) -> Floats:
        (layer,) = (one for one in self.model if isinstance(one, nn.Dropout))
        layer.train(training)
        run = torch.compile(layer, dynamic=False) if self.spec.case.mode is Mode.COMPILED else layer
        with torch.no_grad():
            return np.array(run(torch.from_numpy(ones).to(self.device)).cpu())

    def put_mask(self, mask: Floats) -> None:
        (layer,) = (one for one in self.model if isinstance(one, GivenMask))
        layer.mask.copy_(torch.from_numpy(mask))

    def constants(self) -> dict[str, Fact]:
        (group,) = self.optimizer.param_groups
        beta_1, beta_2 = group["betas"]
        return {
            "kind": type(self.optimizer).__name__,
            "learning_rate": group["lr"],
            "beta_1": beta_1,
            "beta_2": beta_2,
            "epsilon": group["eps"],
            "weight_decay": float(group["weight_decay"]),
            "amsgrad": group["amsgrad"],
            # PyTorch's optimisers never clip; a loop that does shows in the gradients.
            "clipping": 0.0,
        }

    def settings(self) -> dict[str, Fact]:
        parameter = next(self.model.parameters())
        return {
            "threads": torch.get_num_threads(),
            "interop_threads": torch.get_num_interop_threads(),
            "device": "cpu" if parameter.device.type == "cpu" else "gpu",
            "precision": str(parameter.dtype).removeprefix("torch."),
            "tf32": torch.backends.fp32_precision != "ieee",
        }

    def _begin_counting(self) -> None:
        self._samples = 0
        self._steps_before = self._steps_taken()
        self._loss_sum.zero_()

    def _steps_taken(self) -> int:
        """The optimiser's own count; it keeps one a parameter, alike for all."""
        return max((int(state["step"].item()) for state in self.optimizer.state.values()), default=0)

    def _network(self) -> nn.Sequential:
        work = self.workload
        return nn.Sequential(
            nn.Linear(INPUT_FEATURES, work.hidden_units),
            nn.ReLU(),
            self._dropout(),
            nn.Linear(work.hidden_units, CLASSES),
        )

    def _dropout(self) -> nn.Module:
        work = self.workload
        if self.spec.matched:
            return GivenMask(work.largest_batch, work.hidden_units)
        return nn.Dropout(work.dropout_rate)

    def _adam(self) -> torch.optim.Adam:
        adam = self.workload.adam
        return torch.optim.Adam(
            self.model.parameters(),
            lr=adam.learning_rate,
            betas=(adam.beta_1, adam.beta_2),
            eps=adam.epsilon,
        )

    def _cross_entropy(self, inputs: Tensor, labels: Tensor) -> Tensor:
        return functional.cross_entropy(self.model(inputs), labels)

    def _compile(self) -> None:
        # Static shapes: the full and the partial batch each get their own code, as XLA does it.
        options: dict[str, object] = {"dynamic": False}
        if self.device.type == "cuda":
            options["mode"] = "reduce-overhead"
        self._loss_of = torch.compile(self._cross_entropy, **options)
        self._logits_of = torch.compile(self.model, **options)
        self._update = torch.compile(self.optimizer.step, dynamic=False)

    def _optimizer_variant(self) -> str:
        group = self.optimizer.param_groups[0]
        if group["fused"]:
            return "Adam (fused)"
        # PyTorch's own rule when neither is asked for: foreach where every parameter is on a GPU.
        foreach = group["foreach"] if group["foreach"] is not None else self.device.type == "cuda"
        return "Adam (foreach)" if foreach else "Adam (for loop)"
