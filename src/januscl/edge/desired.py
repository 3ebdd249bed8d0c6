"""The model version that a robot should run, and whether the fleet's owner signed it."""

import re
from base64 import b64decode
from binascii import Error as NotBase64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from januscl.core import InvalidInput
from januscl.core.message import model_statement
from januscl.core.wire import Json

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64


@dataclass(frozen=True)
class Desired:
    """A model version, the file that holds it, and the signature over both.

    Attributes:
        id: 1 to 100 letters, digits, ``.``, ``_`` or ``-``, a letter or digit first; safe in a
            path and in an address.
        sha256: Of the safetensors file, 64 hexadecimal digits.
        bytes: Size of that file.
        signature: Base64 of the 64-byte Ed25519 signature over
            `januscl.core.message.model_statement`.

    Raises:
        InvalidInput: A field is not of that form. Whether the signature is true is asked by
            `check_signature`.
    """

    id: str
    sha256: str
    bytes: int
    signature: str

    def __post_init__(self) -> None:
        if not isinstance(self.id, str) or not _ID.fullmatch(self.id):
            raise InvalidInput(
                "id of the desired model",
                "1 to 100 letters, digits, '.', '_' or '-', a letter or digit first",
                repr(self.id)[:80],
                "Give the version's id from the registry.",
            )
        if not isinstance(self.sha256, str) or not _DIGEST.fullmatch(self.sha256):
            raise InvalidInput(
                f"sha256 of {self.id}", "64 hexadecimal digits", repr(self.sha256)[:80], "Give it."
            )
        if type(self.bytes) is not int or self.bytes <= 0:
            raise InvalidInput(
                f"size of {self.id}",
                "a whole number of bytes over 0",
                repr(self.bytes)[:80],
                "Give the size of the weights' file.",
            )
        _decoded(self.signature, _SIGNATURE_BYTES, f"signature of {self.id}", "Sign it again.")


def desired_from_json(value: Any) -> Desired | None:
    """Return what a check-in's answer has under ``model``; None where it names no version.

    Raises:
        InvalidInput: It is neither null nor such an object.
    """
    if value is None:
        return None
    fields = ("id", "sha256", "bytes", "signature")
    if not isinstance(value, Mapping) or any(field not in value for field in fields):
        raise InvalidInput(
            "desired model",
            f"null or an object with {', '.join(fields)}",
            repr(value)[:80],
            "The service speaks another version; bring both to the same release.",
        )
    return Desired(*(value[field] for field in fields))


def desired_to_json(desired: Desired) -> Json:
    """Return the version as a plain object."""
    return {
        "id": desired.id,
        "sha256": desired.sha256,
        "bytes": desired.bytes,
        "signature": desired.signature,
    }


def read_public_keys(text: str) -> tuple[bytes, ...]:
    """Return the keys, 32 bytes each, of a text with one base64 key a line.

    Raises:
        InvalidInput: There is none, or one is not base64 of 32 bytes.
    """
    keys = text.split()
    if not keys:
        raise InvalidInput(
            "public key", "base64 of 32 bytes", "nothing", "Ask the service for its public key."
        )
    fix = "Copy the whole line that the service shows for its signing key."
    return tuple(_decoded(key, _KEY_BYTES, "public key", fix) for key in keys)


def check_signature(desired: Desired, public_keys: tuple[bytes, ...]) -> None:
    """Raise `InvalidInput` unless one of the keys signed this id, digest and size.

    An older version that was signed once stays signed: the signature says that the owner made it,
    not that it is the newest. Which version to run is the service's to say.

    Args:
        desired: The version.
        public_keys: As `read_public_keys` returns them.
    """
    # Imported here so that a robot that only observes starts without it.
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    statement = model_statement(desired.id, desired.sha256, desired.bytes)
    for key in public_keys:
        try:
            Ed25519PublicKey.from_public_bytes(key).verify(b64decode(desired.signature), statement)
        except InvalidSignature:
            continue
        return
    raise InvalidInput(
        f"signature of {desired.id}",
        "one by the robot's public key over this id, digest and size",
        "another",
        "Sign it with the fleet's key, or give the robot the public key that belongs to it.",
    )


def _decoded(text: Any, size: int, thing: str, fix: str) -> bytes:
    """Return the bytes of a base64 text of a known length."""
    try:
        data = b64decode(text, validate=True) if isinstance(text, str) else b""
    except (NotBase64, ValueError) as error:
        raise InvalidInput(thing, f"base64 of {size} bytes", "another text", fix) from error
    if len(data) != size:
        raise InvalidInput(thing, f"base64 of {size} bytes", f"{len(data)} bytes", fix)
    return data
