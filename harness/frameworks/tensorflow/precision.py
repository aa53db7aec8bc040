"""TensorFlow's number formats: TF32 or IEEE products, Keras's mixed policies, and fp16's scaled loss."""

from __future__ import annotations

from typing import Final

import keras
import tensorflow as tf

from harness.work.workload import LOSS_SCALE, LOSS_SCALE_GROWTH_STEPS, Precision

_POLICIES: Final = {
    Precision.FP32: "float32",
    Precision.TF32: "float32",
    Precision.BF16: "mixed_bfloat16",
    Precision.FP16: "mixed_float16",
    Precision.FP64: "float64",
}


def set_precision(precision: Precision) -> tf.DType:
    """Have layers made from now on compute so; the type of weights, optimiser, softmax and loss.

    Layers in float64 while floatx stays float32 would compute the loss in float32; and the policy that
    layers follow is drawn from floatx once in a process, then kept. So both are set.
    """
    keras.config.set_floatx("float64" if precision is Precision.FP64 else "float32")
    keras.config.set_dtype_policy(_POLICIES[precision])
    tf.config.experimental.enable_tensor_float_32_execution(enabled=precision is Precision.TF32)
    return tf.dtypes.as_dtype(keras.config.floatx())


def scaling(adam: keras.optimizers.Optimizer, precision: Precision) -> keras.optimizers.Optimizer:
    """The optimiser as this precision uses it: with a scaled loss in fp16, else as it is."""
    if precision is not Precision.FP16:
        return adam
    return keras.optimizers.LossScaleOptimizer(
        adam, initial_scale=LOSS_SCALE, dynamic_growth_steps=LOSS_SCALE_GROWTH_STEPS
    )


def loss_scale(optimizer: keras.optimizers.Optimizer) -> float:
    """The factor of the loss as it is now; 1 where it is not scaled."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return float(optimizer.dynamic_scale.numpy())
    return 1.0


def growth_steps(optimizer: keras.optimizers.Optimizer) -> int:
    """After how many steps without an overflow the scale doubles; 0 where it never does."""
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        return int(optimizer.dynamic_growth_steps)
    return 0
