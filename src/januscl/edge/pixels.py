"""Raw frames to JPEG."""

from januscl.core import Image, InvalidInput

_QUALITY = 90


class Encoder:
    """Makes JPEG files with OpenCV, which lets the robot's cycle run meanwhile; Pillow does not."""

    def __init__(self) -> None:
        # Not at the top: it takes a fifth of a second, and importing januscl.edge stays quick.
        import cv2

        self._cv2 = cv2

    def __call__(self, image: Image) -> bytes:
        """Return the picture ``(H, W, 3) uint8`` RGB as a JPEG file.

        Raises:
            InvalidInput: It is too long or too wide for one; JPEG ends at 65,500 px.
        """
        bgr = self._cv2.cvtColor(image, self._cv2.COLOR_RGB2BGR)
        quality = [self._cv2.IMWRITE_JPEG_QUALITY, _QUALITY]
        try:
            done, data = self._cv2.imencode(".jpg", bgr, quality)
        except self._cv2.error:
            done = False
        if not done:
            size = f"{image.shape[0]}x{image.shape[1]}"
            raise InvalidInput("frame", "sides of at most 65,500 px", size, "Cut or resize it.")
        return bytes(data)
