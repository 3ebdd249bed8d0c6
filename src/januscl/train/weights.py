"""Tensors with a JSON card in one safetensors file: written whole or not at all."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from januscl.core import InvalidInput, NotFound
from januscl.core.files import write_atomically

Tensors = dict[str, Tensor]
_DAMAGED = (
    SafetensorError, OSError, KeyError, ValueError, TypeError, AttributeError, RecursionError,
)  # fmt: skip
"""What reading raises of a file that is none, or whose card is none; some nest without end."""
_BESIDE = 2**24
"""Numbers that a network may keep beside its weights, such as positions, at most."""


def write_tensors(path: Path, tensors: Mapping[str, Tensor], card: Mapping[str, Any]) -> None:
    """Write the file durably; a reader sees the old file or the new one, never a part.

    Args:
        path: Where; the folder is made when missing.
        tensors: By name.
        card: JSON values to keep beside them.

    Raises:
        StorageFull: There was no room; what was at ``path`` is untouched.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    text = json.dumps({**card, "digest": tensors_digest(whole)}, allow_nan=False)
    write_atomically(path, save(whole, {"januscl": text}))


def read_tensors(path: Path) -> tuple[Tensors, dict[str, Any]]:
    """Read what `write_tensors` wrote, verified against its digest.

    Raises:
        NotFound: There is no such file.
        InvalidInput: It is no such file, or was damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            card = json.loads((file.metadata() or {})["januscl"])
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        digest = card.pop("digest")
    except FileNotFoundError as error:
        raise NotFound(f"weights {path} do not exist; check the path") from error
    except _DAMAGED as error:
        raise InvalidInput(
            str(path),
            "a safetensors file written by Janus",
            f"{type(error).__name__}: {error}",
            "It is of another program, or damaged; fetch it again.",
        ) from error
    found = tensors_digest(tensors)
    if found != digest:
        raise InvalidInput(
            str(path),
            f"tensors with digest {digest}",
            found,
            "The file was damaged or altered; fetch it again.",
        )
    return tensors, card


def check_tensors(module: torch.nn.Module, tensors: Mapping[str, Tensor], thing: str) -> None:
    """Raise `InvalidInput` unless a module has these tensors, by names, shapes and types."""
    wanted = module.state_dict()
    wrong = sorted(set(wanted) ^ set(tensors)) or sorted(
        name
        for name, tensor in tensors.items()
        if tensor.shape != wanted[name].shape or tensor.dtype != wanted[name].dtype
    )
    if wrong:
        raise InvalidInput(
            thing,
            f"the {len(wanted)} tensors of this network",
            f"{len(wrong)} missing, unknown or of another shape, such as {wrong[0]}",
            "The weights belong to another architecture.",
        )


def check_beside(module: torch.nn.Module, tensors: Mapping[str, Tensor], thing: str) -> None:
    """Raise `InvalidInput` where what a network keeps beside its weights is far more than they.

    Such buffers are in no file, so that its own tensors do not bound them.
    """
    most = sum(tensor.numel() for tensor in tensors.values()) + _BESIDE
    found = sum(buffer.numel() for buffer in module.buffers())
    if found > most:
        raise InvalidInput(
            thing,
            f"a network with at most {most} numbers beside its weights",
            str(found),
            "The file was altered; fetch it again.",
        )


def fill(module: torch.nn.Module, tensors: Mapping[str, Tensor], thing: str) -> None:
    """Put tensors into a module, or raise `InvalidInput` naming what does not fit."""
    check_tensors(module, tensors, thing)
    bad = [n for n, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]
    if bad:
        raise InvalidInput(
            thing, "finite weights", f"NaN or infinity in {bad[0]}", "The model diverged."
        )
    module.load_state_dict(dict(tensors))


def tensors_digest(tensors: Mapping[str, Tensor]) -> str:
    """Return the SHA-256 of tensors, wherever they are, with their names, types and shapes."""
    content = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        content.update(f"{name} {tensor.dtype} {list(tensor.shape)}".encode())
        content.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return content.hexdigest()
