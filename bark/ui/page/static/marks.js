// What of the prompt will not be heard or spoken, marked in the box itself: the meter's measure
// names the characters, and the mirror over the box shows them.

class PromptMarks {
  constructor() {
    this.measured = { text: "", marks: [] };
    document.addEventListener("input", (event) => event.target.closest?.("#prompt") && this.draw());
  }

  // Takes the meter's line, which carries the marks.
  read(line) {
    const found = new DOMParser().parseFromString(line || "", "text/html").querySelector("[data-marks]");
    this.measured = found ? JSON.parse(found.dataset.marks) : { text: "", marks: [] };
    this.draw();
  }

  // Until the text is measured anew, the marks before the first changed character hold.
  draw() {
    const box = document.querySelector("#prompt textarea");
    if (!box || (!this.measured.marks.length && !Mirror.last)) return;
    const letters = [...box.value];
    const before = [...this.measured.text];
    let same = 0;
    while (same < letters.length && letters[same] === before[same]) same++;
    const isWhole = same === letters.length && same === before.length;
    const pieces = [];
    let at = 0;
    for (const [start, end, kind] of this.measured.marks) {
      if (!isWhole && end > same) break;
      pieces.push({ text: letters.slice(at, start).join("") }, { text: letters.slice(start, end).join(""), kind });
      at = end;
    }
    pieces.push({ text: letters.slice(at).join("") });
    Mirror.of(box).show(pieces);
  }
}
