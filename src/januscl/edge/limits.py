"""What an agent may take of its robot: bytes, seconds and shares."""

from dataclasses import dataclass, fields

from januscl.core import InvalidInput

MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """Bounds of one agent.

    Attributes:
        spool_bytes: Of its folder on disk, 32 MiB or more, the journal included.
        journal_bytes: Of the journal, 1 MiB or more; set when the folder is first used. What is
            observed while the disk is full goes there, about 80 observations of 12 masks a MiB.
        ring_bytes: Memory for raw frames; 640x480 takes 0.9 MB each.
        before_s, after_s: How much around an event keeps its pixels, seconds.
        ordinary_pixels: Whether pixels that nothing asked for go to the disk too, where the
            service can still ask for them. False spares the disk; the ring is all there is then.
        random_share: Of the observations whose pixels are sent for calibration's sake, 0 to 1.
        send_every_s: Pause between two looks for something to send, seconds.
        check_in_s: Pause between two check-ins with the service, seconds.
    """

    spool_bytes: int = 4096 * MIB
    journal_bytes: int = 8 * MIB
    ring_bytes: int = 128 * MIB
    before_s: float = 3.0
    after_s: float = 3.0
    ordinary_pixels: bool = True
    random_share: float = 0.01
    send_every_s: float = 1.0
    check_in_s: float = 30.0

    def __post_init__(self) -> None:
        lowest = {
            "spool_bytes": 32 * MIB,
            "journal_bytes": MIB,
            "ring_bytes": MIB,
            "send_every_s": 0.01,
            "check_in_s": 0.01,
        }
        for one in fields(self):
            value, low = getattr(self, one.name), lowest.get(one.name, 0)
            # Not `value < low`: a NaN is below nothing.
            if not value >= low or (one.name == "random_share" and value > 1):
                raise InvalidInput(
                    f"limits.{one.name}", f"{low} or more", f"{value}", "A share is at most 1."
                )
        if self.journal_bytes * 4 > self.spool_bytes:
            raise InvalidInput(
                "limits.journal_bytes",
                f"at most a quarter of spool_bytes, {self.spool_bytes // 4}",
                f"{self.journal_bytes}",
                "Give the spool more, or the journal less.",
            )
