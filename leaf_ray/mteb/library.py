"""mteb itself, which is an extra."""

from typing import Any

from leaf_ray.errors import ConfigError


def import_mteb() -> Any:
    """The library.

    Raises:
        ConfigError: it is not installed; the message says how to install it.
    """
    try:
        import mteb
    except ImportError as error:
        raise ConfigError(
            f"evaluation by mteb needs the library, which cannot be imported ({error}): "
            "`pip install 'leaf-ray[mteb]'`"
        ) from error
    return mteb
