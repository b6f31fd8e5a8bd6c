// What belongs to the whole page: mounting, keys, tags at the cursor, files dropped anywhere.

window.barkStudio = {
  mountStage(element, props, watch, trigger) {
    const stage = new Stage(element.querySelector(".stage"), trigger);
    window.barkStudio.stage = stage;
    watch("value", () => stage.receive(props.value));
    stage.receive(props.value);
  },

  mountList(element, props, watch, trigger) {
    const list = new TakeList(element.querySelector(".takes"), trigger);
    watch("value", () => list.show(props.value));
    list.show(props.value);
  },

  mountTags(element, props) {
    element.addEventListener("click", (event) => {
      const tag = event.target.closest("[data-tag]");
      if (tag) insertTag(tag.dataset.tag);
    });
  },
};

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

function isTyping(target) {
  return target.closest?.("input, textarea, select, [contenteditable]") !== null;
}

document.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    document.querySelector("#speak")?.click();
  } else if (event.key === " " && !isTyping(event.target) && !event.target.closest?.("button, a, summary")) {
    event.preventDefault();
    window.barkStudio.stage?.toggle();
  }
});

// A file may be dropped anywhere; it goes the way of the "Open a file" button.
for (const kind of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(kind, (event) => {
    if (![...(event.dataTransfer?.types || [])].includes("Files")) return;
    event.preventDefault();
    document.documentElement.classList.toggle("dropping", kind === "dragover");
    if (kind !== "drop") return;
    event.stopPropagation();
    const input = document.querySelector("#takes-foot input[type=file]");
    const files = new DataTransfer();
    files.items.add(event.dataTransfer.files[0]);
    input.files = files.files;
    input.dispatchEvent(new Event("change", { bubbles: true }));
  }, true);
}
