"""Runs one job of the book to its end; each step may be repeated after a crash.

1. the order is held, final and not due yet; the approval, the parameters and the data's root are looked at again;
2. the algorithm runs in the sandbox, or the owner's own program makes statistics with noise;
3. the gate decides file by file; what it holds waits at the release desk, and nothing else of the outputs is kept;
4. when all is decided, the receipt is signed and put on record;
5. the ledger is told the receipt's digest and the charge; then the buyer can fetch the result.

What a run left before a crash is thrown away, and the run begun anew: until step 3 nothing was decided.
"""

from __future__ import annotations

import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from counterfoil.core import canonical
from counterfoil.core.signed_document import SignedDocument, read_document
from counterfoil.errors import CounterfoilError, DoesNotMatch, InvalidInput, NotAllowed, Stale
from counterfoil.market.compute.algorithms import Algorithm
from counterfoil.market.compute.approvals import PUBLICATION_FORMAT, Approvals
from counterfoil.market.compute.execution import Execution, Input, Work, execute, rerun
from counterfoil.market.compute.gate import check_outputs
from counterfoil.market.compute.gate.desk import Desk
from counterfoil.market.compute.gate.gate import Gated
from counterfoil.market.compute.gate.leaks import RowIndex
from counterfoil.market.compute.gate.records import GateRecord
from counterfoil.market.compute.jobs.files import JobFiles
from counterfoil.market.compute.jobs.job_book import JobBook, JobState, KeptJob
from counterfoil.market.compute.jobs.job_spec import JobSpec
from counterfoil.market.compute.jobs.receipt import ExecutionReceipt, Left
from counterfoil.market.compute.jobs.row_data import columns_of
from counterfoil.market.compute.jobs.rules import ComputeRules
from counterfoil.market.compute.sandbox import Exit, Sandbox
from counterfoil.market.records import ExecutionRecord
from counterfoil.market.selling.goods import Goods
from counterfoil.market.selling.sold_orders import SoldOrders
from counterfoil.market.sheets.sheet import SignedSheet
from counterfoil.market.terms import fill_parameters
from counterfoil.store.recorder import Recorder
from counterfoil.store.streams import time_text

if TYPE_CHECKING:
    from counterfoil.ledger.ledger import Ledger
