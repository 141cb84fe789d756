"""Every error has one form: `{error, error_type, detail}`."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from leaf_ray.api.models import Problem
from leaf_ray.errors import InputError, LeafRayError, TextsRejected

log = logging.getLogger(__name__)

RESPONSES: dict[int | str, dict[str, Any]] = {
    422: {"model": Problem, "description": "The request is not valid; `detail` says where."},
    503: {
        "model": Problem,
        "description": "The model and the table no longer belong to one space.",
    },
    500: {"model": Problem, "description": "The service failed."},
}


def install(app: FastAPI) -> None:
    """Make an application answer every error in the one shape."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(LeafRayError, _ours)
    app.add_exception_handler(Exception, _fault)


def _answer(status: int, problem: Problem) -> JSONResponse:
    return JSONResponse(problem.model_dump(), status_code=status)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    # The input itself is left out: it may be long, or private.
    detail = [{"where": ".".join(map(str, e["loc"])), "problem": e["msg"]} for e in error.errors()]
    said = "; ".join(f"{d['where']}: {d['problem']}" for d in detail)
    return _answer(422, Problem(error=said, error_type="invalid_request", detail=detail))


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    kind = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http")
    answer = _answer(error.status_code, Problem(error=str(error.detail), error_type=kind))
    # A 405 says in its headers what is allowed.
    answer.headers.update(error.headers or {})
    return answer


async def _ours(_: Request, error: Exception) -> JSONResponse:
    # The others are no fault of the request: the table was made again in another space, say.
    status = 422 if isinstance(error, InputError | TextsRejected) else 503
    return _answer(status, Problem(error=str(error), error_type=type(error).__name__))


async def _fault(request: Request, error: Exception) -> JSONResponse:
    log.error("%s %s failed", request.method, request.url.path, exc_info=error)
    return _answer(
        500,
        Problem(
            error="the service failed on this request; its log has the reason",
            error_type="internal",
        ),
    )
