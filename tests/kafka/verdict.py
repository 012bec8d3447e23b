# SPDX-License-Identifier: Apache-2.0
"""What the files of this folder share: a verdict, figures, limits."""

import collections


WAIT_SECONDS = 60
POLL_SECONDS = 0.03
# What a partition says that halts because its log is not the one that was read, or has lost its beginning.
RECREATED = r"made anew|another than|truncated"
RETENTION = r"retention"


class Failure(Exception):
    """A scenario's verdict in words."""


class Skipped(Exception):
    """What a scenario needs is not here, and need not be."""


class Figures(collections.namedtuple(
        "Figures", "name events faults lost doubled recovery_seconds note", defaults=([], ""))):
    """What a scenario reports. Where anything was lost or doubled it has failed already."""

    def recovery(self):
        found = sorted(self.recovery_seconds)
        return f"{found[len(found) // 2]:.1f} (at most {found[-1]:.1f})" if found else "–"

    def line(self):
        return (f"{self.name}: {self.events} events, {self.faults}, lost {self.lost}, doubled {self.doubled}, "
                f"recovery {self.recovery()} s{self.note and '; ' + self.note}")
