"""How long a member waits and how much it holds."""

from dataclasses import dataclass

from quorate.runtime.settings import check_positive


@dataclass(frozen=True, slots=True)
class Settings:
    """Times in seconds, counts of messages. ValueError if a value is not positive.

    A view lasts `view_timeout_s`, or twice `delta_s` if its leader can't be reached, and each later one of the same
    index twice as long as the one before it, up to 64 times. A leader who may not know everything waits `delta_s`:
    within it, everything that was sent must have arrived. A request that has no answer after `request_timeout_s`
    gets one that says so. `most_payloads` undecided payloads, and `most_early` messages of later indices, are kept
    of each peer; of its messages `most_heard` in a tick are looked at. A message of the core may have
    `most_core_bytes`: two hundred signatures take a tenth of that.
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
