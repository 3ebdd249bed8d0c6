"""The words of Janus as small frozen dataclasses, masks, and the seams.

Owns: frame to release, run-length masks and id maps, the protocols with their contracts, the
errors. May call: numpy; `pictures` alone also uses Pillow and is imported by name. Moves nothing.
"""

from januscl.core.errors import (
    Conflict,
    IntegrityError,
    InvalidInput,
    JanusError,
    JobFailed,
    MissingDependency,
    NotFound,
    StorageFull,
    Unreachable,
    how_to_install,
)
from januscl.core.ids import new_id, utc
from januscl.core.learning import (
    Answer,
    Deck,
    DeckItem,
    Label,
    LabelledFrame,
    LabelTask,
    ModelVersion,
    Release,
    Slice,
    SliceScore,
    Stage,
    StageReport,
    Verdict,
)
from januscl.core.masks import (
    BoolMask,
    IdMap,
    Rle,
    box_of,
    box_of_rle,
    decode_mask,
    encode_mask,
    id_map_of,
    mask_cover,
    mask_iou,
    masks_of,
)
from januscl.core.observation import (
    HALFWAY_SURE,
    UNEXPLAINED,
    Cell,
    Depth,
    Frame,
    Image,
    Instances,
    Observation,
    Outcome,
    Pick,
)
from januscl.core.protocols import (
    Annotator,
    Blobs,
    Executor,
    Robot,
    SegmentationModel,
    Strategy,
    Watcher,
)
from januscl.core.taxonomy import Kind, Taxonomy
from januscl.core.triage import (
    Campaign,
    Cost,
    Event,
    EventKind,
    Novelty,
    NoveltyState,
    Signal,
    Ticket,
)

__all__ = [
    "Annotator", "Answer", "Blobs", "BoolMask", "Campaign", "Cell", "Conflict", "Cost", "Deck",
    "DeckItem", "Depth", "Event", "EventKind", "Executor", "Frame", "HALFWAY_SURE", "IdMap",
    "Image", "Instances", "IntegrityError", "InvalidInput", "JanusError", "JobFailed", "Kind",
    "Label", "LabelTask", "LabelledFrame", "MissingDependency", "ModelVersion", "NotFound",
    "Novelty", "NoveltyState", "Observation", "Outcome", "Pick", "Release", "Rle", "Robot",
    "SegmentationModel", "Signal", "Slice", "SliceScore", "Stage", "StageReport", "StorageFull",
    "Strategy", "Taxonomy", "Ticket", "UNEXPLAINED", "Unreachable", "Verdict", "Watcher",
    "box_of", "box_of_rle", "decode_mask", "encode_mask", "how_to_install", "id_map_of",
    "mask_cover", "mask_iou", "masks_of", "new_id", "utc",
]  # fmt: skip
