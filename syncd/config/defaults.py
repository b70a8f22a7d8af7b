"""Defaults of a file, laid over those of the platform's."""

from collections.abc import Collection
from dataclasses import replace

from syncd.config.document import DefaultsShape
from syncd.config.mapping import Given
from syncd.config.metadata import checked
from syncd.config.placement import namespace_mistake
from syncd.config.references import TOLD, Report
from syncd.config.timing import interval_of
from syncd.node import text


def narrowed(given: Given, written: DefaultsShape, report: Report, *, failed: Collection[str] = ()) -> Given:
    """Give what the mappings of a file are read against. Problems go to `report`, paths from the top of the file.

    What is wrong here is told once, here: mappings that rely on it are then read as if it were right. `failed` names
    the defaults that were wrong in shape already and are not in `written`.
    """
    found: Report = []
    store = given.store
    if "store" in failed:
        store = TOLD
    elif written.store is not None:
        store = text(written.store)
        if store not in given.catalogue.providers:
            found.append(given.catalogue.unknown(store))
            store = TOLD
    namespace = given.places.namespace
    if "namespace" in failed:
        namespace = ""
    elif written.namespace is not None:
        namespace = text(written.namespace)
        if (mistake := namespace_mistake(namespace, given.places.protected)) is not None:
            found.append(mistake)
    labels = {**given.labels, **checked("labels", written.labels, "", found)}
    annotations = {**given.annotations, **checked("annotations", written.annotations, "", found)}
    narrower = replace(
        given,
        places=replace(given.places, namespace=namespace),
        store=store,
        interval=interval_of(written.interval, given.interval, found),
        labels=dict(sorted(labels.items())),
        annotations=dict(sorted(annotations.items())),
    )
    report.extend(problem.under("defaults") for problem in found)
    return narrower
