"""The same AP by pycocotools, the reference."""

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from januscl.core import Rle
from januscl.core.masks import counts_to_text


def coco_evaluation(truths, predictions, *, agnostic, areas=None, of=None, thresholds=None):
    """Run pycocotools; labels are the class ids.

    `areas` are the ranges to score, all areas when omitted. `of` gives two lists, for each frame
    the numbers that stand in for the areas of its truths and of its detections.

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
        if of is not None:
            for stands_in, coco in zip(of, (truth_set, evaluation.cocoDt), strict=True):
                for number, annotation in zip(
                    np.concatenate(stands_in), coco.anns.values(), strict=True
                ):
                    annotation["area"] = number
        ranges = areas or {"all": [0, 1e10]}
        evaluation.params.areaRng = list(ranges.values())
        evaluation.params.areaRngLbl = list(ranges)
        if thresholds is not None:
            evaluation.params.iouThrs = np.asarray(thresholds)
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


def coco_ap_within(truths, predictions, areas, of):
    """Return AP, AP50 and AP75 of each range that has truths, regardless of kind."""
    evaluation = coco_evaluation(truths, predictions, agnostic=True, areas=areas, of=of)
    precision = evaluation.eval["precision"][:, :, 0, :, -1]  # (T, recalls, ranges)
    return {
        name: _figures(precision[:, :, column])
        for column, name in enumerate(areas)
        if (precision[:, :, column] > -1).all()
    }


def coco_finds(truths, predictions, threshold):
    """Return the (frame, detection, truth) of each find."""
    evaluation = coco_evaluation(truths, predictions, agnostic=True, thresholds=[threshold])
    first = np.cumsum([0, *(len(p) for p in predictions)])
    first_truth = np.cumsum([0, *(len(t) for t in truths)])
    return [
        (frame, detection - 1 - first[frame], int(truth) - 1 - first_truth[frame])
        for result in evaluation.evalImgs
        if result is not None
        for frame in [result["image_id"] - 1]
        for detection, truth in zip(result["dtIds"], result["dtMatches"][0], strict=True)
        if truth
    ]


def _figures(precision):
    known = np.where(precision > -1, precision, np.nan)
    return tuple(float(np.nanmean(v)) for v in (known, known[0], known[5]))


def _coco(mask: Rle):
    return {"size": [mask.height, mask.width], "counts": counts_to_text(mask.counts)}
