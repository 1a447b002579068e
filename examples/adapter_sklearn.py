"""A scikit-learn classifier that records its decisions about people, and is a classifier otherwise.

python examples/adapter_sklearn.py [FOLDER]
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import counterfoil
from counterfoil.adapters.sklearn import RecordedClassifier
from counterfoil.data import german_credit_csv, german_credit_policy
from counterfoil.decisions import Policy


def main(home: Path) -> int:
    policy = Policy.from_toml(german_credit_policy())
    table = pd.read_csv(german_credit_csv(), keep_default_na=False)
    people, outcome = table.drop(columns="creditability"), table["creditability"]
    seen = people[list(policy.model_features)]  # without what the policy protects
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    pipeline = make_pipeline(columns, LogisticRegression(max_iter=1000))

    org = counterfoil.create(home, name="Example Bank AG", origin="bank.example/credit")
    model = RecordedClassifier(pipeline, organisation=org, policy=policy)
    print(f"accuracy {cross_val_score(model, seen[:700], outcome[:700], cv=3).mean():.2f}, nothing recorded")
    model.fit(seen[:700], outcome[:700], register=True, dataset=german_credit_csv())

    applicants = people[700:705]
    labels = model.predict(applicants, subjects=[f"customer {number}" for number in applicants.index])
    print(f"decided and recorded: {', '.join(labels)}")

    receipt = home.with_name(f"{home.name}.receipt.json")
    found = org.decisions.search(subject="customer 703")[0]["idx"]
    receipt.write_bytes(org.decisions.receipt(found).encode())
    report = counterfoil.check(receipt, issuer=str(org.issuer))
    print(report.verdict)
    org.close()
    return report.exit_code(require=["issuer"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "bank-sklearn")))
