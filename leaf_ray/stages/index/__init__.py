"""index: the documents' vectors in a LanceDB table."""
