"""Runs an emitted file's Gluon kernels on the CPU, to see that they agree on who waits for what, and what they compute.

Every partition of a program is a thread.  Whatever the device does in its own time is done here as late as it may be:
products when they are waited for, stores when they are, what is read of shared memory when a fence or a product is.  So
a tile that is let go of too early is overwritten, and a barrier that nobody completes ends the run.
"""

from __future__ import annotations

import ast
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import torch

PATIENCE = 20.0
"""Seconds after which whoever waits has waited in vain."""


class StuckError(Exception):
    """A barrier was not completed, or more arrived at it than it expects."""


class OverwrittenError(Exception):
    """A tile was filled again while it was read."""


class Barrier:
    """As a device has them: a phase is over when all have arrived and all bytes that were announced are there."""

    def __init__(self) -> None:
        self.condition = threading.Condition()
        self.arrivals = self.missing = self.bytes = self.phase = 0

    def change(self, arrivals: int = 0, size: int = 0) -> None:
        with self.condition:
            self.missing -= arrivals
            self.bytes += size
            if self.missing < 0:
                raise StuckError("more arrived at a barrier than it expects")
            if self.missing == 0 and self.bytes == 0:
                self.phase, self.missing = self.phase ^ 1, self.arrivals
                self.condition.notify_all()

    def wait(self, phase: int) -> None:
        with self.condition:
            if not self.condition.wait_for(lambda: self.phase != phase, PATIENCE):
                raise StuckError("a barrier was waited for in vain")


class Shared:
    """Shared memory: tiles, or barriers where the numbers are 64-bit integers.  Unwritten tiles are NaN."""

    def __init__(self, data: Any) -> None:
        self.data = data
        self.shape = [len(data), 1] if isinstance(data, list) else list(data.shape)

    def index(self, i: Any) -> Any:
        return self.data[int(i)] if isinstance(self.data, list) else Shared(self.data[int(i)])

    def reshape(self, shape: list[int]) -> Shared:
        return Shared(self.data.view(shape))

    def permute(self, order: tuple[int, ...]) -> Shared:
        return Shared(self.data.permute(order))

    def load(self, layout: Any) -> torch.Tensor:
        found = self.data.clone()
        OWN.reads.append((self.data, found))
        return found

    def store(self, value: torch.Tensor) -> None:
        self.data.copy_(value)


@dataclass
class Pointer:
    """Addresses within a tensor."""

    base: torch.Tensor
    at: Any = 0

    def __add__(self, other: Any) -> Pointer:
        return Pointer(self.base, self.at + other)

    def __getitem__(self, key: Any) -> Pointer:
        return Pointer(self.base, self.at[key])

    @property
    def whole(self) -> torch.Tensor:
        store = self.base.untyped_storage()
        flat = torch.empty(0, dtype=self.base.dtype).set_(store, 0, (store.nbytes() // self.base.element_size(),))
        return flat[self.base.storage_offset() :]


class Descriptor:
    """A tensor (B, H, N, D) and the tile that is copied at a time, of rows that lie a period apart: residue classes are
    columns.  What lies outside of it reads as 0.
    """

    def __init__(self, x: torch.Tensor, rows: int, period: int = 1) -> None:
        self.x, self.dtype, self.layout, self.period = x, x.dtype, None, period
        shape = [1, 1, rows, x.shape[3]]
        self.block_type = SimpleNamespace(shape=shape, nbytes=rows * x.shape[3] * x.element_size())

    def part(self, at: Sequence[Any]) -> torch.Tensor:
        b, h, row, column = (int(i) for i in at)
        residue, within = divmod(column, self.x.stride(2))
        assert row >= 0
        assert residue < self.period
        assert within == 0
        return self.x[b, h, residue :: self.period][row : row + self.block_type.shape[2]]


@dataclass
class Product:
    """A product under way."""

    compute: Callable[[], torch.Tensor]
    value: torch.Tensor | None = None


class _Own(threading.local):
    """What a thread has under way."""

    def __init__(self) -> None:
        self.products: list[Product] = []
        self.stores: list[Callable[[], Any]] = []
        self.reads: list[tuple[torch.Tensor, torch.Tensor]] = []

    def finish_reads(self) -> None:
        """Waits until all that was read is there, as late as others may fill its place again."""
        if self.reads:
            time.sleep(1e-3)
        while self.reads:
            place, found = self.reads.pop()
            if not torch.equal(place.nan_to_num(), found.nan_to_num()):
                raise OverwrittenError


OWN = _Own()


class Machine:
    """A device with so many multiprocessors, one program on each."""

    def __init__(self, text: str, programs: int = 3) -> None:
        self.programs, self.program = programs, 0
        (block,) = [n for n in ast.parse(text).body if isinstance(n, ast.If) and ast.unparse(n.test) == "GLUON"]
        block.body = [n for n in block.body if not isinstance(n, ast.ImportFrom)]
        self.names: dict[str, Any] = {"tl": self._language(), "gl": self._language(), **self._hopper()}
        exec(compile(ast.Module(block.body, []), "kernels", "exec", dont_inherit=True), self.names)

    def run(self, kernel: str, *arguments: Any, **constants: Any) -> None:
        """Launches a kernel; integers among its arguments are scalars of the device."""
        given = [torch.tensor(a) if isinstance(a, int) else a for a in arguments]
        interval = sys.getswitchinterval()
        sys.setswitchinterval(1e-5)
        try:
            for program in range(self.programs):
                self.program = program
                self.names[kernel](*given, **constants)
        finally:
            sys.setswitchinterval(interval)

    def _language(self) -> SimpleNamespace:
        def same(x: Any, *_: Any) -> Any:
            return x

        def where(condition: Any, a: Any, b: Any) -> Any:
            return torch.where(torch.as_tensor(condition), torch.as_tensor(a), torch.as_tensor(b))

        def extreme(choose: Any) -> Any:
            return lambda a, b: choose(torch.as_tensor(a), torch.as_tensor(b))

        def assembly(text: str, constraints: str, given: list[Any], **_: Any) -> Any:
            program = torch.tensor(self.program)
            known = {"$1": given[0], "%ctaid.x": program, "%nctaid.x": torch.tensor(self.programs)}
            return known[text.removeprefix("mov.b32 $0, ").removesuffix(";")]

        return SimpleNamespace(
            constexpr=None, int32=torch.int32, int64=torch.int64, float32=torch.float32, static_range=range,
            cdiv=lambda a, b: -(-a // b), minimum=extreme(torch.minimum), maximum=extreme(torch.maximum), where=where,
            exp2=torch.exp2, log2=torch.log2, max=torch.amax, sum=torch.sum, convert_layout=same,
            inline_asm_elementwise=assembly,
            arange=lambda a, b, layout: torch.arange(a, b),
            full=lambda shape, value, dtype, layout: torch.full(shape, value, dtype=dtype),
            SliceLayout=same, NVMMADistributedLayout=same, DotOperandLayout=same, BlockedLayout=same,
            SwizzledSharedLayout=same, allocate_shared_memory=self._allocate, warp_specialize=self._specialize,
            load=self._load, store=self._store,
        )  # fmt: skip

    def _hopper(self) -> dict[str, Any]:
        def jit(function: Any = None, **_: Any) -> Any:
            return function or jit

        def wait(barrier: Barrier, phase: Any, pred: Any = True) -> None:
            if pred:
                barrier.wait(int(phase))

        def arrive(barrier: Barrier, pred: Any = True) -> None:
            if pred:
                barrier.change(arrivals=1)

        def initialise(barrier: Barrier, count: int) -> None:
            barrier.arrivals = barrier.missing = count

        def expect(barrier: Barrier, size: int) -> None:
            barrier.change(arrivals=1, size=size)

        def load(x: Descriptor, at: Any, barrier: Barrier, tile: Shared) -> None:
            found = x.part(at)
            tile.data.zero_()
            tile.data[0, 0, : len(found)] = found
            barrier.change(size=-x.block_type.nbytes)

        def store(x: Descriptor, at: Any, tile: Shared) -> None:
            target = x.part(at)
            OWN.stores.append(lambda: target.copy_(tile.data[0, 0, : len(target)]))

        def stores_wait(left: int) -> None:
            while len(OWN.stores) > left:
                OWN.stores.pop(0)()

        def gathered(tile: Shared, pointer: Pointer, mask: torch.Tensor) -> None:
            tile.store(self._load(pointer, mask, 0.0))

        return {
            "gluon": SimpleNamespace(jit=jit),
            "floor_mod": lambda a, b: a % b,
            "mbarrier": SimpleNamespace(init=initialise, wait=wait, arrive=arrive, expect=expect, MBarrierLayout=dict),
            "tma": SimpleNamespace(
                async_copy_global_to_shared=load, async_copy_shared_to_global=store, store_wait=stores_wait
            ),
            "async_copy": SimpleNamespace(async_copy_global_to_shared=gathered, mbarrier_arrive=lambda barrier: None),
            "fence_async_shared": OWN.finish_reads,
            "warpgroup_mma": self._multiply,
            "warpgroup_mma_wait": self._products,
        }

    def _allocate(self, dtype: Any, shape: list[int], layout: Any) -> Shared:
        if dtype == torch.int64:
            return Shared([Barrier() for _ in range(shape[0])])
        return Shared(torch.full(shape, float("nan"), dtype=dtype))

    def _specialize(
        self, partitions: list[tuple[Any, tuple[Any, ...]]], warps: list[int], registers: list[int]
    ) -> None:
        failed: list[BaseException] = []

        def work(function: Any, arguments: tuple[Any, ...]) -> None:
            try:
                function(*arguments)
                assert not OWN.products, "a product is not waited for"
            except BaseException as problem:
                failed.append(problem)

        threads = [threading.Thread(target=work, args=partition, daemon=True) for partition in partitions]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failed:
            raise failed[0]

    def _load(self, pointer: Pointer, mask: torch.Tensor, other: float) -> torch.Tensor:
        mask = mask.expand(pointer.at.shape)
        return torch.where(mask, pointer.whole[torch.where(mask, pointer.at, 0)], other)

    def _store(self, pointer: Pointer, value: torch.Tensor, mask: torch.Tensor) -> None:
        pointer.whole[pointer.at[mask]] = value[mask]

    def _multiply(self, a: Any, b: Shared, acc: Any, use_acc: bool = True, is_async: bool = False) -> Product:
        def compute() -> torch.Tensor:
            started = acc.value if isinstance(acc, Product) else acc
            product = (a.data if isinstance(a, Shared) else a).float() @ b.data.float()
            return started + product if use_acc else product

        result = Product(compute)
        OWN.products.append(result)
        return result

    def _products(self, left: int, deps: tuple[Any, ...]) -> Any:
        while len(OWN.products) > left:
            product = OWN.products.pop(0)
            product.value = product.compute()
        OWN.finish_reads()
        done = [x.value if isinstance(x, Product) else x for x in deps]
        assert all(x is not None for x in done), "a product is used before it is waited for"
        return done[0] if len(done) == 1 else tuple(done)
