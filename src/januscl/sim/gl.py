"""Software or hardware GL without a screen: the backend is picked by trying.

Everything in this room that needs MuJoCo takes it from here, so that `import januscl.sim` stays
cheap and a machine without GL gets an error that names the Debian packages.
"""

import importlib
import os
import sys
import threading
from contextlib import suppress
from typing import Any

from januscl.core import MissingDependency, how_to_install

_BACKENDS = ("egl", "osmesa")
_lock = threading.Lock()
_context_class: Any = None


def _import_mujoco() -> Any:
    # MuJoCo binds itself to one GL at import and fails when that one is missing; we bind later.
    wanted = os.environ.get("MUJOCO_GL")
    os.environ["MUJOCO_GL"] = "disable"
    try:
        return importlib.import_module("mujoco")
    except ImportError as error:
        raise MissingDependency(
            f"the simulator needs MuJoCo 4, found none ({error}). "
            f"Install it with: {how_to_install('sim')}"
        ) from error
    finally:
        if wanted is None:
            del os.environ["MUJOCO_GL"]
        else:
            os.environ["MUJOCO_GL"] = wanted


def _load_triton() -> None:
    # Both triton, which torch imports late, and software GL bring LLVM. Loaded after GL, triton
    # takes GL's LLVM for its own and the process dies.
    with suppress(ImportError):
        importlib.import_module("triton")


mujoco: Any = _import_mujoco()


def _forget_opengl() -> None:
    # PyOpenGL fixes its platform at import; a second try needs a fresh one.
    for name in list(sys.modules):
        if name == "OpenGL" or name.startswith(("OpenGL.", "mujoco.egl", "mujoco.osmesa")):
            del sys.modules[name]


def _try_backends() -> Any:
    wanted = os.environ.get("MUJOCO_GL", "").lower()
    platform = os.environ.get("PYOPENGL_PLATFORM")
    reasons = []
    for name in (wanted,) if wanted in _BACKENDS else _BACKENDS:
        os.environ["PYOPENGL_PLATFORM"] = name
        try:
            _load_triton()
            found = importlib.import_module(f"mujoco.{name}").GLContext
            found(16, 16).free()
        # A missing library shows as any of these, by version of PyOpenGL and driver.
        except (ImportError, AttributeError, OSError, RuntimeError, TypeError) as error:
            reasons.append(f"{name}: {error}")
            _forget_opengl()
        else:
            # The library itself reads this when it looks for its GL functions.
            os.environ["MUJOCO_GL"] = name
            return found
    if platform is None:
        del os.environ["PYOPENGL_PLATFORM"]
    else:
        os.environ["PYOPENGL_PLATFORM"] = platform
    raise MissingDependency(
        f"the simulator needs GL without a screen, found none ({'; '.join(reasons)}). "
        "Install one with: apt-get install libegl1 (or libosmesa6)"
    )


def new_context(size: int) -> Any:
    """Return a GL context that can draw ``size`` x ``size`` px; make it current before use.

    Raises:
        MissingDependency: Neither EGL nor OSMesa works here.
    """
    global _context_class
    with _lock:
        if _context_class is None:
            _context_class = _try_backends()
    return _context_class(size, size)
