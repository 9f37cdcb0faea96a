"""Draws the page of a layout with other tools, and prints their median time, size and ratio to ours.

others.py LAYOUT.json OURS.tsv TIMES. Each tool makes a PDF from the same places, texts and codes, with the same font and
with the QR encoder that it has, else segno; the label's number changes every time, so that nothing but fonts and the tool
itself is warm.
"""

import base64
import html
import io
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

FONTS = ["/usr/share/fonts/truetype/wqy/wqy-microhei.ttc", "/usr/share/fonts/wqy-microhei/wqy-microhei.ttc"]
FONT = next((font for font in FONTS if os.path.exists(font)), None)
FAMILY = "WenQuanYi Micro Hei"
# which lines of ours the others are held against: what they do too, and with every code read back, which none of them does
ALIKE = "PDF, letters cut out anew"
PROVED = "record to PDF, letters cut out anew"


def label(layout, number):
    """The items of another label."""
    other = str(2000 + number)
    for item in layout["items"]:
        yield item | ({"text": item["text"].replace("2000", other)} if "text" in item else {})


def svg(text):
    import segno

    out = io.BytesIO()
    segno.make_qr(text, error="m", boost_error=False).save(out, kind="svg", border=0, xmldecl=False, svgns=True)
    return out.getvalue()


def reportlab(layout):
    from reportlab.graphics import renderPDF
    from reportlab.graphics.barcode.qr import QrCodeWidget
    from reportlab.graphics.shapes import Drawing
    from reportlab.lib.units import mm
    from reportlab.pdfbase import pdfmetrics
    from reportlab.pdfbase.ttfonts import TTFont
    from reportlab.pdfgen.canvas import Canvas

    pdfmetrics.registerFont(TTFont("label", FONT, subfontIndex=0))
    height = layout["height"]

    def draw(number):
        out = io.BytesIO()
        page = Canvas(out, pagesize=(layout["width"] * mm, height * mm))
        for item in label(layout, number):
            if item["kind"] == "fill":
                top = height - item["y"] - item["height"]
                page.rect(item["x"] * mm, top * mm, item["width"] * mm, item["height"] * mm, stroke=0, fill=1)
            elif item["kind"] == "text":
                page.setFillGray(1 if item["inverse"] else 0)
                page.setFont("label", item["points"])
                page.drawString(item["x"] * mm, (height - item["baseline"]) * mm, item["text"])
                page.setFillGray(0)
            else:
                side = item["width"] * mm
                code = QrCodeWidget(item["text"], barLevel="M", barBorder=0, barWidth=side, barHeight=side)
                drawing = Drawing(side, side)
                drawing.add(code)
                renderPDF.draw(drawing, page, item["x"] * mm, (height - item["y"] - item["width"]) * mm)
        page.save()
        return out.getvalue()

    return draw, lambda: None


def typst(layout):
    import typst as tool

    folder = tempfile.mkdtemp()
    source = Path(folder) / "label.typ"

    def draw(number):
        lines = [
            f'#set page(width: {layout["width"]}mm, height: {layout["height"]}mm, margin: 0pt)',
            f'#set text(font: "{FAMILY}", top-edge: "baseline", bottom-edge: "baseline")',
        ]
        for item in label(layout, number):
            at = f'#place(top + left, dx: {item["x"]}mm, dy: {item.get("y", item.get("baseline"))}mm, '
            if item["kind"] == "fill":
                lines.append(f'{at}rect(width: {item["width"]}mm, height: {item["height"]}mm, fill: black))')
            elif item["kind"] == "text":
                fill = "white" if item["inverse"] else "black"
                lines.append(f'{at}text(size: {item["points"]}pt, fill: {fill}, {json.dumps(item["text"], ensure_ascii=False)}))')
            else:
                picture = json.dumps(svg(item["text"]).decode())
                lines.append(f'{at}image(bytes({picture}), format: "svg", width: {item["width"]}mm))')
        source.write_text("\n".join(lines), encoding="utf-8")
        return compiler.compile(format="pdf")

    source.write_text("", encoding="utf-8")
    compiler = tool.Compiler(str(source), font_paths=[str(Path(FONT).parent)], ignore_system_fonts=True)
    return draw, lambda: shutil.rmtree(folder)


def page_of(layout, number):
    """The label as HTML."""
    parts = [
        f'<style>@page {{ size: {layout["width"]}mm {layout["height"]}mm; margin: 0 }}',
        f'* {{ margin: 0; padding: 0 }} div, img {{ position: absolute; white-space: pre; line-height: 1; font-family: "{FAMILY}" }}</style>',
    ]
    for item in label(layout, number):
        if item["kind"] == "fill":
            style = f'top:{item["y"]}mm;width:{item["width"]}mm;height:{item["height"]}mm;background:#000'
            parts.append(f'<div style="left:{item["x"]}mm;{style}"></div>')
        elif item["kind"] == "text":
            # a line's box ends a little below its baseline
            top = item["baseline"] - item["points"] * 0.3528 * 0.86
            colour = "#fff" if item["inverse"] else "#000"
            style = f'top:{top}mm;font-size:{item["points"]}pt;color:{colour}'
            parts.append(f'<div style="left:{item["x"]}mm;{style}">{html.escape(item["text"])}</div>')
        else:
            data = base64.b64encode(svg(item["text"])).decode()
            style = f'top:{item["y"]}mm;width:{item["width"]}mm'
            parts.append(f'<img style="left:{item["x"]}mm;{style}" src="data:image/svg+xml;base64,{data}">')
    return f'<!doctype html><meta charset="utf-8">{"".join(parts)}'


def weasyprint(layout):
    from weasyprint import HTML
    from weasyprint.text.fonts import FontConfiguration

    fonts = FontConfiguration()
    return lambda number: HTML(string=page_of(layout, number)).write_pdf(font_config=fonts), lambda: None


def chromium(layout):
    import websocket

    program = next(filter(None, map(shutil.which, ["chromium", "chromium-browser", "google-chrome"])), None)
    if program is None:
        raise ImportError("no chromium")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    profile = tempfile.mkdtemp()
    process = subprocess.Popen(
        [program, "--headless=new", "--no-sandbox", "--disable-gpu", f"--remote-debugging-port={port}",
         "--remote-allow-origins=*", f"--user-data-dir={profile}", "about:blank"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip

    def close():
        process.terminate()
        process.wait()
        shutil.rmtree(profile, ignore_errors=True)

    try:
        for _ in range(300):
            try:
                pages = json.load(urllib.request.urlopen(f"http://127.0.0.1:{port}/json"))
                break
            except OSError:
                time.sleep(0.1)
        page = next(page for page in pages if page["type"] == "page")
        line = websocket.create_connection(page["webSocketDebuggerUrl"], timeout=60)
    except BaseException:
        close()
        raise
    asked = 0

    def call(method, **parameters):
        nonlocal asked
        asked += 1
        line.send(json.dumps({"id": asked, "method": method, "params": parameters}))
        while True:
            answer = json.loads(line.recv())
            if answer.get("id") == asked:
                if "error" in answer:
                    raise RuntimeError(answer["error"])
                return answer["result"]

    frame = call("Page.getFrameTree")["frameTree"]["frame"]["id"]

    def draw(number):
        call("Page.setDocumentContent", frameId=frame, html=page_of(layout, number))
        return base64.b64decode(call("Page.printToPDF", preferCSSPageSize=True, printBackground=True)["data"])

    return draw, close


def measure(tool, layout, times):
    draw, close = tool(layout)
    try:
        draw(0)
        took = []
        for number in range(1, times + 1):
            start = time.perf_counter()
            file = draw(number)
            took.append((time.perf_counter() - start) * 1000)
        if not file.startswith(b"%PDF-"):
            raise RuntimeError("it wrote no PDF")
        keep = os.environ.get("WAYBIND_KEEP")
        if keep:
            Path(keep, f"{tool.__name__}.pdf").write_bytes(file)
        return statistics.median(took), len(file)
    finally:
        close()


def main():
    layout = json.load(open(sys.argv[1], encoding="utf-8"))
    lines = [line.rstrip("\n").split("\t") for line in open(sys.argv[2], encoding="utf-8")]
    ours = {line[1]: line[2:] for line in lines if len(line) > 3}
    alike, proved = (float(ours[name][0].split()[0]) for name in (ALIKE, PROVED))
    times = int(sys.argv[3])
    print(f"\n{'tool':18}{'median':>12}{'size':>14}{'times ours':>12}{'times ours proved':>20}")
    print(f"{'waybind':18}{alike:9.2f} ms{ours[ALIKE][1]:>14}{1.0:12.1f}{alike / proved:20.1f}")
    print(f"{'waybind, proved':18}{proved:9.2f} ms{ours[PROVED][1]:>14}{proved / alike:12.1f}{1.0:20.1f}")
    for tool in (typst, reportlab, weasyprint, chromium):
        try:
            took, size = measure(tool, layout, times)
            print(f"{tool.__name__:18}{took:9.2f} ms{size:8} bytes{took / alike:12.1f}{took / proved:20.1f}")
        except Exception as error:
            print(f"{tool.__name__:18}left out: {type(error).__name__}: {error}")


main()
