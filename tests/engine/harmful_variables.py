"""Documented variables that change what a framework computes or how fast, each with a value that does harm.

Sources are the projects' own pages: TensorFlow (`tensorflow/core/util`, the GPU and determinism guides), XLA
(`xla/debug_options_flags.cc`), Keras (`keras/src/backend/config.py`), PyTorch (the pages "Torch Environment
Variables", "CUDA Environment Variables" and "Threading Environment Variables"), Inductor
(`torch/_inductor/config.py`), OpenMP 5.2 chapter 21 and the manuals of libgomp and of LLVM's and Intel's
runtime, oneMKL, oneDNN ("Runtime controls"), CUDA, glibc and Python ("Command line and environment").
"""

from __future__ import annotations

HARMFUL = {
    # TensorFlow
    "TF_XLA_FLAGS": "--tf_xla_auto_jit=2 --tf_xla_cpu_global_jit",
    "TF_ENABLE_ONEDNN_OPTS": "0",
    "TF_NUM_INTRAOP_THREADS": "7",
    "TF_NUM_INTEROP_THREADS": "7",
    "TF_DETERMINISTIC_OPS": "1",
    "TF_CUDNN_DETERMINISTIC": "1",
    "TF_CUDNN_USE_AUTOTUNE": "0",
    "TF_ENABLE_CUBLAS_TENSOR_OP_MATH_FP32": "1",
    "TF_DISABLE_CUDNN_TENSOR_OP_MATH": "1",
    "TF_FORCE_GPU_ALLOW_GROWTH": "false",
    "TF_GPU_ALLOCATOR": "cuda_malloc_async",
    "TF_GPU_THREAD_MODE": "gpu_private",
    "TF_GPU_THREAD_COUNT": "1",
    "TF_ENABLE_GPU_GARBAGE_COLLECTION": "false",
    "TF_ONEDNN_ASSUME_FROZEN_WEIGHTS": "1",
    "TF_SET_ONEDNN_FPMATH_MODE": "BF16",
    "TF_CPP_MIN_LOG_LEVEL": "0",
    "TF_CPP_MAX_VLOG_LEVEL": "3",
    "TF_CPP_VMODULE": "executor=5",
    "TF_DUMP_GRAPH_PREFIX": "/nonexistent",
    "TF_USE_LEGACY_KERAS": "1",
    "TF2_BEHAVIOR": "0",
    "TF_FUNCTION_JIT_COMPILE_DEFAULT": "1",
    "TF_EAGER_ENABLE_SMALL_TENSOR_CPU_PINNING": "1",
    # XLA
    "XLA_FLAGS": "--xla_cpu_enable_fast_math=true --xla_backend_optimization_level=0",
    # Keras
    "KERAS_BACKEND": "torch",
    "KERAS_HOME": "/nonexistent",
    "KERAS_MAX_EPOCHS": "1",
    "KERAS_MAX_STEPS_PER_EPOCH": "3",
    "KERAS_NNX_ENABLED": "true",
    "KERAS_TORCH_DEVICE": "meta",
    # PyTorch
    "TORCHDYNAMO_DISABLE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "TORCH_LOGS": "+all",
    "TORCH_TRACE": "/nonexistent",
    "TORCH_SHOW_CPP_STACKTRACES": "1",
    "TORCH_CPP_LOG_LEVEL": "INFO",
    "TORCH_USE_RTLD_GLOBAL": "1",
    "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": "1",
    "TORCH_FORCE_WEIGHTS_ONLY_LOAD": "1",
    "TORCH_DEVICE_BACKEND_AUTOLOAD": "0",
    "PYTORCH_JIT": "0",
    "PYTORCH_NO_CUDA_MEMORY_CACHING": "1",
    "PYTORCH_CUDA_ALLOC_CONF": "max_split_size_mb:21",
    "PYTORCH_NVML_BASED_CUDA_CHECK": "1",
    "ATEN_CPU_CAPABILITY": "default",
    # Inductor and Triton
    "TORCHINDUCTOR_FORCE_DISABLE_CACHES": "1",
    "TORCHINDUCTOR_CACHE_DIR": "/nonexistent",
    "TORCHINDUCTOR_MAX_AUTOTUNE": "1",
    "TORCHINDUCTOR_COMPILE_THREADS": "1",
    "TORCHINDUCTOR_FREEZING": "1",
    "TORCHINDUCTOR_CPP_WRAPPER": "1",
    "TORCH_COMPILE_DEBUG": "1",
    "TRITON_INTERPRET": "1",
    # OpenMP, as every runtime reads it
    "OMP_NUM_THREADS": "7",
    "OMP_THREAD_LIMIT": "1",
    "OMP_DYNAMIC": "true",
    "OMP_SCHEDULE": "dynamic,1",
    "OMP_PROC_BIND": "true",
    "OMP_PLACES": "{0}",
    "OMP_WAIT_POLICY": "active",
    "OMP_STACKSIZE": "1G",
    "OMP_MAX_ACTIVE_LEVELS": "4",
    "OMP_DISPLAY_ENV": "verbose",
    # libgomp's, LLVM's and Intel's own
    "GOMP_CPU_AFFINITY": "0",
    "GOMP_SPINCOUNT": "infinite",
    "KMP_AFFINITY": "granularity=fine,compact,1,0",
    "KMP_BLOCKTIME": "infinite",
    "KMP_LIBRARY": "serial",
    "KMP_SETTINGS": "1",
    # oneMKL and OpenBLAS
    "MKL_NUM_THREADS": "7",
    "MKL_DYNAMIC": "true",
    "MKL_CBWR": "COMPATIBLE",
    "MKL_ENABLE_INSTRUCTIONS": "SSE4_2",
    "MKL_VERBOSE": "2",
    "OPENBLAS_CORETYPE": "Prescott",
    # oneDNN
    "ONEDNN_MAX_CPU_ISA": "SSE41",
    "DNNL_MAX_CPU_ISA": "SSE41",
    "ONEDNN_DEFAULT_FPMATH_MODE": "BF16",
    "ONEDNN_VERBOSE": "all",
    "ONEDNN_PRIMITIVE_CACHE_CAPACITY": "0",
    # CUDA
    "NVIDIA_TF32_OVERRIDE": "1",
    "CUDA_LAUNCH_BLOCKING": "1",
    "CUDA_DEVICE_ORDER": "FASTEST_FIRST",
    "CUDA_MODULE_LOADING": "EAGER",
    "CUDA_CACHE_DISABLE": "1",
    "CUBLAS_WORKSPACE_CONFIG": ":16:8",
    # glibc
    "LD_PRELOAD": "/nonexistent/libtcmalloc.so",
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_PERTURB_": "165",
    "MALLOC_TRIM_THRESHOLD_": "0",
    # Python
    "PYTHONHASHSEED": "7",
    "PYTHONOPTIMIZE": "1",
    "PYTHONMALLOC": "debug",
    "PYTHONPATH": "/nonexistent",
    "PYTHONSTARTUP": "/nonexistent.py",
    "PYTHONWARNINGS": "error::SyntaxWarning",
    "PYTHONPROFILEIMPORTTIME": "1",
}
