"""Our exact search in a process of its own: DOCUMENTS.npy QUERIES.npy K ROWS.npy.

Prints its seconds, those of the matrix product alone, and the most memory that the process had.
"""

import json
import resource
import sys
import time

import numpy as np
import torch

from leaf_ray.core.ranking import QUERIES_AT_ONCE, top_k

BLOCK = 4096


def product_seconds(document_ND: np.ndarray, query_QD: np.ndarray) -> float:
    """Seconds of all products in float32, in the order that is faster, and nothing kept."""
    query = torch.from_numpy(query_QD[:QUERIES_AT_ONCE])
    began = time.perf_counter()
    for start in range(0, len(document_ND), BLOCK):
        torch.from_numpy(document_ND[start : start + BLOCK]) @ query.T
    return (time.perf_counter() - began) * len(query_QD) / len(query)


def main() -> None:
    documents_file, queries_file, k, rows_file = sys.argv[1:5]
    document_ND, query_QD = np.load(documents_file), np.load(queries_file)
    top_k(query_QD[:10], document_ND[:10_000], k=int(k))
    product = product_seconds(document_ND, query_QD)
    began = time.perf_counter()
    ranking = top_k(query_QD, document_ND, k=int(k), block=BLOCK)
    seconds = time.perf_counter() - began
    product = (product + product_seconds(document_ND, query_QD)) / 2
    np.save(rows_file, ranking.index_QK)
    peak_gib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(json.dumps({"seconds": seconds, "product_seconds": product, "peak_gib": peak_gib}))


main()
