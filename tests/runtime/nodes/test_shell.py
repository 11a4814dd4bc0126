from __future__ import annotations

import asyncio
import json
import os
from pathlib import Path

import pytest

from runtime.checks import check_params
from runtime.nodes.shell import shell
from runtime.nodes.shell_passing import LONGEST, MOST
from runtime.processes import OUTPUT_LIMIT
from tests_nodes import Bench, Problems  # placeholder
