"""The REST API `/api/v1`: personal tokens, problem details, an OpenAPI 3.1 description of itself."""

from flask import Blueprint

from web.api import clock, deployments, instances, organisations, tasks
from web.api.endpoints import Endpoint, description, register


def blueprint() -> Blueprint:
    """Return the blueprint with every endpoint and `openapi.json`."""
    api = Blueprint("api", __name__, url_prefix="/api/v1")
    every: list[Endpoint] = [
        *deployments.ENDPOINTS,
        *instances.ENDPOINTS,
        *tasks.ENDPOINTS,
        *organisations.ENDPOINTS,
        *clock.ENDPOINTS,
    ]
    for one in every:
        register(api, one)
    document = description(every)

    @api.get("/openapi.json")
    def openapi() -> dict[str, object]:
        return document

    return api
