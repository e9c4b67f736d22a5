"""How fast the database writes, learnt from the last transactions: how much to take at once, and who would be late.

A slow database would otherwise get batches that take longer than their callers wait. They would all be written, and
nobody would hear of it in time: the busiest server would be of the least use.
"""

TRANSACTION_SECONDS = 0.2
"""A batch should not take longer. Where it does, the next one gets fewer commands."""

FEW = 32
"""When so few commands take long, and those before did not, the disk or the machine has stood still for a moment: that
says nothing of what a command takes.
"""

HEADROOM = 2.0
"""How much more time a call must have than its wait takes: what waits until its last moment is often late."""


class Pace:
    """What the writer has learnt. Only its thread tells it; every thread may ask."""

    def __init__(self, batch_max: int) -> None:
        """`batch_max` is the most commands of a batch, however fast the database is."""
        self._batch_max = batch_max
        self._seconds = 0.0
        self._was_slow = False
        self.batch_max = batch_max

    def wrote(self, commands: int, seconds: float) -> None:
        """A transaction of so many commands has taken so long."""
        is_slow = seconds > TRANSACTION_SECONDS
        if is_slow and (commands > FEW or self._was_slow):
            self.batch_max = max(1, min(self._batch_max, int(commands * TRANSACTION_SECONDS / seconds)))
        elif commands >= self.batch_max and seconds < TRANSACTION_SECONDS / 2:
            self.batch_max = min(self._batch_max, self.batch_max * 2)
        self._seconds, self._was_slow = seconds, is_slow

    def in_time(self, waiting: int, seconds_left: float) -> bool:
        """Whether who comes now and has so long would hear in time, when so many commands wait.

        It waits for the batch under way, for theirs, and for its own. Where nobody waits it always may: one transaction
        that took long must not shut everybody out.
        """
        return not waiting or (waiting // self.batch_max + 2) * self._seconds * HEADROOM <= seconds_left
