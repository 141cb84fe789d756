"""What columns are often called that hold what we call text, id, title or query."""

import re
from collections.abc import Sequence

# fmt: off
TEXT = (
    "text", "body", "content", "contents", "passage", "document", "article", "abstract",
    "paragraph", "page_content", "selftext", "chunk", "segment", "section", "context",
    "transcript", "answer", "response", "description", "review", "post", "comment", "message",
    "story", "summary", "sentence", "snippet", "note", "utterance",
)
TITLE = (
    "title", "headline", "heading", "subject", "header",
)
QUERY = (
    "query", "question", "queries", "questions", "search_query",
)
# What a row may answer too, but need not.
SUMMARY = (
    "summary", "highlights", "tldr", "tl_dr", "synopsis",
)
ID = (
    "id", "_id", "doc_id", "docid", "docno", "document_id", "uid", "uuid", "guid", "pid",
    "passage_id", "article_id", "paper_id", "corpus_id", "corpusid", "record_id", "row_id",
    "post_id", "product_id", "text_id", "item_id", "identifier", "doi", "pmid", "arxiv_id",
    "asin", "isbn", "key", "hash", "url", "uri", "link",
)
# fmt: on
_CAPITAL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_OTHERS = re.compile(r"[\W_]+")


def folded(name: str) -> str:
    """Return a name in small letters with underscores: doc_id of `docId` and `Doc ID`."""
    words = _OTHERS.sub("_", _CAPITAL.sub("_", name).casefold())
    return words if words == "_id" else words.strip("_")


def rank(name: str, names: Sequence[str]) -> int | None:
    """Return how early a column's name comes among `names`, the whole name before its last word.

    None where it is not among them: `news_body` ends in one of TEXT, `bodywork` does not.
    """
    whole = folded(name)
    if whole in names:
        return names.index(whole)
    last = whole.rpartition("_")[2]
    return len(names) + names.index(last) if last in names else None
