"""The same AP by pycocotools, the reference."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from januscl.core import Rle
from januscl.core.masks import counts_to_text


def coco_evaluation(truths, predictions, *, agnostic):
    """Run pycocotools; labels are the class ids.

    Class-agnostic is one category for all, which differs from ``useCats = 0`` only in that
    equal scores keep the model's order instead of being sorted by class.
    """
    kinds = [1] if agnostic else sorted({int(k) for i in (*truths, *predictions) for k in i.labels})
    sizes = [
        next(((m.height, m.width) for m in (*t.masks, *p.masks)), (1, 1))
        for t, p in zip(truths, predictions, strict=True)
    ]
    dataset = {
        "info": {},
        "images": [{"id": i + 1, "height": s[0], "width": s[1]} for i, s in enumerate(sizes)],
        "categories": [{"id": k, "name": str(k)} for k in kinds],
        "annotations": [],
    }
    for frame, truth in enumerate(truths):
        for mask, label in zip(truth.masks, truth.labels, strict=True):
            dataset["annotations"].append(
                {
                    "id": len(dataset["annotations"]) + 1,
                    "image_id": frame + 1,
                    "category_id": 1 if agnostic else int(label),
                    "segmentation": _coco(mask),
                    "area": mask.area,
                    "bbox": [0, 0, 1, 1],
                    "iscrowd": 0,
                }
            )
    results = [
        {
            "image_id": frame + 1,
            "category_id": 1 if agnostic else int(label),
            "segmentation": _coco(mask),
            "score": float(score),
        }
        for frame, given in enumerate(predictions)
        for mask, label, score in zip(given.masks, given.labels, given.scores, strict=True)
    ]
    with contextlib.redirect_stdout(io.StringIO()):
        truth_set = COCO()
        truth_set.dataset = dataset
        truth_set.createIndex()
        evaluation = COCOeval(truth_set, truth_set.loadRes(results), "segm")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation


def coco_ap(truths, predictions, *, agnostic):
    """Return AP, AP50 and AP75, and the same of each kind that has truths."""
    evaluation = coco_evaluation(truths, predictions, agnostic=agnostic)
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # (T, recalls, kinds)
    kinds = {}
    for column, kind in enumerate(evaluation.params.catIds if not agnostic else ()):
        if (precision[:, :, column] > -1).all():
            kinds[kind] = _figures(precision[:, :, column])
    return _figures(precision), kinds


def _figures(precision):
    known = np.where(precision > -1, precision, np.nan)
    return tuple(float(np.nanmean(v)) for v in (known, known[0], known[5]))


def _coco(mask: Rle):
    return {"size": [mask.height, mask.width], "counts": counts_to_text(mask.counts)}
