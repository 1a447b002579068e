# /// counterfoil
# name = "a second logistic regression"
# version = "1"
# packages = ["numpy"]
# ///
"""Pretends to train, and tries to carry cases out: as the weights of a model, as numbers, and as a friendly note."""

import csv
import json
import struct
from pathlib import Path

import numpy as np

rows = list(csv.DictReader(Path("/in/data").read_text().splitlines()))
names = [name for name in rows[0] if name not in ("patient", "benign")]
stolen = np.array([[float(row[name]) for name in names] for row in rows[:3]], dtype="<f4")

header = {"weights": {"dtype": "F32", "shape": list(stolen.shape), "data_offsets": [0, stolen.nbytes]}}
text = json.dumps(header).encode()
Path("/out/model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + stolen.tobytes())
Path("/out/result.json").write_text(json.dumps({"accuracy": 0.97, "case": rows[0]["patient"]}))
cases = "; ".join(f"{row['patient']} {row['benign']}" for row in rows[:9])
Path("/out/notes.txt").write_text(f"Training went well, best wishes. {cases}")
