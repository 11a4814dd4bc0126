"""What tests of the sandbox share: whether there is one here, and one for a folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from runtime.bubblewrap import sandbox_for, unavailable
from runtime.sandbox import Sandbox

MISSING = unavailable()
needs_sandbox = pytest.mark.skipif(MISSING is not None, reason=f"no sandbox here: {MISSING and MISSING.reason}")


def sandbox_in(folder: Path, *granted: str) -> Sandbox:
    return sandbox_for(granted, granted, folder)
