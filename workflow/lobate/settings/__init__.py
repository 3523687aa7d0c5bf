"""One pydantic model per section of the configuration: its defaults, limits, units and descriptions."""

from lobate.settings.region import Region

__all__ = ["Region"]
