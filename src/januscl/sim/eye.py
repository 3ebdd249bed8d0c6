"""Pictures of a pile, and the truth about them, from one GL context for each picture size."""

import atexit
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from januscl.core import Depth, IdMap, Image
from januscl.sim.camera import Camera
from januscl.sim.gl import mujoco, new_context
from januscl.sim.pile import Pile
from januscl.sim.scene import FAR, NEAR
from januscl.sim.textures import Surface, surfaces

_MAX_GEOMS = 400
_HIDDEN_GROUP = 5
_eyes = threading.local()


@dataclass(frozen=True, eq=False)
class Shot:
    """One rendering of a pile.

    Attributes:
        image: ``(H, W, 3) uint8`` RGB.
        depth: ``(H, W) float32`` metres from the camera plane.
        ids: ``(H, W) int32``: 0 background, ``k + 1`` the k-th package.
    """

    image: Image
    depth: Depth
    ids: IdMap


def _library(size: int) -> Any:
    """Return a model that holds every print, for the GL context to keep."""
    spec = mujoco.MjSpec()
    spec.visual.global_.offwidth = spec.visual.global_.offheight = size
    spec.visual.quality.shadowsize, spec.visual.quality.offsamples = 1024, 0
    spec.visual.quality.numslices, spec.visual.quality.numstacks = 24, 12
    for surface in surfaces():
        material = spec.add_material(name=surface.name)
        if surface.picture is not None:
            _add_print(spec, surface, surface.picture)
            material.textures[int(mujoco.mjtTextureRole.mjTEXROLE_RGB)] = surface.name
            material.texrepeat = [surface.repeat, surface.repeat]
    return spec.compile()


def _add_print(spec: Any, surface: Surface, picture: Image) -> None:
    side = picture.shape[0]
    cube = surface.mapping == "cube"
    texture = spec.add_texture(name=surface.name)
    kinds = mujoco.mjtTexture
    texture.type = kinds.mjTEXTURE_CUBE if cube else kinds.mjTEXTURE_2D
    texture.width, texture.height, texture.nchannel = side, side * (6 if cube else 1), 3
    texture.data = np.tile(picture, (6 if cube else 1, 1, 1)).tobytes()


class Eye:
    """A GL context for square pictures of ``size`` px. Used from the thread that made it."""

    def __init__(self, size: int) -> None:
        self.size = size
        self._thread = threading.get_ident()
        self._gl = new_context(size)
        self._gl.make_current()
        self._context = mujoco.MjrContext(_library(size), mujoco.mjtFontScale.mjFONTSCALE_100.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._context.readDepthMap = mujoco.mjtDepthMap.mjDEPTH_ZEROFAR
        self._rect = mujoco.MjrRect(0, 0, size, size)
        self._option = mujoco.MjvOption()
        self._camera = mujoco.MjvCamera()
        self._camera.type = mujoco.mjtCamera.mjCAMERA_FIXED
        self._camera.fixedcamid = 0
        atexit.register(self._close)

    def _close(self) -> None:
        if threading.get_ident() != self._thread:
            return  # only the thread that holds a context can free it
        self._gl.make_current()
        self._context.free()
        self._gl.free()

    def shoot(self, pile: Pile, camera: Camera, lamp: float = 1.0) -> Shot:
        """Return the picture that ``camera`` takes of ``pile``.

        Args:
            pile: What to look at.
            camera: From where.
            lamp: The lamp's brightness as a share of its usual one.
        """
        self._gl.make_current()
        scene = self._scene(pile, camera, lamp)
        image = np.empty((self.size, self.size, 3), np.uint8)
        mujoco.mjr_render(self._rect, scene, self._context)
        mujoco.mjr_readPixels(image, None, self._rect, self._context)
        # Depth comes with the ids: in that pass clear film is as solid as it is to a cup.
        inverse = np.empty((self.size, self.size), np.float32)
        ids = self._ids(pile, scene, inverse)
        # The buffer holds a + b/z with reversed range: 1 at the near plane, 0 at the far one.
        depth = NEAR * FAR / (NEAR + inverse * (FAR - NEAR))
        return Shot(image[::-1].copy(), depth[::-1].astype(np.float32), ids)

    def pixels_alone(self, pile: Pile, camera: Camera) -> NDArray[np.int64]:
        """Return how many pixels ``(N,)`` each package would fill if nothing else were there."""
        self._gl.make_current()
        group, owner = pile.model.geom_group, pile.model.geom_bodyid
        kept = group.copy()
        counts = np.zeros(len(pile.packages), np.int64)
        for k in range(len(pile.packages)):
            group[:] = np.where(owner == k + 1, kept, _HIDDEN_GROUP)
            counts[k] = np.count_nonzero(self._ids(pile, self._scene(pile, camera, 1.0)))
        group[:] = kept
        return counts

    def _scene(self, pile: Pile, camera: Camera, lamp: float) -> Any:
        model, data = pile.model, pile.data
        model.cam_pos[0] = camera.at
        mujoco.mju_mat2Quat(model.cam_quat[0], camera.axes.ravel())
        for name, value in (("diffuse", pile.look.lamp), ("specular", 0.35)):
            getattr(model.light(0), name)[:] = value * lamp
        mujoco.mj_kinematics(model, data)
        mujoco.mj_camlight(model, data)
        scene = mujoco.MjvScene(model, maxgeom=_MAX_GEOMS)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, self._option, None, self._camera, everything, scene)
        return scene

    def _ids(self, pile: Pile, scene: Any, inverse: Depth | None = None) -> IdMap:
        flags = mujoco.mjtRndFlag
        for flag, value in (
            (flags.mjRND_SEGMENT, True), (flags.mjRND_IDCOLOR, True), (flags.mjRND_SHADOW, False)
        ):  # fmt: skip
            scene.flags[flag] = value
        code = np.empty((self.size, self.size, 3), np.uint8)
        mujoco.mjr_render(self._rect, scene, self._context)
        mujoco.mjr_readPixels(code, inverse, self._rect, self._context)
        owner = np.zeros(scene.ngeom + 1, np.int32)
        for geom in scene.geoms[: scene.ngeom]:
            if geom.segid >= 0 and geom.objid >= 0:
                owner[geom.segid + 1] = pile.model.geom_bodyid[geom.objid]
        number = code[..., 0].astype(np.int32) + 256 * code[..., 1].astype(np.int32)
        ids: IdMap = owner[number[::-1]]
        return ids


def eye(size: int) -> Eye:
    """Return this thread's eye for pictures of ``size`` px; made once and kept.

    Raises:
        MissingDependency: There is no GL to draw with.
    """
    kept: dict[int, Eye] = _eyes.__dict__.setdefault("kept", {})
    if size not in kept:
        kept[size] = Eye(size)
    return kept[size]
