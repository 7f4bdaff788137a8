"""The settings of one member of a BFT cluster."""

from dataclasses import dataclass

from quorate.runtime.settings import check_positive


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, counts of messages. Raises ValueError if a value is not positive.

    The first view of an index lasts `view_timeout_s`, or twice `delta_s` if its leader isn't connected; each later view
    twice as long as the one before it, up to 64 times. A new leader waits `delta_s`, in which messages must arrive. A
    request without an answer after `request_timeout_s` gets an error. `most_payloads` undecided payloads, and
    `most_early` messages of later indexes, are kept of each peer; `most_heard` messages of each peer are accepted in a
    tick. A message of the core may have `most_core_bytes`: two hundred signatures take a tenth of that.
    """

    view_timeout_s: float = 0.5
    delta_s: float = 0.05
    request_timeout_s: float = 5.0
    disk_retry_s: float = 1.0
    tick_s: float = 0.25
    max_pending: int = 20_000
    most_payloads: int = 16
    most_early: int = 64
    most_heard: int = 2_000
    most_core_bytes: int = 1 << 17

    def __post_init__(self) -> None:
        check_positive(self)
        if self.delta_s >= self.view_timeout_s:
            raise ValueError(
                f"delta_s: less than view_timeout_s ({self.view_timeout_s}) is needed, or no leader who waits can be "
                f"in time; not {self.delta_s}"
            )
