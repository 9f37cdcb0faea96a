"""Reads the codes of each picture of a list with zxing-cpp, and says where one is missing or out of place.

The list is JSON: [{"file", "codes": [{"text", "x", "y", "width", "module"}]}], in dots from the upper left. A code may
have one of several "widths"; one of "bars" has a "height", and is looked for between its edges.
"""

import json
import sys

import zxingcpp
from PIL import Image

FORMATS = (zxingcpp.BarcodeFormat.QRCode, zxingcpp.BarcodeFormat.Code128)


def is_near(barcode, code):
    place = barcode.position
    # its corners may be a module off: readers estimate them
    slack = code["module"] + 1
    if code.get("bars"):
        ends = sorted([place.top_left.x, place.bottom_right.x])
        inside = code["y"] - slack <= place.top_left.y <= code["y"] + code["height"] + slack
        # readers differ about the quiet zone and the last bar
        wide = 2 * slack
        return inside and abs(ends[0] - code["x"]) <= wide and abs(ends[1] - code["x"] - code["width"]) <= wide
    if abs(place.top_left.x - code["x"]) > slack or abs(place.top_left.y - code["y"]) > slack:
        return False
    return any(
        abs(place.bottom_right.x - code["x"] - width) <= slack and abs(place.bottom_right.y - code["y"] - width) <= slack
        for width in code.get("widths", [code["width"]])
    )


def problems(entry):
    picture = Image.open(entry["file"]).convert("L")
    found = zxingcpp.read_barcodes(picture, formats=FORMATS)
    for code in entry["codes"]:
        # GS1 data are told with brackets by some readers, and with the separator by others
        same = [barcode for barcode in found if code["text"] in (barcode.text, barcode.bytes.decode("latin-1"))]
        if not same:
            yield f"{entry['file']}: {code['text']} is not read; read were {[barcode.text for barcode in found]}"
        elif not any(is_near(barcode, code) for barcode in same):
            yield f"{entry['file']}: {code} is not there: {[str(barcode.position) for barcode in same]}"


entries = json.load(open(sys.argv[1], encoding="utf-8"))
wrong = [problem for entry in entries for problem in problems(entry)]
print("\n".join(wrong))
print(f"{sum(len(entry['codes']) for entry in entries)} codes in {len(entries)} pictures")
sys.exit(1 if wrong else 0)
