"""Runs in Debian's own Python, which has QGIS: opens a project or a GeoPackage as QGIS does and reports it.

    load.py project FILE.qgs [PICTURE.png [LAYER...]]    LAYER: ids of the layers of the picture, the upper one first
    load.py package FILE.gpkg [LAYER PICTURE.png]
    load.py raster FILE.tif PICTURE.png    with the style that lies beside it
    load.py restyle FILE.gpkg      keeps another style in it
    load.py edit FILE.qgs          fills in the form of some rows of the layer `review` and mends an outline, and saves
    load.py draw FILE.qgs          adds an outline that no detection has

The report goes to standard output as JSON.
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
    QgsRasterLayer,
    QgsReferencedRectangle,
    QgsVectorLayer,
    QgsVectorLayerUtils,
)
from qgis.PyQt.QtCore import QSize
from qgis.PyQt.QtGui import QColor


def describe(layer):
    """Return a layer as a person sees it."""
    facts = {
        "name": layer.name(),
        "valid": layer.isValid(),
        "source": layer.publicSource(),
        "crs": layer.crs().authid(),
    }
    return {**facts, **(of_outlines(layer) if isinstance(layer, QgsVectorLayer) else of_image(layer))}


def of_image(layer):
    renderer = layer.renderer()
    return {
        "renderer": renderer.type(),
        "opacity": round(renderer.opacity(), 3),
        "zfactor": renderer.zFactor() if renderer.type() == "hillshade" else None,
        "nodata": [layer.dataProvider().useSourceNoDataValue(band + 1) for band in range(layer.bandCount())],
    }


def of_outlines(layer):
    fields, form = layer.fields(), layer.editFormConfig()
    renderer = layer.renderer()
    return {
        "features": layer.featureCount(),
        "renderer": renderer.type(),
        "symbols": classes(layer) if renderer.type() == "categorizedSymbol" else None,
        "categories": [item.label() for item in renderer.legendSymbolItems()],
        "labels": labels(layer),
        "read_only": layer.readOnly(),
        "widgets": {field.name(): widget(layer, number) for number, field in enumerate(fields)},
        "editable": [field.name() for number, field in enumerate(fields) if not form.readOnly(number)],
        "form": groups(form),
        "sort": sorted_column(layer),
        "hidden": [column.name for column in layer.attributeTableConfig().columns() if column.hidden],
    }


def groups(form):
    """Return the form's groups of fields, None for the automatic layout."""
    if form.layout() != QgsEditFormConfig.TabLayout:
        return None
    return {group.name(): [child.name() for child in group.children()] for group in form.tabs()}


def classes(layer):
    """Return the number of features in each class of the renderer."""
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
    """Return status and detection of each row, in the table's order."""
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


def draw(project, picture, names=()):
    """Render the project as it opens, or these of its layers."""
    layers = [project.mapLayer(name) for name in names] or project.layerTreeRoot().checkedLayers()
    view = project.viewSettings().defaultViewExtent()
    assert isinstance(view, QgsReferencedRectangle)
    render(layers, project.crs(), view, picture, project.backgroundColor(), project.transformContext())


def render(layers, crs, extent, picture, ground, context):
    settings = QgsMapSettings()
    settings.setLayers(layers)
    settings.setDestinationCrs(crs)
    settings.setExtent(extent)
    settings.setOutputSize(QSize(1600, 1000))
    settings.setOutputDpi(96)
    settings.setBackgroundColor(ground)
    settings.setTransformContext(context)
    job = QgsMapRendererParallelJob(settings)
    job.start()
    job.waitForFinished()
    assert not job.errors(), [error.message for error in job.errors()]
    assert job.renderedImage().save(picture)


def alone(layer, picture):
    """Render one layer on grey ground, on its own extent."""
    context = QgsProject.instance().transformContext()
    render(
        [layer],
        layer.crs(),
        layer.extent().buffered(layer.extent().width() / 20),
        picture,
        QColor(110, 110, 110),
        context,
    )


def raster(path, picture):
    layer = QgsRasterLayer(path)
    alone(layer, picture)
    return describe(layer)


def seen(project, picture=None, *names):
    if picture:
        draw(project, picture, names)
    return {
        "qgis": Qgis.QGIS_VERSION,
        "title": project.title(),
        "crs": project.crs().authid(),
        "order": [layer.name() for layer in project.layerTreeRoot().layerOrder()],
        "checked": [layer.id() for layer in project.layerTreeRoot().checkedLayers()],
        "layers": {key: describe(layer) for key, layer in project.mapLayers().items()},
    }


def package(path, pictured=None, picture=None):
    """Return the layers of a GeoPackage, each with the style stored in it; render one of them."""
    whole = QgsVectorLayer(path)
    names = [text.split("!!::!!")[1] for text in whole.dataProvider().subLayers()]
    layers = {name: QgsVectorLayer(f"{path}|layername={name}", name, "ogr") for name in names}
    if picture:
        alone(layers[pictured], picture)
    return {name: describe(layer) for name, layer in layers.items() if layer.isSpatial()}


def restyle(path):
    """Store one more style in a GeoPackage, as a person may; QGIS returns an empty text for success."""
    layer = QgsVectorLayer(f"{path}|layername=review", "review", "ogr")
    return layer.saveStyleToDatabase("my own", "", False, "")


def edit(project):
    """Accept the first row of the sheet, reject the second, mend the outline of the third, without a word on its status."""
    layer = project.mapLayer("outlines_review")
    assert layer.startEditing(), "the layer cannot be edited"
    first, second, third = (feature.id() for feature in list(layer.getFeatures())[:3])
    fields = layer.fields()
    changes = {
        first: {
            "status": "accepted",
            "upslope_connection": "glacier_forefield",
            "activity": "active",
            "reviewer": "me",
        },
        second: {"status": "rejected", "remark": "a lake"},
    }
    for feature, values in changes.items():
        for field, value in values.items():
            assert layer.changeAttributeValue(feature, fields.indexOf(field), value)
    assert layer.changeGeometry(third, layer.getFeature(third).geometry().buffer(0.0003, 4))
    assert layer.commitChanges(), layer.commitErrors()
    request = QgsFeatureRequest().setFilterFids([first, second, third])
    return {
        feature["detection"]: {"status": feature["status"], "wkt": feature.geometry().asWkt(9)}
        for feature in layer.getFeatures(request)
    }


def add(project):
    """Draw a new outline beside the first one, as a person would: the form's defaults fill the rest."""
    layer = project.mapLayer("outlines_review")
    outline = next(layer.getFeatures()).geometry()
    outline.translate(0.02, 0)
    assert layer.startEditing()
    feature = QgsVectorLayerUtils.createFeature(layer, outline, {}, expressions(layer))
    assert layer.addFeature(feature)
    assert layer.commitChanges(), layer.commitErrors()
    return {"status": [feature["status"] for feature in layer.getFeatures()][-1], "wkt": outline.asWkt(9)}


def main(what, path, *arguments):
    if what in ("package", "restyle", "raster"):
        return {"package": package, "restyle": restyle, "raster": raster}[what](path, *arguments)
    project = opened(path)
    return {"project": seen, "edit": edit, "draw": add}[what](project, *arguments)


application = QgsApplication([], False)
application.initQgis()
print(json.dumps(main(*sys.argv[1:]), default=str))
