"""Which errors of a vector a search notices: those along which other vectors differ.

A query's vector that is off by e changes the score of a document d by e . d. Of that, e . mean(d)
is the same for all documents and changes no rank, so what counts is the mean square of the rest,
e' C e, with C the covariance of the documents' vectors (of the queries' for quantised documents:
Guo et al., Quantization based Fast Inner Product Search, arXiv 1509.01469). Which documents will be
searched is not known in a training; the texts that it has stand for them.
Shapes: N = texts, D = dimensions.
"""

import numpy as np
import numpy.typing as npt


def score_root(vector_ND: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """R [D, D] with |e R|^2 in proportion to e' C e, C the covariance of these vectors.

    An error of no direction in particular is as long after R as before.
    """
    covariance_DD = np.cov(vector_ND.astype(np.float64), rowvar=False)
    value_D, axis_DD = np.linalg.eigh(covariance_DD)
    # Rounding leaves the smallest below zero.
    value_D = np.maximum(value_D, 0.0)
    scale_D = np.sqrt(value_D / max(value_D.mean(), 1e-12))
    root_DD: npt.NDArray[np.float32] = (axis_DD * scale_D).astype(np.float32)
    return root_DD
