"""Runs in Debian's own Python, which has QGIS: opens a project or a GeoPackage as QGIS does and tells what it sees.

    load.py project FILE.qgs [PICTURE.png]
    load.py package FILE.gpkg
    load.py restyle FILE.gpkg      keeps another style in it
    load.py edit FILE.qgs          fills in the form of some rows of the layer `review` and mends an outline, and saves
    load.py draw FILE.qgs          adds an outline that no detection has

What it sees is written to standard output as JSON.
"""

import json
import sys

from qgis.core import (
    Qgis,
    QgsApplication,
    QgsEditFormConfig,
    QgsExpression,
    QgsExpressionContext,
    QgsExpressionContextUtils,
    QgsFeatureRequest,
    QgsMapRendererParallelJob,
    QgsMapSettings,
    QgsPalLayerSettings,
    QgsProject,
    QgsReferencedRectangle,
    QgsVectorLayer,
    QgsVectorLayerUtils,
)
from qgis.PyQt.QtCore import QSize


def told(layer):
    """What a person would find in a layer."""
    facts = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "source": layer.publicSource(),
        "crs": layer.crs().authid(),
    }
    return {**facts, **(of_outlines(layer) if isinstance(layer, QgsVectorLayer) else of_image(layer))}


def of_image(layer):
    return {
        "renderer": layer.renderer().type(),
        "nodata": [layer.dataProvider().useSourceNoDataValue(band + 1) for band in range(layer.bandCount())],
    }


def of_outlines(layer):
    fields, form = layer.fields(), layer.editFormConfig()
    renderer = layer.renderer()
    return {
        "features": layer.featureCount(),
        "renderer": renderer.type(),
        "symbols": classes(layer) if renderer.type() == "categorizedSymbol" else None,
        "categories": [legendSymbolItem.label() for legendSymbolItem in renderer.legendSymbolItems()],
        "labels": labels(layer),
        "read_only": layer.readOnly(),
        "widgets": {one.name(): widget(layer, number) for number, one in enumerate(fields)},
        "editable": [one.name() for number, one in enumerate(fields) if not form.readOnly(number)],
        "form": groups(form),
        "sort": sorted_column(layer),
        "hidden": [column.name for column in layer.attributeTableConfig().columns() if column.hidden],
    }


def groups(form):
    """The form's groups of fields, where somebody laid it out."""
    if form.layout() != QgsEditFormConfig.TabLayout:
        return None
    return {group.name(): [child.name() for child in group.children()] for group in form.tabs()}


def classes(layer):
    """How many features each class of the renderer draws."""
    renderer, context = layer.renderer().clone(), expressions(layer)
    expression = QgsExpression(renderer.classAttribute())
    assert not expression.hasParserError(), expression.parserErrorString()
    counts = {}
    for feature in layer.getFeatures():
        context.setFeature(feature)
        value = expression.evaluate(context)
        index = renderer.categoryIndexForValue(value)
        index = renderer.categoryIndexForValue("") if index < 0 else index
        label = renderer.categories()[index].label()
        counts[label] = counts.get(label, 0) + 1
    return counts


def labels(layer):
    if not layer.labelsEnabled():
        return None
    settings = layer.labeling().settings()
    assert isinstance(settings, QgsPalLayerSettings)
    look = settings.format()  # kept: its buffer is a part of it and dies with it
    return {"text": settings.fieldName, "from": settings.minimumScale, "buffer": look.buffer().enabled()}


def widget(layer, number):
    setup = layer.editorWidgetSetup(number)
    return {"type": setup.type(), "config": setup.config()}


def sorted_column(layer):
    """The values of the table's order, row by row as a person sees them."""
    text = layer.attributeTableConfig().sortExpression()
    if not text:
        return None
    expression, context = QgsExpression(text), expressions(layer)
    assert not expression.hasParserError(), expression.parserErrorString()
    rows = []
    for feature in layer.getFeatures():
        context.setFeature(feature)
        rows.append((expression.evaluate(context), feature["status"], feature["detection"]))
    return [[status, name] for _, status, name in sorted(rows, key=lambda row: row[0])]


def expressions(layer):
    return QgsExpressionContext(QgsExpressionContextUtils.globalProjectLayerScopes(layer))


def opened(path):
    project = QgsProject.instance()
    assert project.read(path), project.error()
    return project


def draw(project, picture):
    """Render what the project shows when it is opened."""
    settings = QgsMapSettings()
    root = project.layerTreeRoot()
    settings.setLayers(root.checkedLayers())
    settings.setDestinationCrs(project.crs())
    view = project.viewSettings().defaultViewExtent()
    assert isinstance(view, QgsReferencedRectangle)
    settings.setExtent(view)
    settings.setOutputSize(QSize(1600, 1000))
    settings.setOutputDpi(96)
    settings.setBackgroundColor(project.backgroundColor())
    settings.setTransformContext(project.transformContext())
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    assert not job.errors(), [error.message for error in job.errors()]
    assert job.renderedImage().save(picture)


def seen(project, picture=None):
    if picture:
        draw(project, picture)
    return {
        "qgis": Qgis.QGIS_VERSION,
        "title": project.title(),
        "crs": project.crs().authid(),
        "order": [one.name() for one in project.layerTreeRoot().layerOrder()],
        "layers": {key: told(layer) for key, layer in project.mapLayers().items()},
    }


def package(path):
    """The layers of a GeoPackage, each with the style that QGIS takes from inside it."""
    whole = QgsVectorLayer(path)
    names = [subLayer.split("!!::!!")[1] for subLayer in whole.dataProvider().subLayers()]
    layers = {name: QgsVectorLayer(f"{path}|layername={name}", name, "ogr") for name in names}
    return {name: told(layer) for name, layer in layers.items() if layer.isSpatial()}


def restyle(path):
    """Keep one more style in a GeoPackage, as a person may; an empty text is QGIS's word for no error."""
    layer = QgsVectorLayer(f"{path}|layername=review", "review", "ogr")
    return layer.saveStyleToDatabase("my own", "", False, "")


def edit(project):
    """Accept the first row of the sheet, reject the second, mend the outline of the third, without a word on its status."""
    layer = project.mapLayer("outlines_review")
    assert layer.startEditing(), "the layer cannot be edited"
    first, second, third = (feature.id() for feature in list(layer.getFeatures())[:3])
    fields = layer.fields()
    said = {
        first: {
            "status": "accepted",
            "upslope_connection": "glacier_forefield",
            "activity": "active",
            "reviewer": "me",
        },
        second: {"status": "rejected", "remark": "a lake"},
    }
    for feature, values in said.items():
        for field, value in values.items():
            assert layer.changeAttributeValue(feature, fields.indexOf(field), value)
    assert layer.changeGeometry(third, layer.getFeature(third).geometry().buffer(0.0003, 4))
    assert layer.commitChanges(), layer.commitErrors()
    request = QgsFeatureRequest().setFilterFids([first, second, third])
    return {
        getFeature["detection"]: {"status": getFeature["status"], "wkt": getFeature.geometry().asWkt(9)}
        for getFeature in layer.getFeatures(request)
    }


def add(project):
    """Draw a new outline beside the first one, as a person would: the form's defaults fill what is not said."""
    layer = project.mapLayer("outlines_review")
    outline = next(layer.getFeatures()).geometry()
    outline.translate(0.02, 0)
    assert layer.startEditing()
    feature = QgsVectorLayerUtils.createFeature(layer, outline, {}, expressions(layer))
    assert layer.addFeature(feature)
    assert layer.commitChanges(), layer.commitErrors()
    return {"status": [getFeature["status"] for getFeature in layer.getFeatures()][-1], "wkt": outline.asWkt(9)}


def main(what, path, *more):
    if what in ("package", "restyle"):
        return {"package": package, "restyle": restyle}[what](path)
    project = opened(path)
    return {"project": seen, "edit": edit, "draw": add}[what](project, *more)


application = QgsApplication([], False)
application.initQgis()
print(json.dumps(main(*sys.argv[1:]), default=str))
