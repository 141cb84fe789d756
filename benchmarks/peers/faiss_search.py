"""faiss-cpu's exact search: DOCUMENTS.npy QUERIES.npy K ROWS.npy."""

import json
import sys
import time

import faiss
import numpy as np


def main() -> None:
    documents_file, queries_file, k, rows_file = sys.argv[1:5]
    document_ND, query_QD = np.load(documents_file), np.load(queries_file)
    index = faiss.IndexFlatIP(document_ND.shape[1])
    index.add(document_ND)
    index.search(query_QD[:10], int(k))
    began = time.perf_counter()
    _, row_QK = index.search(query_QD, int(k))
    seconds = time.perf_counter() - began
    np.save(rows_file, row_QK)
    print(json.dumps({"seconds": seconds}))


main()
