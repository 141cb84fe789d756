"""The documents' table. The only package that imports LanceDB."""
