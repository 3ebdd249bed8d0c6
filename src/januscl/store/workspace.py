"""All that Janus keeps, opened together: catalogue, blobs, log, and models laid out as files."""

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from types import MappingProxyType
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from januscl.core import Frame, Image, IntegrityError, NotFound, Observation
from januscl.core.files import write_atomically
from januscl.core.pictures import decode_image, encode_png
from januscl.core.wire import canonical
from januscl.store.blobs import LocalBlobs, check_digest
from januscl.store.catalogue import Catalogue
from januscl.store.log import ObservationLog
from januscl.store.places import claim, marked
from januscl.store.records import ObservationRow
from januscl.store.s3 import S3Blobs

AnyBlobs = LocalBlobs | S3Blobs
_NOTHING: Mapping[str, bytes] = MappingProxyType({})


class Workspace:
    """A catalogue and its blobs, opened together. Make it with `Workspace.open`.

    Attributes:
        folder: Where it is, or, with both others elsewhere, where it keeps files at hand.
        catalogue: State that decides anything.
        blobs: Pictures, labels, arrays and weights, under the SHA-256 of their content.
        log: What robots sent to the service, in bulk; made when first written to.
    """

    def __init__(self, folder: Path, catalogue: Catalogue, blobs: AnyBlobs, log: str) -> None:
        self.folder = folder
        self.catalogue = catalogue
        self.blobs = blobs
        self.log = ObservationLog(log, lambda: catalogue.database.turn("log"))

    @classmethod
    def open(
        cls,
        folder: Path | str,
        *,
        catalogue: Path | str | None = None,
        blobs: Path | str | None = None,
    ) -> Self:
        """Open a workspace, or make one in a folder that is empty or does not exist.

        A folder that is made is its owner's alone (mode 0700); one that is there keeps its mode.
        It remembers where its catalogue and blobs are, but no password.

        Args:
            folder: All of it, unless it is said here or was said when it was made.
            catalogue: A path or URL; see `Catalogue`.
            blobs: A folder, or ``s3://bucket/prefix``; see `S3Blobs`.

        Raises:
            Conflict: The folder holds something else, or a newer program's workspace, or one whose
                catalogue or blobs are elsewhere.
            StorageFull: There is no room.
            Unreachable: The database or the blob store does not answer.
        """
        folder = Path(folder).resolve()
        where = claim(folder, catalogue, blobs)
        kept = S3Blobs(where.blobs) if where.blobs.startswith("s3://") else LocalBlobs(where.blobs)
        (folder / "models").mkdir(exist_ok=True)
        return cls(folder, Catalogue(where.catalogue), kept, where.log)

    @staticmethod
    def exists(folder: Path | str) -> bool:
        """Say whether a folder is a workspace, wherever its catalogue and blobs are."""
        return marked(Path(folder))

    def close(self) -> None:
        """Close the catalogue's connections."""
        self.catalogue.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def put_image(self, image: Image) -> str:
        """Keep a picture ``(H, W, 3) uint8`` RGB as PNG, lossless, and return its digest."""
        return self.blobs.put(encode_png(image))

    def get_image(self, digest: str) -> Image:
        """Return the picture ``(H, W, 3) uint8`` RGB."""
        return decode_image(self.blobs.get(digest), f"picture {digest[:12]}")

    def put_json(self, value: Any) -> str:
        """Keep a JSON value in its canonical text and return its digest."""
        return self.blobs.put(canonical(value))

    def get_json(self, digest: str) -> Any:
        """Return the JSON value."""
        return json.loads(self.blobs.get(digest))

    def put_array(self, array: NDArray[Any]) -> str:
        """Keep an array of numbers of any shape as npy and return its digest."""
        out = io.BytesIO()
        np.save(out, np.asarray(array, order="C"), allow_pickle=False)
        return self.blobs.put(out.getvalue())

    def get_array(self, digest: str) -> NDArray[Any]:
        """Return the array. Nothing in it is unpickled.

        Raises:
            IntegrityError: The blob is no array.
        """
        try:
            array: NDArray[Any] = np.load(io.BytesIO(self.blobs.get(digest)), allow_pickle=False)
        except (ValueError, EOFError) as error:
            raise IntegrityError(f"blob {digest} is no array of numbers: {error}") from error
        return array

    def keep(self, observation: Observation, *, pixels: bool = True) -> bool:
        """Keep an observation with its embeddings, and its picture if ``pixels``.

        Return whether it is new; see `Observations.add`. Depth is not kept.
        """
        seen = observation.instances
        image = self.put_image(observation.frame.image) if pixels else None
        arrays = {"instances": seen.embeddings, "frame": seen.frame_embedding}
        given = {name: array for name, array in arrays.items() if array is not None}
        embeddings = None
        if given:
            out = io.BytesIO()
            np.savez(out, allow_pickle=False, **given)
            embeddings = self.blobs.put(out.getvalue())
        return self.catalogue.observations.add(observation, image, embeddings)

    def observation(self, id: str) -> Observation:
        """Return an observation as it was kept, pixels and embeddings included.

        Raises:
            NotFound: It is not in the catalogue, or its picture was not kept.
        """
        return self.observation_of(self.catalogue.observations.get(id))

    def observation_of(
        self, row: ObservationRow, sent: Mapping[str, bytes] = _NOTHING
    ) -> Observation:
        """Return the observation of a row, as `observation` does; ``sent`` is what `sent` gave."""
        if row.image is None:
            raise NotFound(
                f"the picture of observation {row.id} was not kept; ask for its row alone"
            )
        data = self._sent(row.image, row.id, sent)
        frame = Frame(
            decode_image(data, f"picture {row.image[:12]}"), row.camera, row.robot, row.at
        )
        arrays = self.embeddings(row, sent)
        seen = replace(
            row.instances,
            embeddings=arrays.get("instances"),
            frame_embedding=arrays.get("frame"),
        )
        return Observation(row.id, frame, seen, row.model, row.pick)

    def embeddings(
        self, row: ObservationRow, sent: Mapping[str, bytes] = _NOTHING
    ) -> dict[str, NDArray[Any]]:
        """Return what was kept of an observation's embeddings.

        Args:
            row: The observation.
            sent: What `sent` gave, so that it is not fetched again.

        Returns:
            ``instances (N, D)`` and ``frame (D,)``, or one of them, or nothing.
        """
        if row.embeddings is None:
            return {}
        data = self._sent(row.embeddings, row.id, sent)
        with np.load(io.BytesIO(data), allow_pickle=False) as arrays:
            return dict(arrays)

    def sent(self, rows: Iterable[ObservationRow]) -> dict[str, bytes]:
        """Fetch what robots sent of some observations in one look, to be handed to the above.

        Returns:
            Digest to bytes. What was kept in another way than by the log is not among them.
        """
        wanted = [(row.id, digest) for row in rows for digest in (row.image, row.embeddings)]
        return self.log.bytes_of((id, digest) for id, digest in wanted if digest is not None)

    def _sent(self, digest: str, observation: str, sent: Mapping[str, bytes]) -> bytes:
        """Return bytes of an observation: at hand, from the blobs, or from the log."""
        if digest in sent:
            return sent[digest]
        try:
            return self.blobs.get(digest)
        except NotFound:
            if not self.log.exists():
                raise
            return self.log.parcel(observation, digest)

    def model_file(self, weights: str) -> Path:
        """Return the path of a safetensors file with these weights, for programs that want one.

        Args:
            weights: The weights' digest; see `januscl.core.ModelVersion.weights`.
        """
        check_digest(weights, "weights")
        path = self.folder / "models" / f"{weights}.safetensors"
        if not path.is_file() or sha256(path.read_bytes()).hexdigest() != weights:
            write_atomically(path, self.blobs.get(weights))
        return path
