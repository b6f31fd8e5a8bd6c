// A copy of the prompt's text that lies exactly over the box: where a character stands, and marks.

const COPIED_STYLE = [
  "font", "lineHeight", "letterSpacing", "wordSpacing", "textAlign", "textIndent", "tabSize", "direction",
  "paddingTop", "paddingRight", "paddingBottom", "paddingLeft",
  "borderTopWidth", "borderRightWidth", "borderBottomWidth", "borderLeftWidth",
];

class Mirror {
  constructor(box) {
    this.box = box;
    this.root = make("div", "mirror", { "aria-hidden": "true" });
    this.text = make("div", "mirror-text");
    this.root.append(this.text);
    box.parentElement.style.position = "relative";
    box.after(this.root);
    box.addEventListener("scroll", () => this.follow(), { passive: true });
    new ResizeObserver(() => this.place()).observe(box);
    this.place();
  }

  // The one over the prompt, made anew where the page has drawn another box.
  static of(box) {
    if (Mirror.last?.box !== box || !Mirror.last.root.isConnected) Mirror.last = new Mirror(box);
    return Mirror.last;
  }

  place() {
    const { box, root, text } = this;
    const style = getComputedStyle(box);
    for (const name of COPIED_STYLE) text.style[name] = style[name];
    const edges = parseFloat(style.borderLeftWidth) + parseFloat(style.borderRightWidth);
    root.style.left = `${box.offsetLeft}px`;
    root.style.top = `${box.offsetTop}px`;
    root.style.width = `${box.offsetWidth}px`;
    root.style.height = `${box.offsetHeight}px`;
    text.style.width = `${box.clientWidth + edges}px`; // without the scroll bar
    this.follow();
  }

  follow() {
    this.text.style.transform = `translateY(${-this.box.scrollTop}px)`;
  }

  // Shows pieces of the text; a piece with a class is a mark, the others are plain.
  show(pieces) {
    const nodes = pieces.map(({ text, kind }) => {
      if (!kind) return text;
      const mark = make("mark", kind);
      mark.textContent = text;
      return mark;
    });
    this.text.replaceChildren(...nodes, "\u200b");
    this.place();
  }

  // The rectangle of the place before a character, in the window.
  placeOf(index) {
    const anchor = make("span", "");
    anchor.textContent = "\u200b";
    const probe = this.text.cloneNode(false);
    probe.append(this.box.value.slice(0, index), anchor, this.box.value.slice(index));
    this.root.append(probe);
    const found = anchor.getBoundingClientRect();
    probe.remove();
    return found;
  }
}
