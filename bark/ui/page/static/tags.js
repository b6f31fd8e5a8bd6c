// Tags at the cursor of the prompt, and files dropped anywhere.

const promptBox = () => document.querySelector("#prompt textarea");

// Puts a tag where the cursor is; notes and capitals go around what is selected.
function insertTag(tag) {
  const box = promptBox();
  const { selectionStart: start, selectionEnd: end, value } = box;
  const chosen = value.slice(start, end);
  let text = tag;
  let caret = null;
  if (tag === "♪") {
    text = `♪ ${chosen || ""} ♪`;
    caret = chosen ? null : start + 2;
  } else if (tag === "CAPS") {
    const word = chosen || (value.slice(0, start).match(/\S+\s*$/) || [""])[0];
    const from = chosen ? start : start - word.length;
    box.setSelectionRange(from, end);
    text = word.toUpperCase();
  } else {
    if (start > 0 && !/\s/.test(value[start - 1])) text = ` ${text}`;
    if (end >= value.length || !/[\s.,!?]/.test(value[end])) text = `${text} `;
  }
  box.focus();
  // Unlike setting the value, this can be taken back with Ctrl+Z.
  if (text) document.execCommand("insertText", false, text);
  if (caret !== null) box.setSelectionRange(caret, caret);
}

// A file may be dropped anywhere; it goes the way of the "Open a file" button.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    document.documentElement.classList.toggle("dropping", kind === "dragover");
    if (kind !== "drop") return;
    event.stopPropagation();
    if (barkStudio.rooms?.name === "long" && barkStudio.long.open(event.dataTransfer.files[0])) return;
    const input = document.querySelector("#takes-foot input[type=file]");
    const files = new DataTransfer();
    for (const file of event.dataTransfer.files) files.items.add(file);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);
}
