"""The web service as a process: `python -m service.web_service`, set up by environment variables."""

import sys

from pydantic import ValidationError

from service.errors import DeclarationError, ServiceError
from service.settings import ENVIRONMENT_PREFIX, ServiceSettings


def main() -> None:
    """Serve until SIGTERM or SIGINT.

    Raises:
        SystemExit: Something is set wrong, with a sentence that says what.
    """
    settings = _read_settings()
    # Takes seconds, which wrong settings need not wait for. Worker processes import this module anew, without all that.
    from service.app import create_app
    from service.core import ServiceCore
    from service.serving import serve

    try:
        core = ServiceCore.from_settings(settings)
        core.load_models()
    # ImportError: the package of an executor that is asked for is not installed.
    except (DeclarationError, ServiceError, RuntimeError, OSError, ImportError) as error:
        sys.exit(str(error))
    serve(create_app(core), host=settings.host, port=settings.port)


def _read_settings() -> ServiceSettings:
    try:
        return ServiceSettings()
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = "_".join(str(part) for part in first["loc"])
        sys.exit(f"{ENVIRONMENT_PREFIX}{name.upper()}: {first['msg']}" if name else f"Settings: {first['msg']}")


if __name__ == "__main__":
    main()
