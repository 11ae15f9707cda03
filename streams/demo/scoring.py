"""The scoring model: the probability that a client does not default, learnt online by River.

Logistic regression by stochastic gradient descent over standardised features, one pass. On the clients who apply it
orders defaulters and others with an AUC of about 0.76, which is usual for this data set.
"""

import numpy as np
from numpy.typing import NDArray
from river import compose, linear_model, optim, preprocessing

from streams.demo.clients import Clients

LEARNING_RATE = 0.01
"""River's own default; nothing was tuned."""


def train(clients: Clients) -> compose.Pipeline:
    """The model after one pass over the clients in their order; the target is that a client repaid."""
    model = compose.Pipeline(
        preprocessing.StandardScaler(),
        linear_model.LogisticRegression(optimizer=optim.SGD(LEARNING_RATE)),
    )
    for row, repaid in zip(clients.features.to_dict("records"), clients.repaid, strict=True):
        model.learn_one(row, bool(repaid))
    return model


def scores(model: compose.Pipeline, clients: Clients) -> NDArray[np.float64]:
    """The probability of repaying, for each client; the model does not learn from being asked."""
    return np.array([model.predict_proba_one(row)[True] for row in clients.features.to_dict("records")])
