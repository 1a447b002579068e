# /// counterfoil
# name = "logistic regression"
# version = "1"
# packages = ["numpy", "scikit-learn"]
# ///
"""Trains a logistic regression and leaves its weights (safetensors) and how good it is. Sees every row; sends none."""

import csv
import json
import struct
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression

parameters = json.loads(Path("/in/parameters.json").read_bytes())
rows = list(csv.DictReader(Path("/in/data").read_text().splitlines()))
names = [name for name in rows[0] if name not in ("patient", "benign")]
values = np.array([[float(row[name]) for name in names] for row in rows])
benign = np.array([int(row["benign"]) for row in rows])

train = np.arange(len(rows)) % 5 != 0  # every fifth case is kept to judge by
mean, scale = values[train].mean(axis=0), values[train].std(axis=0)
model = LogisticRegression(C=parameters["C"], max_iter=1000).fit((values[train] - mean) / scale, benign[train])
accuracy = model.score((values[~train] - mean) / scale, benign[~train])
print("trained on", int(train.sum()), "cases")  # the log stays in the hospital

arrays = {"mean": mean, "scale": scale, "weights": model.coef_[0], "bias": model.intercept_}
header, body = {}, b""
for name, array in arrays.items():
    data = array.astype("<f4").tobytes()
    header[name] = {"dtype": "F32", "shape": list(array.shape), "data_offsets": [len(body), len(body) + len(data)]}
    body += data
text = json.dumps(header).encode()
Path("/out/model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + body)
Path("/out/result.json").write_text(json.dumps({"accuracy": float(accuracy)}))
