"""Answers other than 200: one shape for all, {"error": {"code", "field", "message"}}."""

from starlette.responses import JSONResponse


class Refused(Exception):
    """A request that is not answered with items. `field` is the JSON path in the request, or None."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, headers: dict[str, str] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.field = field
        self.headers = headers

    def response(self) -> JSONResponse:
        """The HTTP answer."""
        body = {"error": {"code": self.code, "field": self.field, "message": self.message}}
        return JSONResponse(body, status_code=self.status, headers=self.headers)


def bad_request(code: str, message: str, field: str | None = None) -> Refused:
    """A 400: the client must change the request before it tries again."""
    return Refused(400, code, message, field)


def wrong_task(message: str) -> Refused:
    """A 404: what is asked for is not what this model answers; the message says what it does."""
    return Refused(404, "WrongTask", message)


def unavailable(code: str, message: str) -> Refused:
    """A 503 that tells the client when to come back."""
    return Refused(503, code, message, headers={"Retry-After": "1"})
