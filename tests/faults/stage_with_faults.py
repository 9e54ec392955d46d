"""One stage in one process, with traps: `python stage_with_faults.py join`.

As `python -m streams.stage_process join`, but the process may end or stop itself where the
variable FAULTS_TRAP says.
"""

import faulthandler
import os
import signal
from pathlib import Path

from fault_points import MARKERS_VARIABLE, TRAP_VARIABLE, Markers, set_traps, trap_from

from streams.process_end import end
from streams.stage_process import main

if __name__ == "__main__":
    # A stage that stands still is asked where it stands.
    faulthandler.register(signal.SIGUSR1)
    set_traps(
        trap_from(os.environ.get(TRAP_VARIABLE, "")),
        Markers(Path(os.environ[MARKERS_VARIABLE])),
    )
    end(main())
