"""What `prove` answers: proved, refuted with a counterexample, or unknown with the reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, TypeAlias

Outcome: TypeAlias = Literal["proved", "refuted", "unknown"]
Json: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Verdict:
    """The answer to one claim.

    ``reason`` says in a sentence what decided it (or what could not).  ``counterexample`` is there exactly where the
    claim is refuted; its keys, those that apply (see `counterexample`):

    - ``layers``, ``n``: the numbers of layers and tokens; ``parameters``: name to number;
    - what fails: ``lag``; or ``pair``, ``[query, key]``; or ``values``, what each side of a comparison is;
    - ``path``: hops, one a layer from the last layer down, that lead to a pair which the claim says is out of reach;
    - ``why``: the reason in words.

    ``certificate`` is evidence that a third party can check (`patternc.analysis.certificate` says how it is read).
    ``path`` shows for a proof of visibility how the worst token is seen: the lag of each layer's hop, last layer first.
    """

    outcome: Outcome
    reason: str
    counterexample: Json | None = None
    certificate: Json | None = None
    path: tuple[int, ...] | None = None
    name: str = ""
    claim: str = ""
    notes: tuple[str, ...] = field(default=())

    @property
    def proved(self) -> bool:
        """Whether the claim holds, for everything that it quantifies over."""
        return self.outcome == "proved"

    @property
    def refuted(self) -> bool:
        """Whether the claim fails; then there is a counterexample."""
        return self.outcome == "refuted"

    @property
    def unknown(self) -> bool:
        """Whether it could not be decided; ``reason`` says why."""
        return self.outcome == "unknown"

    def of(self, name: str, claim: str) -> Verdict:
        """The same answer, to the claim ``claim`` about ``name``."""
        return replace(self, name=name, claim=claim)

    def noting(self, *notes: str) -> Verdict:
        """The same answer with remarks added, each once: assumptions that were made, for instance."""
        return replace(self, notes=tuple(dict.fromkeys((*self.notes, *notes))))

    def to_json(self) -> Json:
        """The stable machine-readable form: ``name, claim, verdict, counterexample, reason`` and what else is known."""
        answer: Json = {
            "name": self.name,
            "claim": self.claim,
            "verdict": self.outcome,
            "counterexample": self.counterexample,
            "reason": self.reason,
        }
        if self.path is not None:
            answer["path"] = list(self.path)
        if self.notes:
            answer["notes"] = list(self.notes)
        return answer


def proved(
    reason: str, *, certificate: Json | None = None, path: Sequence[int] | None = None, notes: Sequence[str] = ()
) -> Verdict:
    """The claim holds, for everything that it quantifies over."""
    return Verdict("proved", reason, None, certificate, None if path is None else tuple(path), notes=tuple(notes))


def refuted(reason: str, counterexample: Json, *, certificate: Json | None = None) -> Verdict:
    """The claim fails for ``counterexample`` (built with `counterexample`)."""
    return Verdict("refuted", reason, counterexample, certificate)


def unknown(reason: str) -> Verdict:
    """It could not be decided: never to be read as proved."""
    return Verdict("unknown", reason)


def counterexample(
    *,
    layers: int | None = None,
    n: int | None = None,
    parameters: Mapping[str, int] | None = None,
    lag: int | None = None,
    pair: tuple[int, int] | None = None,
    values: Sequence[int | str | None] | None = None,
    path: Sequence[int] | None = None,
    why: str = "",
) -> Json:
    """The counterexample's JSON object.  ``layers``, ``n``, ``parameters`` and ``why`` are always there."""
    answer: Json = {"layers": layers, "n": n, "parameters": dict(parameters or {})}
    if lag is not None:
        answer["lag"] = lag
    if pair is not None:
        answer["pair"] = list(pair)
    if values is not None:
        answer["values"] = list(values)
    if path is not None:
        answer["path"] = list(path)
    answer["why"] = why
    return answer


def numbers(example: Json) -> str:
    """The numbers of a counterexample before its reason, as ``L = 2, k = 1: ``."""
    named = [("L", example["layers"]), ("n", example["n"]), *example["parameters"].items()]
    shown = ", ".join(f"{name} = {value}" for name, value in named if value is not None)
    return f"{shown}: " if shown else ""
