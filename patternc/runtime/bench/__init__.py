"""Times a pattern against what else computes it: every variant checked first, all of them timed in one process.

`measure` times one pattern at one shape and gives a `Line` a variant; `report` writes them as a table, CSV and plot.
"""

from patternc.runtime.bench.cold import measure_cold
from patternc.runtime.bench.engine import DeviceLostError, Options, machine, measure
from patternc.runtime.bench.problem import Problem, Shape, Subject, gpu_name
from patternc.runtime.bench.report import Line, cold_table, done, load, plot, table, write
from patternc.runtime.bench.timing import Bursts
from patternc.runtime.bench.variants import PEERS

__all__ = [
    "PEERS",
    "Bursts",
    "DeviceLostError",
    "Line",
    "Options",
    "Problem",
    "Shape",
    "Subject",
    "cold_table",
    "done",
    "gpu_name",
    "load",
    "machine",
    "measure",
    "measure_cold",
    "plot",
    "table",
    "write",
]
