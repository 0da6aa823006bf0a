"""A machine whose clocks and processes a test moves by hand."""

from mcp_router.testing.clock import NOON_MS


class ManualHost:
    """Time stands still on it, and every process lives, until the test says otherwise."""

    def __init__(self, *, boot: str = "boot", up_ms: int = 1_000_000) -> None:
        self.boot = boot
        self.up_ms = up_ms
        self.noon_ms = NOON_MS
        self.dead: set[str] = set()

    def now_ms(self) -> int:
        return self.up_ms

    def wall_ms(self) -> int:
        return self.noon_ms

    def is_alive(self, owner: str) -> bool:
        return owner.partition("#")[0] not in self.dead

    def advance(self, seconds: float) -> None:
        """Let time pass for both clocks."""
        self.up_ms += round(seconds * 1000)
        self.noon_ms += round(seconds * 1000)

    def reboot(self) -> None:
        """Start anew: the clock of the boot at zero, everything that ran gone."""
        self.boot += "-next"
        self.up_ms = 0
