# /// counterfoil
# name = "logistic regression"
# version = "1"
# packages = ["numpy", "scikit-learn"]
# ///
"""Trains a logistic regression and leaves its weights (safetensors) and how good it is. Sees every row; sends none."""

import csv
import json
import struct

import numpy as np
from sklearn.linear_model import LogisticRegression

parameters = json.load(open("/in/parameters.json"))
rows = list(csv.DictReader(open("/in/data", newline="")))
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
with open("/out/model.safetensors", "wb") as file:
    file.write(struct.pack("<Q", len(text)) + text + body)
json.dump({"accuracy": float(accuracy)}, open("/out/result.json", "w"))
