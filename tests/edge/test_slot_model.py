import hashlib
from datetime import UTC, datetime

import numpy as np
from slot_server import serving

from januscl.core import ModelVersion
from januscl.edge.desired import Desired
from januscl.edge.selftest import predicts
from januscl.release.signing import new_key, read_key, sign_model
from januscl.train import CompactModel, factory_model, limited_threads

PILE = np.random.default_rng(0).integers(0, 256, (120, 160, 3), dtype=np.uint8)


def test_the_shipped_model_signed_by_the_service_sees_the_same_on_the_robot(tmp_path):
    made, weights = factory_model(), tmp_path / "model.safetensors"
    made.save(weights)
    data = weights.read_bytes()
    digest = hashlib.sha256(data).hexdigest()
    at = datetime(2026, 3, 1, tzinfo=UTC)
    version = ModelVersion(f"m-{digest[:12]}", digest, made.taxonomy, None, None, at)
    public = new_key(tmp_path / "signing.key")
    signature = sign_model(read_key(tmp_path / "signing.key"), version, weights)
    with serving() as server, limited_threads(1):
        server.files[version.id] = data
        slot = server.slot(
            tmp_path / "slot", load=CompactModel.load, self_test=predicts([PILE]), key=public
        )
        assert slot.want(Desired(version.id, digest, len(data), signature))
        (seen,), (expected,) = slot.current.model.predict([PILE]), made.predict([PILE])
    assert len(seen) == len(expected)
    assert np.array_equal(seen.scores, expected.scores)
