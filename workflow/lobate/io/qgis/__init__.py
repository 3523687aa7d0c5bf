"""How QGIS shows what lobate writes: XML, symbols, and styles inside GeoPackages."""
