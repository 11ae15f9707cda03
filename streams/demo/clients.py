"""The clients: 30,000 real rows, some to train the model on and the rest to apply.

Source: Default of Credit Card Clients, I-Cheng Yeh, doi 10.24432/C55S3H (CC BY 4.0); see deploy/demo/README.md.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from streams.errors import StreamsError

DATA = Path(__file__).resolve().parents[2] / "deploy" / "demo" / "credit_default.csv.gz"

MONTHS = (0, 2, 3, 4, 5, 6)
"""The repayment status columns are pay_0 (the latest month), then pay_2 to pay_6: the data set skips pay_1."""

SEX = {1: "male", 2: "female"}
EDUCATION = {1: "graduate school", 2: "university", 3: "high school"}
BANDS = ("paid in full", "revolving", "one month late", "two months late or more")
"""The legitimate factor: the latest repayment status. Codes -2 and -1, 0, 1, and 2 to 8."""


class DataMissing(StreamsError):
    """The file with the clients is not where it should be."""


@dataclass(frozen=True, slots=True)
class Clients:
    """Columns of equal length, one client each.

    `features` is what the model sees: repayment only; neither sex nor age nor education. `payment` is the median monthly payment
    of six months in New Taiwan dollars; `repaid` says that the client did not default in the month after.
    """

    sex: NDArray[np.object_]
    age: NDArray[np.int64]
    education: NDArray[np.object_]
    band: NDArray[np.object_]
    payment: NDArray[np.float64]
    repaid: NDArray[np.bool_]
    features: pd.DataFrame

    def __len__(self) -> int:
        return len(self.age)


def load(path: Path = DATA) -> pd.DataFrame:
    """The rows as published; DataMissing if the file is not there."""
    if not path.is_file():
        raise DataMissing(
            f"no clients at {path}: run the demo from a clone of the project, or name the file with --data"
        )
    return pd.read_csv(path)


def split(rows: pd.DataFrame, training: int, seed: int) -> tuple[Clients, Clients]:
    """(clients to train on, clients who will apply): a random partition, the same for the same seed."""
    order = np.random.default_rng(seed).permutation(len(rows))
    return describe(rows.iloc[order[:training]]), describe(rows.iloc[order[training:]])


def describe(rows: pd.DataFrame) -> Clients:
    """The rows as clients. Education codes outside 1 to 3 mean other or unknown, and become None."""
    status = rows["pay_0"].to_numpy()
    band = np.select([status < 0, status == 0, status == 1], BANDS[:3], default=BANDS[3])
    payments = rows[[f"pay_amt{month}" for month in range(1, 7)]]
    return Clients(
        sex=np.array([SEX[code] for code in rows["sex"]], dtype=object),
        age=rows["age"].to_numpy(dtype=np.int64),
        education=np.array([EDUCATION.get(code) for code in rows["education"]], dtype=object),
        band=band.astype(object),
        payment=payments.median(axis=1).to_numpy(dtype=np.float64),
        repaid=rows["default_next_month"].to_numpy() == 0,
        features=features(rows),
    )


def features(rows: pd.DataFrame) -> pd.DataFrame:
    """What the model sees of a client, from repayment statuses, bills and payments alone."""
    statuses = rows[[f"pay_{month}" for month in MONTHS]]
    bills = rows[[f"bill_amt{month}" for month in range(1, 7)]]
    payments = rows[[f"pay_amt{month}" for month in range(1, 7)]]
    return pd.DataFrame(
        {
            "late_now": rows["pay_0"].clip(lower=0).astype(float),
            "late_most": statuses.max(axis=1).clip(lower=0).astype(float),
            "late_months": (statuses > 0).sum(axis=1).astype(float),
            "full_months": (statuses < 0).sum(axis=1).astype(float),
            "used": (rows["bill_amt1"] / rows["limit_bal"]).clip(0.0, 1.5),
            "paid": np.log1p(payments.mean(axis=1)),
            "billed": np.log1p(bills.mean(axis=1).clip(lower=0)),
        }
    ).reset_index(drop=True)
