"""Links within the repository lead somewhere."""

from pathlib import Path

import pytest

from tests.docs.pages import DOCS, PAGES, REPOSITORY, anchors, links, name_of


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_a_file_and_a_heading_that_are_there(page: Path) -> None:
    for link in links(page):
        if link.startswith(("https://", "http://")):
            continue
        path, _, anchor = link.partition("#")
        target = page if not path else (page.parent / path).resolve()
        assert target.exists(), f"{name_of(page)} links to {link}"
        if anchor:
            assert anchor in set(anchors(target)), f"{name_of(page)} links to {link}"


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, left = set(), [REPOSITORY / "README.md"]
    while left:
        page = left.pop()
        if page in reached:
            continue
        reached.add(page)
        paths = [(page.parent / link.partition("#")[0]).resolve() for link in links(page)]
        for path in paths:
            left += sorted(path.glob("*.md")) if path.is_dir() else []
            left += [path] if path.suffix == ".md" and path.is_relative_to(DOCS) else []
    assert set(PAGES) <= reached


def test_the_readme_is_read_in_five_minutes() -> None:
    assert (REPOSITORY / "README.md").stat().st_size <= 7_700
