"""The three lines, on the demonstration's policy and data: decides on one applicant and checks the decision.

    python examples/three_lines.py [FOLDER]

Makes a new home in FOLDER (`bank-three-lines` by default) and leaves the receipt beside it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd
from sklearn.compose import make_column_selector, make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import counterfoil
from counterfoil.data import german_credit_csv, german_credit_policy
from counterfoil.decisions import Policy


def main(home: Path) -> int:
    # What a bank has already: data, rules, a model.
    policy = Policy.from_toml(german_credit_policy())
    table = pd.read_csv(german_credit_csv(), keep_default_na=False)
    people, creditability = table.drop(columns="creditability"), table["creditability"]
    training = people[list(policy.model_features)][:700]  # without what the policy protects
    columns = make_column_transformer(
        (StandardScaler(), make_column_selector(dtype_include="number")),
        (OneHotEncoder(handle_unknown="ignore"), make_column_selector(dtype_exclude="number")),
    )
    estimator = make_pipeline(columns, LogisticRegression(max_iter=1000)).fit(training, creditability[:700])
    applicant = people.iloc[703].to_dict()

    # The three lines; `open` instead of `create` from the second day on.
    org = counterfoil.create(home, name="Example Bank AG", origin="bank.example/credit")
    model = org.decisions.wrap(estimator, policy, background=training)
    decision = model.decide(applicant, subject="customer 4711")

    print(f"{decision.label}, with a score of {decision.score:.3f}")
    for reason in decision.reasons:
        print(f"  {reason.code}  {reason.text['en']}")
    print(f"receipt: {decision.save_receipt(home.with_name(f'{home.name}.receipt.json'))}")
    report = decision.check(replay=True)
    for step in report.steps:
        print(f"  {step.status:<12} {step.title}")
    print(report.verdict)
    org.close()
    return report.exit_code(require=["issuer", "output", "reasons"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1] if len(sys.argv) > 1 else "bank-three-lines")))
