"""The forms of bodies and answers, as the API's page shows them."""

from typing import Any

from pydantic import BaseModel

from januscl.core.message import MEDIA_TYPE

Schema = dict[str, Any]

PREFIX = "/api/v1"
"""Of all routes but those that need no token."""


class Failure(BaseModel):
    """What was wrong, and what to do about it."""

    thing: str
    expected: str
    found: str
    fix: str


class Problem(BaseModel):
    """The body of every answer that is an error."""

    error: Failure


class Refused(BaseModel):
    """One thing that was not taken in."""

    id: str
    reason: str


class Taken(BaseModel):
    """What became of the parts of a request."""

    accepted: list[str]
    rejected: list[Refused]


class DesiredModel(BaseModel):
    """A model version that a robot should run."""

    id: str
    sha256: str
    bytes: int
    signature: str


class OpenCampaign(BaseModel):
    """An order to collect raw frames."""

    id: str
    quota: int
    expires: str


class CheckedIn(BaseModel):
    """What a robot learns when it checks in."""

    model: DesiredModel | None
    wanted: list[str]
    campaigns: list[OpenCampaign]


class NamedKind(BaseModel):
    """A kind of package under its permanent id."""

    id: int
    name: str
    shape: str
    retired: bool


def problems(*statuses: int) -> dict[int | str, Schema]:
    """Return these answers as OpenAPI lists them."""
    return {status: {"model": Problem} for status in statuses}


def body(content: dict[str, Schema]) -> Schema:
    """Return the part of OpenAPI that describes a body, by its media types."""
    forms = {media: {"schema": schema} for media, schema in content.items()}
    return {"requestBody": {"required": True, "content": forms}}


def _object(properties: dict[str, Schema]) -> Schema:
    return {"type": "object", "properties": properties, "required": list(properties)}


def _array(items: Schema) -> Schema:
    return {"type": "array", "items": items}


def _or_null(schema: Schema) -> Schema:
    return {"anyOf": [schema, {"type": "null"}]}


_TEXT: Schema = {"type": "string"}
_ID: Schema = {"type": "string", "format": "uuid"}
_TIME: Schema = {"type": "string", "format": "date-time"}
_WHOLE: Schema = {"type": "integer"}
_NUMBER: Schema = {"type": "number"}
_DIGEST = _or_null({"type": "string", "pattern": "^[0-9a-f]{64}$"})
_RLE = _object({"size": _array(_WHOLE), "counts": {"anyOf": [_TEXT, _array(_WHOLE)]}})
_BYTES: Schema = {"type": "string", "format": "binary"}
_INSTANCES = _object(
    {
        "masks": _array(_RLE),
        "boxes": _array(_array(_NUMBER)),
        "scores": _array({"type": "number", "minimum": 0, "maximum": 1}),
        "labels": _array(_WHOLE),
    }
)
_RECORD = _object(
    {
        "id": _ID,
        "robot": _TEXT,
        "camera": _TEXT,
        "at": _TIME,
        "size": {"type": "array", "items": _WHOLE, "minItems": 2, "maxItems": 2},
        "model": _TEXT,
        "instances": _INSTANCES,
        "image": _DIGEST,
        "embeddings": _DIGEST,
        "reasons": _array(_TEXT),
    }
)
_PICK = _object(
    {
        "instance": _or_null(_WHOLE),
        "point": _or_null(_array(_NUMBER)),
        "outcome": {
            "enum": ["picked", "missed", "dropped", "multi_pick", "wrong_pick", "infeasible"]
        },
        "at": _TIME,
    }
)

OBSERVATIONS = body({"application/json": _RECORD, MEDIA_TYPE: _BYTES})
OUTCOMES = body(
    {
        "application/json": _object(
            {"outcomes": _array(_object({"observation": _ID, "pick": _PICK}))}
        )
    }
)
PICTURE = body({"image/jpeg": _BYTES, "image/png": _BYTES})
CHECK_IN = body(
    {
        "application/json": _object(
            {
                "running": _or_null(_TEXT),
                "counters": {"type": "object", "additionalProperties": _WHOLE},
                "error": _or_null(_TEXT),
            }
        )
    }
)
LABEL = body(
    {
        "application/json": _object(
            {
                "instances": _array(
                    {
                        "type": "object",
                        "properties": {
                            "category_id": _WHOLE,
                            "category": _TEXT,
                            "segmentation": {"anyOf": [_RLE, _array(_array(_NUMBER))]},
                        },
                        "required": ["segmentation"],
                    }
                )
            }
        )
    }
)
KIND = body(
    {
        "application/json": {
            "type": "object",
            "properties": {"name": _TEXT, "shape": _TEXT},
            "required": ["name"],
        }
    }
)
