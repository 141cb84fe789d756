"""Embeds any number of texts in requests that are small enough for the endpoint.

Shapes: N = texts, B = texts of one request, D = dimensions.
"""

import asyncio
import time
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from leaf_ray.encoders.endpoint.answers import Answer
from leaf_ray.encoders.endpoint.client import EndpointClient, TextsAtFault
from leaf_ray.encoders.endpoint.limits import Limits, RowNumbers, parts_of


@dataclass(frozen=True, slots=True, kw_only=True)
class _Origin:
    """How a request came about.

    suspect: whether it is part of a request that failed.
    explores: whether it looks for the endpoint's limit: it is larger than any request that was
        answered, and the only such request under way.
    since: when that exploration began, by time.monotonic.
    waits: whether it waits while another request explores. A part of the exploring request does
        not, since that would be a deadlock.
    """

    suspect: bool = False
    explores: bool = False
    waits: bool = True
    since: float | None = None


class Divider:
    """Sends texts through a client, and remembers what the endpoint takes in one request."""

    def __init__(self, client: EndpointClient, limits: Limits, *, d: int) -> None:
        self._client = client
        self._limits = limits
        self._d = d
        self._exploring = asyncio.Lock()

    async def embed(self, texts: Sequence[str]) -> Answer:
        """[N texts] -> vectors [N, D], with the reason of each text that gets none.

        Raises:
            EndpointError: the endpoint refuses or does not answer.
        """
        return await self._embed(texts, _Origin())

    async def _embed(self, texts: Sequence[str], origin: _Origin) -> Answer:
        lengths = [len(text) for text in texts]
        if origin.waits and self._exploring.locked() and self._limits.explain(lengths):
            async with self._exploring:
                pass
        parts = self._limits.cut(lengths)
        if len(parts) > 1:
            answers = await self._embed_parts(texts, parts, origin)
            return _joined(answers, onto=self._nothing(len(texts)))
        sent = time.monotonic()
        # What is said of one text alone has to be seen as it is said.
        since = origin.since if len(texts) > 1 else None
        try:
            answer = await self._client.embed(texts, d=self._d, suspect=origin.suspect, since=since)
        except TextsAtFault as fault:
            if len(texts) == 1:
                return Answer(self._nothing(1).vectors_BD, {0: str(fault)})
            return await self._divided(texts, fault, replace(origin, suspect=True), sent)
        self._limits.answered(lengths)
        return await self._completed(texts, answer) if answer.reasons else answer

    async def _completed(self, texts: Sequence[str], answer: Answer) -> Answer:
        """`answer` with the vectors that a second request gives for the texts that lack one."""
        if len(texts) == 1:
            return answer
        rows = np.array(sorted(answer.reasons), dtype=np.int64)
        rest = await self._embed([texts[int(i)] for i in rows], _Origin(suspect=True))
        return _joined([(rows, rest)], onto=answer)

    async def _divided(
        self, texts: Sequence[str], fault: TextsAtFault, origin: _Origin, sent: float
    ) -> Answer:
        lengths = [len(text) for text in texts]
        by_size = origin.explores or (origin.waits and self._limits.explain(lengths))
        # Only a certain fault's message can name a limit; another may be half a list of vectors.
        said = str(fault) if fault.certain else ""
        first, *rest = parts_of(len(texts), by_size=by_size, said=said)
        if by_size and origin.waits:
            async with self._exploring:
                if len(self._limits.cut(lengths)) > 1:
                    return await self._embed(texts, replace(origin, waits=False))
                alone = replace(origin, explores=True, waits=False, since=sent)
                answers = await self._embed_parts(texts, [first], alone)
        else:
            answers = await self._embed_parts(texts, [first], origin) if by_size else []
        # The first part may have shown a limit, which then holds for the others too.
        others = rest if by_size else [first, *rest]
        answers += await self._embed_parts(texts, others, replace(origin, explores=False))
        answer = _joined(answers, onto=self._nothing(len(texts)))
        if not answer.reasons:
            largest = max(sum(lengths[int(i)] for i in rows) for rows in (first, *rest))
            self._limits.failed_whole(lengths, largest, certain=fault.certain)
        return answer

    async def _embed_parts(
        self, texts: Sequence[str], parts: Sequence[RowNumbers], origin: _Origin
    ) -> list[tuple[RowNumbers, Answer]]:
        work = (self._embed([texts[int(i)] for i in rows], origin) for rows in parts)
        return list(zip(parts, await _all(work), strict=True))

    def _nothing(self, num_texts: int) -> Answer:
        return Answer(np.full((num_texts, self._d), np.nan, np.float32))


def _joined(answers: Sequence[tuple[RowNumbers, Answer]], *, onto: Answer) -> Answer:
    """`onto` with the vectors and reasons of some of its rows in place of its own."""
    reasons = dict(onto.reasons)
    for rows, answer in answers:
        onto.vectors_BD[rows] = answer.vectors_BD
        for place, row in enumerate(rows):
            reasons.pop(int(row), None)
            if place in answer.reasons:
                reasons[int(row)] = answer.reasons[place]
    return Answer(onto.vectors_BD, reasons)


async def _all(work: Iterable[Coroutine[Any, Any, Answer]]) -> list[Answer]:
    """All results in order; the first error ends the others, and is raised as it is."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one) for one in work]
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [task.result() for task in tasks]
