"""What QGIS reads: layer styles, forms and a project, as the XML that QGIS 3.22 and later write themselves."""
