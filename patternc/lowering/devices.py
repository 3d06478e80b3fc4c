"""What named devices can do at most, and where the numbers come from: the roofline's two edges, and shared memory."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Device:
    """Rates in operations and bytes a second.  ``half`` is for bfloat16 and float16, dense, summed in float32.

    ``shared`` is the shared memory in KiB that one program can have; ``hopper`` says that matrix units read from it.
    """

    name: str
    half: float
    single: float
    memory: float
    source: str
    shared: int = 227
    hopper: bool = True
    hip: bool = False

    def rate(self, dtype: str) -> float:
        """Operations a second on numbers of a type."""
        return self.single if dtype == "float32" else self.half

    def seconds(self, flops: int, size: int, dtype: str) -> float:
        """The floor: no kernel of so many operations and bytes is faster."""
        return max(flops / self.rate(dtype), size / self.memory)

    def bound(self, flops: int, size: int, dtype: str) -> str:
        """What the floor comes from: ``arithmetic`` or ``memory``."""
        return "arithmetic" if flops / self.rate(dtype) > size / self.memory else "memory"


T = 1e12

DEVICES: dict[str, Device] = {
    "h200": Device("NVIDIA H200", 800 * T, 67 * T, 4.24 * T, "measured: a matrix product in bfloat16, a copy"),
    "h200-peak": Device("NVIDIA H200 SXM", 989 * T, 67 * T, 4.8 * T, "NVIDIA H200 data sheet"),
    "h100": Device("NVIDIA H100 SXM", 989 * T, 67 * T, 3.35 * T, "NVIDIA H100 data sheet"),
    "h100-pcie": Device("NVIDIA H100 PCIe", 756 * T, 51 * T, 2.0 * T, "NVIDIA H100 data sheet"),
    "a100": Device("NVIDIA A100 80GB SXM", 312 * T, 19.5 * T, 2.039 * T, "NVIDIA A100 data sheet", 163, False),
    "b200": Device("NVIDIA HGX B200", 2250 * T, 75 * T, 7.7 * T, "NVIDIA HGX B200 data sheet"),
    "l40s": Device("NVIDIA L40S", 362 * T, 91.6 * T, 0.864 * T, "NVIDIA L40S data sheet", 99, False),
    "rtx4090": Device("NVIDIA GeForce RTX 4090", 165.2 * T, 82.6 * T, 1.008 * T, "NVIDIA Ada white paper", 99, False),
    "mi300x": Device(
        "AMD Instinct MI300X", 1307.4 * T, 163.4 * T, 5.3 * T, "AMD MI300X data sheet", 64, False, hip=True
    ),
}
"""By the name that `explain --device` takes.  Data sheets give peaks, which kernels do not reach; the shared memory is
the CUDA programming guide's, "Technical specifications per compute capability", and the CDNA 3 instruction set's."""
