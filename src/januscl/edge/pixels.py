"""Raw frames to JPEG."""

from januscl.core import Image

_QUALITY = 90


class Encoder:
    """Makes JPEG files with OpenCV, which lets the robot's cycle run meanwhile; Pillow does not."""

    def __init__(self) -> None:
        # Not at the top: it takes a fifth of a second, and importing januscl.edge stays quick.
        import cv2

        self._cv2 = cv2

    def __call__(self, image: Image) -> bytes:
        """Return the picture ``(H, W, 3) uint8`` RGB as a JPEG file."""
        bgr = self._cv2.cvtColor(image, self._cv2.COLOR_RGB2BGR)
        done, data = self._cv2.imencode(".jpg", bgr, [self._cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        assert done
        return bytes(data)
