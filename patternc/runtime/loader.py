"""Loads emitted files through a cache that is keyed by their content.

The file on disk is for people, tracebacks and debuggers.  What runs is the text that was generated in this process:
it is compared with the file before the file is used, so a file that somebody changed is written again, never run.
"""

from __future__ import annotations

import hashlib
import linecache
import os
import stat
import sys
import tempfile
import threading
from pathlib import Path
from types import ModuleType

from patternc.files import write_atomically

_modules: dict[str, ModuleType] = {}
_lock = threading.Lock()


def cache_folder() -> Path:
    """The folder of emitted files: `PATTERNC_CACHE_DIR`, else `patternc` in the user's cache folder."""
    if given := os.environ.get("PATTERNC_CACHE_DIR"):
        return Path(given)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "patternc"


def load(name: str, text: str) -> ModuleType:
    """The module of an emitted file; the same text gives the same module."""
    key = hashlib.sha256(text.encode()).hexdigest()
    with _lock:
        module = _modules.get(key)
        if module is None:
            module = _modules[key] = _imported(f"patternc_emitted_{name}_{key[:16]}", _written(name, key, text), text)
    return module


def _imported(module_name: str, path: Path, text: str) -> ModuleType:
    module = ModuleType(module_name)
    module.__file__ = str(path)
    # Triton reads the source of its kernels back; without a modification time the entry is never dropped.
    linecache.cache[str(path)] = (len(text), None, text.splitlines(keepends=True), str(path))
    sys.modules[module_name] = module
    try:
        exec(compile(text, str(path), "exec"), module.__dict__)
    except BaseException:
        del sys.modules[module_name]
        raise
    return module


def _written(name: str, key: str, text: str) -> Path:
    """The path of the file, written anew unless it holds exactly this text."""
    try:
        folder = _private(cache_folder())
    except OSError:
        folder = Path(tempfile.mkdtemp(prefix="patternc-"))
    path = folder / f"{name[:64]}_{key[:16]}.py"
    try:
        if path.read_text(encoding="utf-8") == text:
            return path
    except (OSError, UnicodeDecodeError):
        pass  # absent or damaged: written below
    write_atomically(path, text, private=True)
    return path


def _private(folder: Path) -> Path:
    """The folder, made if need be, for this user alone.  Raises `OSError` where it belongs to somebody else."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    state = folder.stat()
    if hasattr(os, "getuid") and state.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to another user")
    if stat.S_IMODE(state.st_mode) & 0o077:
        folder.chmod(0o700)
    return folder
