"""No configuration that a launch can choose spills registers or takes more shared memory than there is."""

from __future__ import annotations

import random
from types import SimpleNamespace

import pytest

from tests.kernels.schedules import PATTERNS, pattern
from tests.runtime.ahead import TARGETS, Config, Found, configurations, found

TIGHTEST = [
    Config("band", 0, "backward_kv", "sm_90", descriptors=True),
    Config("residue", 0, "backward_kv", "sm_90"),
    Config("band", 0, "backward_kv", "sm_90", head_dim=256, descriptors=True),
    Config("band", 0, "backward_q", "sm_90", head_dim=256, dtype="float32"),
    Config("gate", 0, "backward", "sm_90", extras=True, classes=2),
    Config("band", 0, "forward", "sm_89"),
    Config("band", 0, "forward", "gfx942"),
    Config("blocks", 0, "forward", "sm_90"),
    Config("heads", 1, "backward_kv", "sm_90", extras=True),
    Config("blocks", 0, "backward_q", "sm_90", 64, extras=True),
    Config("blocks", 0, "backward_kv", "sm_90", 256, dtype="float32"),
    Config("documents", 1, "backward_q", "sm_90", 128, dtype="float32"),
]
"""Each of them did not fit, or spilled, with the tile sizes of its neighbours."""
DRAWN = 4
"""Others that the ordinary run compiles, 2 to 5 seconds each."""


def bad(config: Config, result: Found) -> list[str]:
    said: list[str] = []
    if result.spilled:
        said.append(f"{config}: spills {result.spilled} bytes")
    if not result.shared <= result.bound:
        said.append(f"{config}: takes {result.shared} bytes of shared memory, where the bound says {result.bound}")
    if result.shared > result.limit:
        said.append(f"{config}: takes {result.shared} bytes of shared memory, of {result.limit}")
    return said


def check(configs: list[Config]) -> None:
    wrong = [text for pair in zip(configs, found(configs), strict=True) for text in bad(*pair)]
    assert not wrong, "\n".join(wrong)


def test_the_tightest_and_some_others_fit_without_spills() -> None:
    everything = [
        c for target in TARGETS for name in ("band", "residue", "columns") for c in configurations(target, name)
    ]
    check(TIGHTEST + random.Random(5).sample(everything, DRAWN))


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_some_of_every_pattern_fit_without_spills(target: str) -> None:
    draw = random.Random(target)
    check([draw.choice(list(configurations(target, name))) for name in PATTERNS])


@pytest.mark.hours
@pytest.mark.parametrize("name", PATTERNS)
@pytest.mark.parametrize("target", TARGETS)
def test_all_of_them_fit_without_spills(target: str, name: str) -> None:
    check(list(configurations(target, name)))


def test_a_spill_and_an_excess_are_seen() -> None:
    config = TIGHTEST[0]
    assert bad(config, Found(100, 200, 300, 255, 0)) == []
    assert "spills 8 bytes" in bad(config, Found(100, 200, 300, 128, 8))[0]
    assert "where the bound says 200" in bad(config, Found(201, 200, 300, 255, 0))[0]
    assert "of 150" in bad(config, Found(160, 200, 150, 255, 0))[0]


def test_leaner_tiles_where_a_kernel_spills() -> None:
    module = pattern("band").module(2)
    tile = module.Tiling(64, 64, 4, 2)
    assert module.settled(tile, lambda one: 0) == tile
    assert module.settled(tile, lambda one: 36 * (one.num_stages - 1)) == (64, 64, 4, 1)
    few_warps = lambda one: 36 * (one.num_warps < 8 and one.BLOCK_Q == 64)  # noqa: E731
    assert module.settled(tile, few_warps, packed=True) == (64, 64, 8, 2)
    assert module.settled(tile, lambda one: 0 if one.num_warps == 8 else 36) == (64, 64, 8, 2)
    assert module.settled(tile, lambda one: 0 if one.num_warps == 2 else 36) == (64, 64, 2, 2)
    assert module.settled(tile, lambda one: one.BLOCK_Q + one.BLOCK_K) == (32, 32, 4, 2)
    assert module.settled(module.Tiling(16, 16, 2, 1), lambda one: 100 + abs(one.num_warps - 2)) == (16, 16, 2, 1)


def test_a_launch_takes_the_leaner_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    module = pattern("band").module(2)
    kernel = SimpleNamespace(fn=SimpleNamespace(__name__="band_backward_kv"))
    asked: list[tuple[int, ...] | None] = []

    def prepare(choice: tuple[tuple[int, ...], bool] | None = None) -> tuple[object, ...]:
        asked.append(choice)
        sizes = module.Tiling(*(choice[0] if choice else (64, 64, 4, 2)))
        return kernel, (1, 1, 1), {}, {**sizes._asdict(), "TMA": True}

    def ahead(self: SimpleNamespace, tensors: object) -> SimpleNamespace:
        return SimpleNamespace(n_spills=self.constants["BLOCK_Q"] - 32 if tensors else 0)

    monkeypatch.setattr(module._Launch, "ahead", ahead)
    on_a_gpu, on_the_cpu = ({"q_ptr": SimpleNamespace(is_cuda=x, dtype="a half")} for x in (True, False))
    assert module._usual(on_a_gpu, prepare).constants["BLOCK_Q"] == 32
    assert asked == [None, ((64, 64, 4, 1), True), ((32, 64, 4, 2), True)]
    assert module._usual(on_the_cpu, prepare).constants["BLOCK_Q"] == 64


def test_a_kernel_for_hopper_that_spills_gives_way(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    module = pattern("dense").module(2)
    part = module.PARTS[0]._replace(hopper=object())
    portable = type("Kernel", (), {"fn": SimpleNamespace(__name__="dense_forward")})()
    monkeypatch.setattr(module, "DESCRIPTORS", True)
    monkeypatch.setattr(module, "_SPILLING", set())
    monkeypatch.setattr(module, "_capability", lambda device: (9, 0))
    monkeypatch.setattr(module._Launch, "ahead", lambda self, tensors: SimpleNamespace(n_spills=spills[self.kernel]))
    q = torch.empty(1, 2, 256, 128, dtype=torch.bfloat16)
    call = module._Call(q, q, q, 0.1, None)

    def refusal() -> str | None:
        return module._hopper_refusal(call, part, "hopper", q)

    def prepare(choice: object = None) -> tuple[object, ...]:
        own = {"RING": 2} if refusal() is None else {**module.Tiling(64, 64, 4, 2)._asdict(), "TMA": True}
        return (part.hopper if "RING" in own else portable), (1, 1, 1), {}, own

    tensors = {"q_ptr": SimpleNamespace(is_cuda=True, dtype=q.dtype, shape=q.shape)}
    spills: dict[object, int] = {part.hopper: 0, portable: 0}
    assert module._usual(tensors, prepare).kernel is part.hopper
    assert refusal() is None
    spills[part.hopper] = 2
    assert module._usual(tensors, prepare).kernel is portable
    assert refusal() == "it would spill registers"


@pytest.mark.parametrize("kib", [48, 64, 99, 163, 227])
def test_tiles_fit_a_device_with_little_shared_memory(kib: int, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    module = pattern("band").module(2)
    monkeypatch.setattr(module, "INTERPRETED", False)
    chip = module.Chip(kib * 1024, False)
    for kind in ("forward", "backward_q", "backward_kv"):
        for dtype in (torch.bfloat16, torch.float32):
            for head_dim in (16, 64, 80, 128, 256):
                tile = module.tiling(kind, head_dim, dtype, False, chip=chip)
                fits = module.shared_bytes(kind, tile, head_dim, dtype, chip) <= chip.shared
                assert fits or (tile.BLOCK_Q, tile.BLOCK_K, tile.num_stages) == (16, 16, 1)
                assert fits or kib < 99


@pytest.mark.parametrize(
    ("capability", "kib", "hopper"),
    [((8, 0), 163, False), ((8, 9), 99, False), ((9, 0), 227, True), ((12, 0), 99, False)],
)
def test_a_launch_asks_the_device(
    capability: tuple[int, int], kib: int, hopper: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    module = pattern("band").module(2)
    properties = SimpleNamespace(shared_memory_per_block_optin=kib * 1024)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: properties)
    monkeypatch.setattr(torch.cuda, "get_device_capability", lambda device: capability)
    monkeypatch.setattr(torch.version, "hip", None)
    assert module._chip.__wrapped__(torch.device("cuda", 0)) == (kib * 1024, hopper, False)
    monkeypatch.setattr(torch.version, "hip", "6.4")
    assert module._chip.__wrapped__(torch.device("cuda", 0)) == (64 * 1024, False, True)
