// Every text that the page's own scripts show, in one table, ready for other languages.

const WORDS = {
  notKept: "The server did not take that; the list shows what it has.",
  noMatch: "No take matches.",
  noStar: "No take has a star yet.",
  deleted: (n, number) => (n === 1 ? `Deleted take ${number}.` : `Deleted ${n} takes.`),
  back: (takes) => (takes.length === 1 ? `Take ${takes[0].number} is back.` : `${takes.length} takes are back.`),
  nothingToUndo: "Nothing was deleted.",
  undo: "Undo",
  soundIn: (s) => `Sound in ${Math.max(1, Math.round(s))} s`,
  beingMade: "Being made",
  take: (take) => `Take ${take.number}${take.stopped ? ", stopped early" : ""}`,
  row: (take) =>
    `Take ${take.number}${take.star ? ", starred" : ""}: ${take.text.slice(0, 60)}, ${take.voice}, ` +
    `seed ${take.seed}, ${take.seconds.toFixed(1)} seconds` +
    (take.flags || []).map(([kind]) => `, ${WORDS.flags[kind].toLowerCase()}`).join(""),
  takes: (n, all) => (all === 0 ? "Takes" : n === all ? `Takes (${all})` : `Takes (${n} of ${all})`),
  run: (take, n) => `${n} takes · ${take.temperatures} · ${take.voice} · “${take.text}”`,
  today: "Today",
  yesterday: "Yesterday",
  search: "Search text, notes, voices…",
  anyVoice: "Any voice",
  anyDay: "Any day",
  anyCheck: "Any check",
  flagged: "Flagged",
  passed: "Passed the check",
  unchecked: "Not checked",
  flags: {
    silent: "Silent",
    cut: "Cut",
    tail: "Off-script",
    words: "Wrong words",
    short: "Too short",
    long: "Too long",
    clipped: "Clipped",
    voice: "Another voice",
  },
  check: "Check",
  listenToo: (name) => `Check words (${name})`,
  checkHow: "Looks at the takes shown here that were not checked yet: silent, cut, off-script, …",
  checking: (n, all) => `Checked ${n} of ${all} takes…`,
  checkedAll: (n, bad) => `Checked ${n === 1 ? "1 take" : `${n} takes`}; ${bad ? `${bad} flagged` : "nothing found"}.`,
  nothingToCheck: "All takes shown are checked.",
  days: { 1: "Today", 7: "7 days", 31: "31 days" },
  orders: { newest: "Newest", oldest: "Oldest", longest: "Longest", shortest: "Shortest" },
  all: "All",
  starred: "Starred",
  chosen: (n) => `${n} selected`,
  playInTurn: "Play in turn",
  compare: "Compare",
  zip: "Download ZIP",
  delete: "Delete",
  clear: "Clear",
  keys: [
    ["Ctrl Enter", "Speak"],
    ["Space", "Play or pause"],
    ["↑ ↓", "The take above, below, and play it"],
    ["← →", "A second back, on"],
    ["Home", "To the beginning"],
    ["L", "Loop"],
    ["S", "Star"],
    ["N", "Write a note"],
    ["R", "Reuse its settings"],
    ["Del", "Delete"],
    ["Z", "Bring the last deleted back"],
    ["Esc", "Stop what is being made"],
    ["B", "Compare what is selected, blind"],
    ["1 – 8", "In a comparison: hear that take"],
    ["?", "This list"],
  ],
  sameSeed: "Same seed in every cell",
  hover: "Play on hover",
  fromPrompt: "taken from {a|b} in the text",
  plan: ({ n, seconds }) => `${n} takes${seconds === null ? "" : ` · about ${clockWords(seconds)}`}`,
  makeN: (n) => (n ? `Make ${n}` : "Make"),
  earlierGrids: "Earlier grids",
  gridOf: (text) => `Grid of “${text.slice(0, 60)}”`,
  keepStarred: (n) => `Keep starred, delete ${n}`,
  deleteCrossed: (n) => `Delete ${n} crossed out`,
  compareStarred: (n) => `Compare ${n} starred`,
  deletedCell: "deleted",
  emptyCell: "Not made",
  compareHow: "Select two to eight takes in the list, with Shift or Ctrl, and press Compare.",
  needTwo: "Select at least two takes to compare them.",
  blind: "Blind",
  level: "Same loudness",
  loop: "Loop",
  pressNumber: (n) => `Press 1 to ${n}: each goes on where the other is.`,
  pair: (n, all) => `Pair ${n} of ${all}`,
  letter: (i) => "AB"[i],
  better: (i) => `${"AB"[i]} is better`,
  hearBoth: "Hear both first.",
  won: (take, won, had) => `Take ${take.number} won ${won} of ${had} · ${take.voice} · ${take.temperatures} · seed ${take.seed}`,
  starIt: "Star it",
  reuse: "Reuse settings",
  again: "Once more",
  tally: (n) => `All ${n} verdicts`,
  csv: "Download CSV",
  copyLink: "Copy link",
  copyRecipe: "Copy recipe",
  linkCopied: "The link is copied; it fills the form in anybody's studio.",
  recipeCopied: "The recipe is copied.",
  copyThis: "Copy this:",
  longLabel: "The long text",
  longPlaceholder: "Paste a long text, or drop a file. Lines such as “Ada: Good morning.” have speakers of their own.",
  layOut: "Lay out",
  openText: "Open a file",
  newText: "New text",
  speakLong: "Speak",
  goOn: "Go on",
  stop: "Stop",
  noSuchText: "Files of text are read here: .txt, .md, .html, .epub, .srt, .vtt, .docx, .pdf.",
  fileTooLarge: "The file is larger than 16 MB.",
  chunkCount: (ready, all, seconds) => `${ready} of ${all} chunks · about ${clockWords(seconds)}`,
  chunk: (n, text) => `Chunk ${n}: ${text.slice(0, 60)}`,
  hearFrom: (n) => `Hear from chunk ${n}`,
  redo: "Again",
  edit: "Edit",
  revert: "As it was",
  save: "Speak these words",
  cancel: "Cancel",
  edited: "changed",
  longFiles: { wav: "WAV", mp3: "MP3", srt: "SRT" },
  noSound: "This chunk's sound could not be fetched.",
  voice: "Voice",
  voices: "Voices",
  voiceButton: (label) => `Voice: ${label}`,
  searchVoices: "Search: german, woman, ada…",
  hearVoice: (label) => `Hear ${label}`,
  stopVoice: (label) => `Stop ${label}`,
  anyLanguage: "All languages",
  noVoiceMatches: "No voice matches.",
  voiceCount: (n) => (n === 1 ? "1 voice" : `${n} voices`),
  voiceHint: "Enter takes it, → plays it, Esc leaves.",
  voicesFailed: "The voices could not be fetched; is the program still running?",
  style: "Style",
  styles: "Styles",
  noStyle: "none",
  styleHow: "A style keeps the voice, the settings and the words around the text under a name.",
  useStyle: (name) => `Use the style ${name}`,
  updateStyle: "Update",
  updateStyleLong: (name) => `Save what is set now as ${name}`,
  deleteStyleLong: (name) => `Delete the style ${name}`,
  styleName: "Name",
  styleFrame: "Words around the text: … {text} …",
  saveStyle: "Save what is set now",
  tagsLabel: "Tags",
  tagsOffered: (n, note) => (n ? `${n} tags; arrows choose, Enter inserts, Escape leaves. ${note}` : note),
  keysTitle: "Keys",
  close: "Close",
};

function clockWords(seconds) {
  return seconds < 90 ? `${Math.max(1, Math.round(seconds))} s` : `${Math.round(seconds / 60)} min`;
}

// One line at the foot of the page that goes by itself; `action` is a button in it.
function say(text, kind = "", action = null) {
  let box = document.querySelector("#said-line");
  if (!box) {
    box = make("div", "", { id: "said-line", role: "status" });
    document.body.append(box);
  }
  box.className = kind;
  box.textContent = text;
  if (action) {
    const button = make("button", "", { type: "button" });
    button.textContent = action.label;
    button.addEventListener("click", () => {
      box.textContent = "";
      action.press();
    });
    box.append(button);
  }
  clearTimeout(box.timer);
  box.timer = setTimeout(() => (box.textContent = ""), action ? 8000 : 5000);
}
