"""PDF files written by hand, honest and hostile."""

from __future__ import annotations


def pdf(pages=("Hello",), *, box="0 0 595 842", times=1, extra=()):
    """A page for each text, all of them `times` over in the tree of pages; `extra` are further objects, from 100 on."""
    objects = {1: "<< /Type /Catalog /Pages 2 0 R >>"}
    kids = []
    for number, text in enumerate(pages):
        page, content = 10 + 2 * number, 11 + 2 * number
        kids.append(f"{page} 0 R")
        drawn = text if text.startswith("/") else f"BT /F1 24 Tf 60 700 Td ({text}) Tj ET"
        objects[page] = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [{box}] /Contents {content} 0 R /Resources << "
            "/Font << /F1 << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> /XObject << /X 100 0 R >> >> >>"
        )
        objects[content] = f"<< /Length {len(drawn)} >> stream\n{drawn}\nendstream"
    objects[2] = f"<< /Type /Pages /Count {len(kids) * times} /Kids [{' '.join(kids * times)}] >>"
    objects |= {100 + number: one for number, one in enumerate(extra)}
    body = "\n".join(f"{number} 0 obj {one} endobj" for number, one in sorted(objects.items()))
    return f"%PDF-1.4\n{body}\ntrailer << /Root 1 0 R >>\n%%EOF\n".encode()


def endless_pdf():
    """A second page that draws ten times what draws ten times, and so on, twelve deep."""
    deep = 12
    forms = []
    for level in range(deep):
        drawn = "/X Do " * 10 if level < deep - 1 else "0 0 500 500 re f"
        inner = f"/Resources << /XObject << /X {101 + level} 0 R >> >>" if level < deep - 1 else ""
        forms.append(
            f"<< /Type /XObject /Subtype /Form /BBox [0 0 600 800] {inner} /Length {len(drawn)} >> "
            f"stream\n{drawn}\nendstream"
        )
    return pdf(("Question 1", "/X Do"), extra=forms)
