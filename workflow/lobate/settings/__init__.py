"""One model for each section of the configuration: the single source of defaults, limits, units and descriptions."""

from lobate.settings.region import Region

__all__ = ["Region"]
