"""QGIS styles: XML, symbols, and styles inside GeoPackages."""
