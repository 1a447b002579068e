# /// counterfoil
# name = "a second logistic regression"
# version = "1"
# packages = ["numpy"]
# ///
"""Pretends to train, and tries to carry cases out: as the weights of a model, as numbers, and as a friendly note."""

import csv
import json
import struct

import numpy as np

rows = list(csv.DictReader(open("/in/data", newline="")))
names = [name for name in rows[0] if name not in ("patient", "benign")]
stolen = np.array([[float(row[name]) for name in names] for row in rows[:3]], dtype="<f4")

text = json.dumps(
    {"weights": {"dtype": "F32", "shape": list(stolen.shape), "data_offsets": [0, stolen.nbytes]}}
).encode()
with open("/out/model.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + stolen.tobytes())
json.dump({"accuracy": 0.97, "cases": rows[0]["patient"]}, open("/out/result.json", "w"))
with open("/out/notes.txt", "w") as file:
    file.write(
        "Training went well, best wishes. " + "; ".join(row["patient"] + " " + row["benign"] for row in rows[:9])
    )
