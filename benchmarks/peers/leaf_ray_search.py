"""Our exact search in a process of its own: DOCUMENTS.npy QUERIES.npy K ROWS.npy.

Prints its seconds, those of the matrix product alone, and the most memory that the process had.
"""

import json
import resource
import sys
import time

import numpy as np
import torch

from leaf_ray.core.search.ranking import QUERIES_AT_ONCE, top_k
from leaf_ray.core.search.screening import screening_pays

BLOCK = 4096


def product_seconds(document_ND: np.ndarray, query_QD: np.ndarray, dtype: torch.dtype) -> float:
    """Seconds of all products in one type, in the order that is faster, and nothing kept."""
    query = torch.from_numpy(query_QD[:QUERIES_AT_ONCE]).to(dtype)
    began = time.perf_counter()
    for start in range(0, len(document_ND), BLOCK):
        torch.from_numpy(document_ND[start : start + BLOCK]).to(dtype) @ query.T
    return (time.perf_counter() - began) * len(query_QD) / len(query)


def main() -> None:
    documents_file, queries_file, k, rows_file = sys.argv[1:5]
    document_ND, query_QD = np.load(documents_file), np.load(queries_file)
    top_k(query_QD[:10], document_ND[:10_000], k=int(k))
    screens = screening_pays(query_QD, document_ND, "cpu")
    dtype = torch.bfloat16 if screens else torch.float32
    product = product_seconds(document_ND, query_QD, dtype)
    began = time.perf_counter()
    ranking = top_k(query_QD, document_ND, k=int(k), block=BLOCK)
    seconds = time.perf_counter() - began
    product = (product + product_seconds(document_ND, query_QD, dtype)) / 2
    np.save(rows_file, ranking.index_QK)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    figures = {
        "seconds": seconds,
        "product_seconds": product,
        "product_dtype": str(dtype),
        "peak_gib": peak_gib,
    }
    print(json.dumps(figures))


main()
