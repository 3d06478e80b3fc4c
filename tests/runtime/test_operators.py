"""The emitted functions are operators of torch: compiled without a break, exported, checkpointed, cast and refused."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.checkpoint import checkpoint

import patternc
from patternc.runtime import loader
from tests.devices import DEVICES, here, runs_on

HEADS, KV_HEADS, DIM = 4, 2, 16
TEXTS = {
    "plain": "causal pattern plain(l = 3) { attend window(l) | sink(1) }",
    "gated": "causal pattern gated(l = 3, p = 4) { attend gate(window(l), stride(p)) }",
    "documents": "pattern documents(l = 2) { attend gate(per_document(window(l)), full) }",
    "ragged": "pattern ragged(w = 2) { attend heads { 0..1 : window(w)  1..4 : gate(window(w), stride(3), sink(2)) } }",
}


@pytest.fixture(autouse=True, params=DEVICES)
def device(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Nothing compiled before; on the CPU emitted files take their plain path, which is faster than the interpreter."""
    torch._dynamo.reset()
    load = loader.load

    def plain(name: str, text: str) -> ModuleType:
        module = load(name, text)
        monkeypatch.setattr(module, "INTERPRETED", False)
        return module

    monkeypatch.setattr(loader, "load", plain)
    with runs_on(request.param):
        yield request.param


class Call:
    """A pattern with the arguments of a call."""

    def __init__(self, name: str, n: int = 9, lengths: bool = False) -> None:
        self.pattern = patternc.loads(TEXTS[name])
        generator = torch.Generator().manual_seed(n)

        def draw(*shape: int) -> torch.Tensor:
            return here(torch.randn(shape, generator=generator))

        self.leaves = [draw(2, n, HEADS, DIM).transpose(1, 2), draw(2, KV_HEADS, n, DIM), draw(2, KV_HEADS, n, DIM)]
        if self.pattern.gated:
            self.leaves.append(draw(2, HEADS, n, self.pattern.branches))
        self.leaves = [x.requires_grad_() for x in self.leaves]
        self.options: dict[str, Any] = {}
        if self.pattern.needs_documents:
            self.options["cu_seqlens"] = here(torch.tensor([0, 4, n]))
        if lengths:
            self.options["lengths"] = here(torch.tensor([n, n - 3]))

    def module(self) -> ModuleType:
        return self.pattern.module(HEADS)

    def operators(self) -> tuple[Any, Any]:
        """The forward and the backward operator, as torch has them."""
        name, known = self.module().OPERATOR, torch.ops.patternc
        return getattr(known, f"{name}_forward").default, getattr(known, f"{name}_backward").default

    def gradients(self, function: Callable[..., Any]) -> list[torch.Tensor]:
        out = function(*self.leaves, **self.options)
        return [out, *torch.autograd.grad(out.square().sum(), self.leaves)]


def assert_all_close(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    for a, b in zip(one, other, strict=True):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("lengths", [False, True], ids=["whole", "padded"])
@pytest.mark.parametrize("name", TEXTS)
def test_opcheck_finds_nothing(name: str, lengths: bool) -> None:
    call = Call(name, lengths=lengths)
    seen: dict[Any, tuple[Any, ...]] = {}

    class Listen(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            if function in operators:
                seen[function] = args
            return function(*args, **(kwargs or {}))

    operators = call.operators()
    with Listen():
        out, lse = call.pattern(*call.leaves, **call.options, return_lse=True)
        (out.sum() + lse.exp().sum()).backward()
    for operator in operators:
        arguments = [x.detach() if isinstance(x, torch.Tensor) else x for x in seen[operator]]
        torch.library.opcheck(operator, arguments)
    arguments = [x.requires_grad_() if isinstance(x, torch.Tensor) else x for x in seen[operators[0]][:3]]
    torch.library.opcheck(operators[0], [*arguments, *seen[operators[0]][3:]])


@pytest.mark.parametrize("interpreted", [False, True], ids=["plain", "kernels"])
def test_every_path_goes_through_the_operators(interpreted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    call, seen = Call("plain"), []
    monkeypatch.setattr(call.module(), "INTERPRETED", interpreted)

    class Listen(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            seen.append(function)
            return function(*args, **(kwargs or {}))

    with Listen():
        call.pattern(*call.leaves).sum().backward()
    assert [f for f in seen if f.namespace == "patternc"] == [*call.operators()]


def test_a_file_that_is_imported_twice_runs_each_copy(tmp_path: Path) -> None:
    """Also where somebody edited one of them, and where files of one name differ."""
    pattern = patternc.loads(TEXTS["plain"])
    one = pattern.module()

    def imported(text: str) -> ModuleType:
        path = tmp_path / "copy.py"
        path.write_text(text, encoding="utf-8")
        spec = importlib.util.spec_from_file_location("copied", path)
        copied = importlib.util.module_from_spec(spec)
        sys.modules["copied"] = copied
        spec.loader.exec_module(copied)
        copied.INTERPRETED = False
        return copied

    same = imported(pattern.emit())
    edited = imported(pattern.emit().replace("run(call, keep)", "[x + 1 for x in run(call, keep)]"))
    other = patternc.loads(TEXTS["plain"], l=2).module()
    names = [m.OPERATOR for m in (one, same, edited, other)]
    assert len(set(names)) == 4
    assert names[1].startswith(f"{names[0]}_")
    assert not names[3].startswith(names[0]), "another content is another name"
    q = here(torch.randn(1, 2, 5, 8))
    assert torch.equal(one.attention(q, q, q), same.attention(q, q, q))
    assert torch.equal(one.attention(q, q, q) + 1, edited.attention(q, q, q))


@pytest.mark.parametrize("name", TEXTS)
def test_it_compiles_whole_and_once_for_every_length(name: str) -> None:
    """Without a call before that would have loaded the pattern's file."""
    pattern = patternc.loads(TEXTS[name])
    backend = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(lambda *a, **k: pattern(*a, **k), backend=backend, fullgraph=True, dynamic=True)
    for n in (9, 17, 40):
        call = Call(name, n)
        assert_all_close(call.gradients(compiled), call.gradients(call.pattern))
        assert backend.frame_count == 1


def test_a_layer_compiles_whole_with_a_length_that_is_marked_dynamic() -> None:
    layer = here(
        patternc.nn.PatternAttention(
            32, 4, 2, pattern=patternc.loads(TEXTS["gated"]), qk_norm=torch.nn.RMSNorm, rotary=patternc.nn.Rotary()
        )
    )
    backend = CompileCounterWithBackend("aot_eager")
    compiled = torch.compile(layer, backend=backend, fullgraph=True)
    for n in (9, 17, 40):
        x = here(torch.randn(2, n, 32))
        torch._dynamo.mark_dynamic(x, 1)
        torch.testing.assert_close(compiled(x), layer(x))
        assert backend.frame_count == 1


@pytest.mark.slow
def test_it_compiles_with_inductor() -> None:
    call = Call("gated")
    compiled = torch.compile(lambda *a: call.pattern(*a), fullgraph=True, dynamic=True)
    assert_all_close(call.gradients(compiled), call.gradients(call.pattern))


def test_what_cannot_be_served_is_said_in_compiled_code_too() -> None:
    call = Call("gated")
    says = r"gate: gated has 2 branches and needs logits \(2, 4, 9, 2\); got None"
    with pytest.raises(Exception, match=says):
        torch.compile(lambda *a: call.pattern(*a), backend="eager", fullgraph=True)(*call.leaves[:3])
    with pytest.raises(ValueError, match=says):
        torch.compile(lambda *a: call.pattern(*a), backend="eager")(*call.leaves[:3])


@pytest.mark.parametrize("strict", [False, True])
def test_a_module_that_holds_one_is_exported(strict: bool) -> None:
    pattern = patternc.loads(TEXTS["gated"])
    layer = here(patternc.nn.PatternAttention(32, 4, 2, pattern=pattern, rotary=patternc.nn.Rotary()))
    tokens = torch.export.Dim("tokens", min=2, max=4096)
    x = here(torch.randn(2, 9, 32))
    exported = torch.export.export(layer, (x,), dynamic_shapes={"x": {1: tokens}}, strict=strict)
    x = here(torch.randn(2, 50, 32))
    torch.testing.assert_close(exported.module()(x), layer(x))


@pytest.mark.parametrize("name", ["plain", "gated"])
def test_under_autocast_inputs_are_cast_as_those_of_torch_are(name: str, device: str) -> None:
    call = Call(name)
    q, k, v = (x.detach() for x in call.leaves[:3])
    with torch.autocast(device, dtype=torch.bfloat16):
        expected = torch.nn.functional.scaled_dot_product_attention(q, q.bfloat16(), q).dtype
        # A norm may have left one of them in float32.
        mixed = call.pattern(q, k.bfloat16(), v, *call.leaves[3:])
        got = call.gradients(call.pattern)
        with pytest.raises(TypeError, match=r"q: expected float32, bfloat16 or float16, got torch\.float64"):
            call.pattern(q.double(), k.double(), v.double(), *call.leaves[3:])
    assert got[0].dtype == mixed.dtype == expected == torch.bfloat16
    assert [x.dtype for x in got[1:]] == [torch.float32] * len(call.leaves)
    low = [x.bfloat16() for x in call.leaves[:3]]
    by_hand = call.pattern(*low, *call.leaves[3:])
    assert torch.equal(got[0], by_hand)
    assert torch.equal(mixed, by_hand)
    assert_all_close(got[1:], list(torch.autograd.grad(by_hand.square().sum(), call.leaves)))


def test_autocast_holds_in_compiled_code_and_outside_it(device: str) -> None:
    call = Call("gated")
    compiled = torch.compile(lambda *a: call.pattern(*a), backend="aot_eager", fullgraph=True)
    with torch.autocast(device, dtype=torch.bfloat16):
        inside, expected = compiled(*call.leaves), call.pattern(*call.leaves)
    assert inside.dtype == torch.bfloat16
    assert torch.equal(inside, expected)
    assert compiled(*call.leaves).dtype == torch.float32


def test_products_are_computed_in_float32_under_autocast(device: str) -> None:
    """Its products are no business of autocast: only its inputs are."""
    call = Call("plain")
    low = [x.detach().bfloat16().requires_grad_() for x in call.leaves]
    expected = torch.autograd.grad(call.pattern(*low).sum(), low)
    with torch.autocast(device, dtype=torch.bfloat16):
        got = torch.autograd.grad(call.pattern(*low).sum(), low)
    assert all(torch.equal(a, b) for a, b in zip(got, expected, strict=True))


@pytest.mark.parametrize("reentrant", [False, True])
def test_activation_checkpoints(reentrant: bool) -> None:
    call = Call("gated")
    expected = call.gradients(call.pattern)
    again = call.gradients(lambda *a: checkpoint(call.pattern, *a, use_reentrant=False))
    assert all(torch.equal(a, b) for a, b in zip(again, expected, strict=True))
    if reentrant:
        out = checkpoint(call.pattern, *call.leaves, use_reentrant=True)
        out.square().sum().backward()
        # The first forward keeps nothing here, which may round elsewhere.
        assert_all_close([x.grad for x in call.leaves], expected[1:])


@pytest.mark.parametrize("name", ["plain", "gated"])
def test_a_forward_alone_keeps_nothing_for_the_backward(name: str) -> None:
    call, kept, given = Call(name), [], []

    class Listen(TorchDispatchMode):
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            result = function(*args, **(kwargs or {}))
            if function is call.operators()[0]:
                given.append([x.numel() for x in result])
            return result

    def run(inputs: list[torch.Tensor], **options: Any) -> int:
        """How many elements the operator gave beside the output; what autograd saves is in ``kept``."""
        kept.clear()
        given.clear()
        with torch.autograd.graph.saved_tensors_hooks(lambda x: kept.append(x) or x, lambda x: x), Listen():
            call.pattern(*inputs, **options)
        assert given[0][0] == call.leaves[0].numel()
        return sum(given[0][1:])

    branches = call.pattern.branches
    rows = 2 * HEADS * 9
    outputs = rows * branches * DIM if branches > 1 else 0
    assert run(call.leaves) == rows * branches + outputs
    assert len(kept) > 3
    with torch.no_grad():
        assert run(call.leaves) == 0
        assert run(call.leaves, return_lse=True) == rows * branches + outputs, "asked for, it is there"
    assert run([x.detach() for x in call.leaves]) == 0
    assert not kept


@pytest.mark.parametrize("gated", [False, True], ids=["plain", "gated"])
def test_without_gradients_kernels_write_the_output_alone(gated: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """No log-sum-exp, and of a gate's branches only those that the last kernel has to read."""
    pattern = patternc.loads(f"causal pattern a {{ attend {'gate(window(4), stride(3))' if gated else 'window(4)'} }}")
    module, shape = pattern.module(HEADS), (1, HEADS, 40, DIM)
    monkeypatch.setattr(module, "INTERPRETED", True)
    q, k, v = (here(torch.randn(shape)) for _ in range(3))
    gate = here(torch.randn(*shape[:3], 2)) if gated else None
    made: list[int] = []
    for name in ("empty", "empty_like", "empty_strided"):
        plain = getattr(torch, name)
        monkeypatch.setattr(torch, name, lambda *a, plain=plain, **b: made.append((x := plain(*a, **b)).numel()) or x)
    with torch.no_grad():
        out = module.attention(q, k, v, gate)
    assert [n for n in made if n] == [q.numel()] * (2 if gated else 1)
    torch.testing.assert_close(out, pattern.reference(q, k, v, gate), atol=1e-5, rtol=1e-5)


def test_the_gradient_of_the_log_sum_exp_alone() -> None:
    for name in ("plain", "gated"):
        call = Call(name)
        _, lse = call.pattern(*call.leaves, return_lse=True)
        _, expected = call.pattern.reference(*call.leaves, return_lse=True)
        torch.testing.assert_close(lse, expected)
        got = torch.autograd.grad(lse.square().sum(), call.leaves[:2])
        assert_all_close(list(got), list(torch.autograd.grad(expected.square().sum(), call.leaves[:2])))


def test_second_and_forward_derivatives_are_refused() -> None:
    call = Call("gated")
    q, *others = call.leaves
    (first,) = torch.autograd.grad(call.pattern(q, *others).square().sum(), q, create_graph=True)
    assert_all_close([first], call.gradients(call.pattern)[1:2])
    with pytest.raises(RuntimeError, match="gated: second derivatives are not supported"):
        first.sum().backward()
    with pytest.raises(RuntimeError, match="q: derivatives in forward mode are not supported"):
        torch.func.jvp(lambda x: call.pattern(x, *others), (q,), (q,))
    with (
        torch.autograd.forward_ad.dual_level(),
        pytest.raises(RuntimeError, match="gate: derivatives in forward mode are not supported"),
    ):
        call.pattern(q, *others[:2], torch.autograd.forward_ad.make_dual(others[2], others[2]))


def test_what_functorch_maps_is_right_or_refused() -> None:
    call = Call("plain")
    q, k, v = (torch.stack((x, 2 * x)).detach() for x in call.leaves)
    mapped = torch.func.vmap(lambda *a: call.pattern(*a))(q, k, v)
    assert torch.equal(mapped, torch.stack([call.pattern(q[i], k[i], v[i]) for i in range(2)]))

    with pytest.raises(RuntimeError, match="functorch transforms"):
        torch.func.grad(lambda x: call.pattern(x, k[0], v[0]).sum())(q[0])


def test_nothing_to_attend_to_is_no_special_case_for_torch() -> None:
    pattern = patternc.loads(TEXTS["plain"])
    for batch, queries, keys in ((0, 4, 4), (2, 0, 0), (2, 3, 0)):
        q = here(torch.randn(batch, HEADS, queries, DIM)).requires_grad_()
        k = here(torch.randn(batch, KV_HEADS, keys, DIM)).requires_grad_()
        out, lse = pattern(q, k, k, return_lse=True)
        out.sum().backward()
        assert (out.shape, lse.shape, q.grad.shape, k.grad.shape) == (q.shape, q.shape[:3], q.shape, k.shape)
        assert not out.any()
        assert torch.isinf(lse).all()
