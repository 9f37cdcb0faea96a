"""Reads the QR codes of each picture of a list with zxing-cpp, and says where one is missing or out of place.

The list is JSON: [{"file", "codes": [{"text", "x", "y", "width", "module"}]}], in dots from the upper left.
"""

import json
import sys

import zxingcpp
from PIL import Image


def problems(entry):
    picture = Image.open(entry["file"]).convert("L")
    found = zxingcpp.read_barcodes(picture, formats=zxingcpp.BarcodeFormat.QRCode)
    for code in entry["codes"]:
        same = [barcode for barcode in found if barcode.text == code["text"]]
        if not same:
            yield f"{entry['file']}: {code['text']} is not read; read were {[barcode.text for barcode in found]}"
            continue
        # its corners may be a module off: readers estimate them
        right, bottom = code["x"] + code["width"], code["y"] + code["width"]
        slack = code["module"] + 1
        near = any(
            abs(b.position.top_left.x - code["x"]) <= slack
            and abs(b.position.top_left.y - code["y"]) <= slack
            and abs(b.position.bottom_right.x - right) <= slack
            and abs(b.position.bottom_right.y - bottom) <= slack
            for b in same
        )
        if not near:
            yield f"{entry['file']}: {code['text']} is not at {code['x']}, {code['y']}: {same[0].position}"


entries = json.load(open(sys.argv[1], encoding="utf-8"))
wrong = [problem for entry in entries for problem in problems(entry)]
print("\n".join(wrong))
print(f"{sum(len(entry['codes']) for entry in entries)} codes in {len(entries)} pictures")
sys.exit(1 if wrong else 0)
