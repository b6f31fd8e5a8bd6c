"""Word documents and PDFs as their programs write them: headings, columns, tables, footnotes."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from bark.errors import InvalidInputError
from bark.narration.documents import HEADING, Document, read_document
from bark.narration.pdf import Line, pdf_blocks

pytest.importorskip("docx")
pytest.importorskip("pypdf")

SENTENCES = (
    "It was late, and the road to the ferry was empty. ",
    "Nobody saw the two of them come up from the river, and nobody asked. ",
    "They did not speak, since there was nothing left to say about it.",
)


def read(folder: Path, name: str, data: bytes) -> Document:
    path = folder / name
    path.write_bytes(data)
    return read_document(path)


def said(document: Document) -> list[tuple[str, list[str]]]:
    return [(c.title, [block.text for block in c.blocks]) for c in document.chapters]


def paper(*, n_columns: int = 2, n_pages: int = 3) -> bytes:
    """A PDF with a running head, headings, columns, a table, footnotes and page numbers."""
    fpdf = pytest.importorskip("fpdf")

    class Paper(fpdf.FPDF):  # type: ignore[misc, name-defined]
        def header(self) -> None:
            self.set_font("Times", size=9)
            self.cell(0, 8, "THE FERRY", align="C", new_x="LMARGIN", new_y="NEXT")

        def footer(self) -> None:
            self.set_y(-15)
            self.set_font("Times", size=9)
            self.cell(0, 8, str(self.page_no()), align="C")

    pdf = Paper()
    pdf.set_title("The Ferry")
    pdf.set_author("Ada Moss")
    for number in range(1, n_pages + 1):
        pdf.add_page()
        pdf.set_font("Times", "B", 18)
        pdf.cell(0, 12, f"Chapter {number}", new_x="LMARGIN", new_y="NEXT")
        pdf.set_font("Times", size=11)
        with pdf.text_columns(ncols=n_columns, gutter=8, text_align="J") as columns:
            for part in "first", "second":
                columns.write(f"This is the {part} part. {''.join(SENTENCES)}\n\n")
        pdf.set_font("Times", size=11)
        _table(pdf)
        pdf.set_y(-30)
        pdf.set_font("Times", size=8)
        pdf.multi_cell(0, 4, f"{number} The old ferry stopped in 1911.")
    return bytes(pdf.output())


def _table(pdf: Any) -> None:
    with pdf.table() as table:
        for cells in (("Day", "Fare"), ("Monday", "3.50"), ("Sunday", "5.00")):
            row = table.row()
            for cell in cells:
                row.cell(cell)


@pytest.mark.parametrize("n_columns", [1, 2])
def test_a_pdf_is_read_in_its_order_without_what_is_no_text(tmp_path: Path, n_columns: int) -> None:
    document = read(tmp_path, "a.pdf", paper(n_columns=n_columns))
    assert (document.title, document.author) == ("The Ferry", "Ada Moss")
    body = [f"This is the {part} part. {''.join(SENTENCES)}" for part in ("first", "second")]
    assert said(document) == [(f"Chapter {n}", [f"Chapter {n}", *body]) for n in (1, 2, 3)]
    assert [chapter.blocks[0].kind for chapter in document.chapters] == [HEADING] * 3
    assert document.left_out == (
        "Not spoken: 3 footnotes.",
        "Not spoken: 6 running heads and page numbers.",
        "Not spoken: 3 tables.",
    )


def test_a_pdf_that_is_none_or_is_protected_is_a_sentence(tmp_path: Path) -> None:
    import pypdf

    with pytest.raises(InvalidInputError, match="no PDF"):
        read(tmp_path, "a.pdf", b"none")
    with pytest.raises(InvalidInputError, match="no PDF"):
        read(tmp_path, "b.pdf", paper()[:300])
    writer = pypdf.PdfWriter(io.BytesIO(paper()))
    writer.encrypt("secret", algorithm="RC4-128")
    writer.write(tmp_path / "c.pdf")
    with pytest.raises(InvalidInputError, match="protected by a password"):
        read_document(tmp_path / "c.pdf")
    blank = pypdf.PdfWriter()
    blank.add_blank_page(200, 200)
    blank.write(tmp_path / "d.pdf")
    with pytest.raises(InvalidInputError, match="has no text"):
        read_document(tmp_path / "d.pdf")


def lines(page: list[str]) -> list[Line]:
    """Lines of one size, 12 points apart; an empty one is room."""
    return [Line(text, 11.0, 700.0 - 12 * i) for i, text in enumerate(page) if text]


def test_paragraphs_of_a_pdf_are_guessed_from_its_lines() -> None:
    pages = [
        ["A book", "It was late, and the rain had stop-", "ped. The road was empty at that hour,",
         "as always.", "Nobody saw the two of them that came", "1"],
        ["A book", "up from the river.", "", "New.", "2"],
        ["A book", "The end of it all is here in this line.", "3"],
    ]  # fmt: skip
    blocks, left_out = pdf_blocks([lines(page) for page in pages])
    assert [marked.block.text for marked in blocks] == [
        "It was late, and the rain had stopped. The road was empty at that hour, as always.",
        "Nobody saw the two of them that came up from the river.",
        "New.",
        "The end of it all is here in this line.",
    ]
    assert left_out == {"running heads and page numbers": 6}


def test_a_word_document_is_read(tmp_path: Path) -> None:
    import docx
    from docx.oxml import OxmlElement

    document = docx.Document()
    document.core_properties.title = "The Ferry"
    document.core_properties.author = "Ada Moss"
    document.add_heading("One", 1)
    document.add_paragraph(SENTENCES[0])
    noted = document.add_paragraph(SENTENCES[1])
    noted.runs[0]._r.append(OxmlElement("w:footnoteReference"))
    table = document.add_table(1, 2)
    table.cell(0, 0).text = "Fare"
    document.add_heading("Within", 2)
    document.add_paragraph("On the list.", style="List Bullet")
    document.add_heading("Two", 1)
    document.add_paragraph("It was early.")
    document.save(str(tmp_path / "a.docx"))
    read_back = read_document(tmp_path / "a.docx")
    assert (read_back.title, read_back.author) == ("The Ferry", "Ada Moss")
    one = ["One", SENTENCES[0].strip(), SENTENCES[1].strip(), "Within", "On the list."]
    found = [(name, [" ".join(text.split()) for text in texts]) for name, texts in said(read_back)]
    assert found == [("One", one), ("Two", ["Two", "It was early."])]
    assert read_back.left_out == ("Not spoken: 1 footnotes.", "Not spoken: 1 tables.")
    with pytest.raises(InvalidInputError, match="no Word document"):
        read(tmp_path, "b.docx", b"none")
