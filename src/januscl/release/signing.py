"""The key that says which models are the fleet's own.

The service signs with the private key; a robot knows the public one alone and checks with
`januscl.edge.desired.check_signature`. Signatures are Ed25519 (RFC 8032).
"""

import hashlib
import os
import stat
from base64 import b64decode, b64encode
from pathlib import Path
from secrets import token_hex

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from januscl.core import Conflict, IntegrityError, InvalidInput, ModelVersion, NotFound
from januscl.core.files import room_for, sync
from januscl.core.message import model_statement

_KEY_BYTES = 32


def new_key(path: Path) -> str:
    """Make a private key, write it to a file that only its owner may read, and return the public.

    The file holds base64 of the key's 32 bytes. It is seen whole or not at all, and never open to
    others, not even for a moment. A lost key cannot be made again: back it up.

    Raises:
        Conflict: The file exists; a key is never overwritten.
        StorageFull: There was no room.
    """
    key = Ed25519PrivateKey.generate()
    staged = path.with_name(f".{path.name}.{token_hex(4)}")
    with room_for(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "wb") as file:
                os.fchmod(file.fileno(), 0o600)
                file.write(b64encode(key.private_bytes_raw()) + b"\n")
                file.flush()
                os.fsync(file.fileno())
            os.link(staged, path)  # unlike a rename, it fails where a key is
        except FileExistsError as error:
            raise Conflict(
                f"{path} exists; a key is never replaced. Name another file, or move this one to a "
                "safe place: what it signed must be signed again."
            ) from error
        finally:
            staged.unlink(missing_ok=True)
        sync(path.parent)
    return public_key(key)


def read_key(path: Path) -> Ed25519PrivateKey:
    """Return the private key of a file.

    Raises:
        NotFound: There is no such file.
        InvalidInput: Others than its owner may read or write it, or it holds no key. The message
            never shows what it holds.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(1000)
    except FileNotFoundError as error:
        raise NotFound(f"no signing key at {path}; make one with new_key") from error
    if stat.S_IMODE(mode) & 0o077:
        raise InvalidInput(
            f"signing key {path}",
            "a file that only its owner may read (mode 600)",
            f"mode {stat.S_IMODE(mode):o}",
            "Others may have read it: make a new key, or run chmod 600 if you know better.",
        )
    try:
        key = b64decode(data.strip(), validate=True)
    except ValueError:
        key = b""
    if len(key) != _KEY_BYTES:
        raise InvalidInput(
            f"signing key {path}",
            f"base64 of {_KEY_BYTES} bytes",
            "something else",
            "Restore it from its backup, or make a new one with new_key.",
        )
    return Ed25519PrivateKey.from_private_bytes(key)


def public_key(key: Ed25519PrivateKey) -> str:
    """Return the public key as robots are given it: base64 of 32 bytes."""
    return b64encode(key.public_key().public_bytes_raw()).decode()


def sign_model(key: Ed25519PrivateKey, version: ModelVersion, weights: Path) -> str:
    """Return the signature of a model version as a robot's check-in carries it.

    The same key, version and file give the same signature.

    Args:
        key: The fleet's.
        version: From the registry.
        weights: Its safetensors file.

    Returns:
        Base64 of the 64 bytes over `januscl.core.message.model_statement`.

    Raises:
        NotFound: There is no such file.
        IntegrityError: The file is not the one that the registry names.
    """
    try:
        with weights.open("rb") as file:
            found = hashlib.file_digest(file, "sha256").hexdigest()
            size = file.tell()
    except FileNotFoundError as error:
        raise NotFound(f"no weights at {weights}") from error
    if found != version.weights:
        raise IntegrityError(
            f"{weights} has SHA-256 {found}, the registry has {version.weights} for {version.id}. "
            "It is not signed; fetch it from the blob store again."
        )
    return b64encode(key.sign(model_statement(version.id, found, size))).decode()
