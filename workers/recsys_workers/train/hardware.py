"""What the hyperparameters ask of the machine, checked before Ray and torch are started for it. No torch in here."""

import ctypes
from importlib.util import find_spec

from recsys_workers.models.declaration import ON
from recsys_workers.models.hyperparameters import Hyperparameters

DRIVER = "libcuda.so.1"


def cuda_devices() -> int:
    """How many CUDA devices this process may use, as the driver counts them; 0 without a driver."""
    try:
        driver = ctypes.CDLL(DRIVER)
    except OSError:
        return 0
    count = ctypes.c_int(0)
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)):
        return 0
    return count.value


def has_triton() -> bool:
    """Whether torch.compile can make kernels for a GPU here; the trainer's own image has no Triton."""
    return find_spec("triton") is not None


def refusal(hyperparameters: Hyperparameters, devices: int, *, triton: bool) -> str | None:
    """Why this machine cannot train with the hyperparameters, as a sentence; None when it can."""
    wanted = [("precision", "BFloat16", "Float32"), ("compile", ON, "Off")]
    faults = [
        f"The hyperparameter {name} is {value}, which needs a CUDA device, and the trainer sees none: set it to "
        f"{other}, or leave it out."
        for name, value, other in wanted
        if hyperparameters.choice(name) == value and not devices
    ]
    if hyperparameters.choice("compile") == ON and devices and not triton:
        faults.append(
            "The hyperparameter compile is On, which needs Triton, and the trainer's image has none: set it to Off, or "
            "build the image with Triton and a C compiler."
        )
    return " ".join(faults) or None


def idle_gpus(asked: int, devices: int) -> str | None:
    """What to tell of GPUs that the run holds and cannot use, as a sentence; None when there are none."""
    if asked <= devices:
        return None
    return (
        f"The run asks for {asked} GPU, and the trainer sees {devices} CUDA devices: it trains on the CPU, and what "
        "it holds is idle. Give the node NVIDIA's driver and container runtime, or do not ask for a GPU."
    )
