"""Texts to an embeddings endpoint and vectors back, through faults that pass.

Shapes: B = texts of one request, D = dimensions.
"""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Sequence

from leaf_ray.encoders.endpoint.advice import advice_of
from leaf_ray.encoders.endpoint.answers import Answer
from leaf_ray.encoders.endpoint.exchange import Exchange
from leaf_ray.encoders.endpoint.faults import Fault
from leaf_ray.encoders.endpoint.judge import FailingShare, Failures, Verdict, judge
from leaf_ray.encoders.endpoint.rate_limit import Backoff, Gate
from leaf_ray.errors import EndpointError

log = logging.getLogger(__name__)

SHORT_TEXT = "one"
# While others are answered, a wait grows no longer than this many doublings.
SHORT_WAITS = 2


class TextsAtFault(Exception):
    """Texts of one request that get no vectors, while others are answered.

    certain: the endpoint rejected them; other faults may have passed by chance.
    """

    def __init__(self, said: str, *, certain: bool) -> None:
        super().__init__(said)
        self.certain = certain


class EndpointClient:
    """Asks one endpoint, from the tasks of one event loop.

    attempts: tries of a request that is not known to be at fault. model: its name, for errors.
    """

    def __init__(
        self, exchange: Exchange, *, gate: Gate, backoff: Backoff, attempts: int, model: str
    ) -> None:
        self.exchange = exchange
        self._gate = gate
        self._backoff = backoff
        self._attempts = attempts
        self._model = model
        self._failing = FailingShare()
        self._asking = asyncio.Lock()
        self._denied_at, self._denial = -1.0, ""
        self._numbers = itertools.count(random.randrange(10**6))

    async def embed(
        self,
        texts: Sequence[str],
        *,
        d: int | None,
        suspect: bool = False,
        since: float | None = None,
    ) -> Answer:
        """[B texts] -> vectors [B, D], NaN for those that get none. d: what D has to be.

        suspect: they are part of a request that failed. since: when that was sent, if an answer
            to anybody after it is enough to know that the endpoint answers others.

        Raises:
            TextsAtFault: they get no vectors, or not together, while others are answered.
            EndpointError: the endpoint refuses or does not answer.
        """
        failures = Failures(texts=len(texts), suspect=suspect)
        while True:
            await self._gate.enter()
            try:
                answer, failures, wait = await self._try(texts, d, failures, since)
            finally:
                self._gate.leave()
            if answer is not None:
                return answer
            await asyncio.sleep(wait)

    async def _try(
        self, texts: Sequence[str], d: int | None, failures: Failures, since: float | None
    ) -> tuple[Answer | None, Failures, float]:
        """An answer; or none, with the seconds to wait outside, where the endpoint is busy."""
        patience, timeout = self.exchange.patience, None
        while True:
            untried = self.exchange.form is None
            timeout = timeout or (patience.short if failures.suspect else patience.full)
            try:
                answer = await self.exchange.send(texts, d=d, timeout_seconds=timeout)
            except Fault as fault:
                self._note(failures, failed=fault.kind == "failing")
                seen = since if since is not None and fault.kind == "rejected" else fault.sent
                failed = failures.again(others_answered=self.exchange.answered_at >= seen)
                try:
                    failures = await self._judged(fault, failed, texts, d)
                except TextsAtFault:
                    if untried and self.exchange.form == "float":
                        # The form was at fault, which is known only now.
                        continue
                    if len(texts) > 1 or fault.waited in (None, patience.full):
                        raise
                    # One text alone is waited for once as long as any.
                    timeout = patience.full
                    continue
                wait = self._wait(fault, failures)
                log.info("%s %s; asking again in %.1f s", self.exchange.address, fault, wait)
                if fault.kind == "busy":
                    return None, failures, wait
                # Its place is kept: an endpoint that fails gets fewer requests.
                await asyncio.sleep(wait)
            else:
                self._note(failures, failed=False)
                return answer, failures, 0.0

    def _note(self, failures: Failures, *, failed: bool) -> None:
        if not failures.suspect and not failures.tries:
            self._failing.note(failed=failed)

    def _wait(self, fault: Fault, failures: Failures) -> float:
        turns = failures.tries if fault.kind == "busy" else failures.silent
        turns = max(turns, min(failures.counted, SHORT_WAITS)) - 1
        return self._backoff.seconds(max(turns, 0), drawn=random.random(), asked=fault.asked)

    async def _judged(
        self, fault: Fault, failures: Failures, texts: Sequence[str], d: int | None
    ) -> Failures:
        """What is known of the request, if it is to be sent again.

        Raises:
            TextsAtFault, EndpointError: it is not.
        """
        verdict = self._verdict(fault, failures)
        if verdict == "canary":
            was_form = fault.kind == "rejected" and list(texts) == [SHORT_TEXT]
            await self._canary(fault.sent, d, skip_base64=was_form)
            failures = failures.seen_answered()
            verdict = self._verdict(fault, failures)
        if verdict == "stop":
            raise self._stopped(fault, failures.tries)
        if verdict == "texts":
            said = _found(self.exchange, fault, failures.tries)
            raise TextsAtFault(said, certain=fault.kind == "rejected")
        return failures

    def _verdict(self, fault: Fault, failures: Failures) -> Verdict:
        share = self._failing.value
        return judge(fault.kind, failures, attempts=self._attempts, failing_share=share)

    async def _canary(self, since: float, d: int | None, *, skip_base64: bool) -> None:
        """Return when anybody is answered after `since`.

        Raises:
            EndpointError: nobody is, a short text neither.
        """
        async with self._asking:
            for attempt in range(self._attempts):
                if self.exchange.answered_at >= since:
                    return
                if self._denied_at >= since:
                    raise EndpointError(self._denial)
                last = attempt + 1 == self._attempts
                fault = await self._short_text(d, skip_base64=skip_base64, last=last)
                self._failing.note(failed=fault is not None and fault.kind == "failing")
                if fault is None:
                    return
                if last or fault.kind in ("rejected", "refused"):
                    break
                wait = self._backoff.seconds(attempt, drawn=random.random(), asked=fault.asked)
                await asyncio.sleep(wait)
            assert fault is not None
            error = self._stopped(fault, attempt + 1)
            self._denied_at, self._denial = time.monotonic(), str(error)
            raise error

    async def _short_text(self, d: int | None, *, skip_base64: bool, last: bool) -> Fault | None:
        """Why a short text gets no vector now, or None."""
        # It is another text each time: a proxy may remember what was asked before.
        texts = [f"{SHORT_TEXT} {next(self._numbers)}"]
        untried, fault = self.exchange.form is None, None
        if not (untried and skip_base64):
            try:
                await self.exchange.send(texts, d=d)
            except Fault as of_base64:
                fault = of_base64
            else:
                return None
        if untried and (fault is None or fault.kind == "rejected" or last):
            try:
                await self.exchange.send(texts, d=d, form="float")
            except Fault as of_floats:
                return of_floats
            return None
        return fault

    def _stopped(self, fault: Fault, tries: int) -> EndpointError:
        found = _found(self.exchange, fault, tries)
        advice = advice_of(fault, self.exchange.address, model=self._model)
        return EndpointError(f"{found}; {advice}")


def _found(exchange: Exchange, fault: Fault, tries: int) -> str:
    return f"{exchange.address} {fault}" + (f", {tries} times" if tries > 1 else "")
