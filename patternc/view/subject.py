"""What there is to look at: a pattern with numbers, its softmaxes, and the layers of its receptive field."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from patternc.analysis.intset import INF, TooLarge
from patternc.analysis.semantics import Model, NotByLag, model_of
from patternc.diagnostics import UsageError
from patternc.ir.instantiate import Instance, stack_layers
from patternc.ir.program import Program, Stack
from patternc.source import Source
from patternc.view.field import MAX_ROWS, Step, receptive_field
from patternc.view.grid import natural_length
from patternc.view.names import Softmax, softmaxes

LAYERS = 8
"""So many layers of a pattern are shown unless asked for otherwise."""
MOST = 64
"""So many steps of a receptive field are computed at most."""
LONGEST_FIELD = 1 << 20


@dataclass(frozen=True)
class Subject:
    """One pattern or stack, with the options of `show`; None leaves the choice to the pattern."""

    source: Source
    program: Program
    instances: tuple[Instance, ...]
    """The layers of a stack in order, or the one pattern."""
    stack: Stack | None = None
    n: int | None = None
    layers: int | None = None
    head_count: int | None = None
    mask_n: int | None = None
    field_n: int | None = None
    """The lengths of the mask and of the receptive field where `n` leaves them open, None for natural ones."""

    @property
    def name(self) -> str:
        """The name of the stack or the pattern."""
        return self.stack.name if self.stack is not None else self.instances[0].name

    @cached_property
    def distinct(self) -> tuple[Instance, ...]:
        """The different layers."""
        return tuple({id(i): i for i in self.instances}.values())

    @cached_property
    def heads(self) -> int:
        """The number of query heads.  Raises `InstantiationError` where a layer does not take it."""
        fixed = [i.fixed_heads for i in self.distinct if i.fixed_heads is not None]
        chosen = self.head_count or (fixed[0] if fixed else max(i.default_heads() for i in self.distinct))
        for instance in self.distinct:
            instance.owners(chosen)
        return chosen

    def softmaxes(self, instance: Instance) -> list[Softmax]:
        """The different masks of one layer."""
        return softmaxes(self.source, instance, self.heads)

    def mask_length(self, instance: Instance, cells: int) -> int:
        """The length at which its masks are drawn in so many cells."""
        return self.n or self.mask_n or natural_length((s.relation for s in self.softmaxes(instance)), cells)

    @cached_property
    def model(self) -> Model:
        """Its layers for the analysis of receptive fields."""
        return model_of(self.instances, self.stack is None, self.heads)

    @cached_property
    def depth(self) -> int:
        """How many layers the receptive field has.  Raises `UsageError` where a stack has fewer than asked for."""
        if self.stack is None:
            return self.layers or LAYERS
        if self.layers is not None and self.layers > len(self.instances):
            raise UsageError(f"--layers {self.layers}: stack {self.stack.name} has {len(self.instances)} layers")
        return self.layers or len(self.instances)

    @cached_property
    def field_length(self) -> int:
        """The length of the sequence that the receptive field is drawn on: as far as the layers reach."""
        if self.n is not None or self.field_n is not None:
            return self.n or self.field_n or 1
        natural = max(self.mask_length(i, MAX_ROWS) for i in self.distinct)
        try:
            reach = sum(layer.lags.greatest * count for layer, count in self.model.groups(self.depth))
        except (NotByLag, TooLarge):
            return min(natural, MAX_ROWS)
        far = 8 * natural if reach == INF else int(reach) + 1
        return min(far if far > 1 else natural, LONGEST_FIELD)

    @cached_property
    def field(self) -> list[Step]:
        """What the last token sees after 1, 2, ... layers, until it sees everything.  Raises `UsageError`."""
        counts = spread(self.depth, MOST)
        steps = receptive_field(self.model, self.field_length, self.field_length - 1, counts)
        complete = next((i for i, s in enumerate(steps) if s.complete), len(steps) - 1)
        return steps[: complete + 1]

    @cached_property
    def why_no_field(self) -> str:
        """Why the receptive field is not drawn at this length; empty where it is."""
        _ = self.depth, self.heads
        try:
            _ = self.field
        except UsageError as problem:
            return str(problem)
        return ""


def spread(count: int, most: int) -> Sequence[int]:
    """The numbers 1 to ``count``, or ``most`` of them, the first and the last among them."""
    if count <= most:
        return range(1, count + 1)
    return sorted({1 + round(i * (count - 1) / (most - 1)) for i in range(most)})


def stack_layers_of(program: Program, stack: Stack, values: dict[str, int]) -> tuple[Instance, ...]:
    """The layers of a stack, equal ones the same object.  Raises `UsageError` where it has none."""
    layers = tuple(stack_layers(program, stack, values))
    if not layers:
        raise UsageError(f"stack {stack.name} has no layers")
    return layers


def example_documents(instance: Instance, n: int) -> tuple[int, ...] | None:
    """Where documents begin and end in the pictures of a pattern that speaks of them: three of different lengths."""
    return (0, n * 3 // 8, n * 5 // 8, n) if instance.needs_documents else None
