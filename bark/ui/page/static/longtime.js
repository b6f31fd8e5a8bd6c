// The place in a long text: a bar to drag, and how much has been heard of how much.

class LongTime {
  constructor(room) {
    this.room = room;
    this.box = make("div", "long-time");
    this.play = make("button", "play", { type: "button", id: "play-long" });
    this.play.addEventListener("click", () => room.sound.toggle());
    this.bar = make("input", "", { type: "range", min: "0", step: "0.1", "aria-label": WORDS.placeInText });
    this.bar.addEventListener("input", () => {
      this.dragged = true;
      this.say(Number(this.bar.value));
    });
    this.bar.addEventListener("change", () => {
      this.dragged = false;
      this.hear(Number(this.bar.value));
    });
    this.clock = make("span", "clock");
    this.box.append(this.play, this.bar, this.clock);
  }

  // Where each chunk begins: what is made is known, the rest expected.
  measure() {
    this.starts = new Map();
    let at = 0;
    for (const [number, { seconds, expected, pause }] of this.room.chunks) {
      this.starts.set(number, at);
      at += (seconds ?? expected) + pause;
    }
    this.total = at;
    this.bar.max = String(Math.max(0.1, at));
    this.show();
  }

  hear(second) {
    let found = null;
    for (const [number, start] of this.starts) if (start <= second) found = number;
    const { seconds } = this.room.chunk(found) ?? {};
    if (seconds === undefined || seconds === null) return this.room.busy ? this.room.sound.from(found) : this.show();
    return this.room.sound.from(found, { second: Math.min(second - this.starts.get(found), Math.max(0, seconds - 0.05)) });
  }

  show() {
    const { sound } = this.room;
    const number = sound.number ?? sound.waiting ?? sound.left?.number;
    const within = sound.number ? sound.audio.currentTime : sound.waiting ? 0 : (sound.left?.second ?? 0);
    const second = (this.starts?.get(number) ?? 0) + within;
    if (!this.dragged) {
      this.bar.value = String(second);
      this.say(second);
    }
    const heard = Boolean(sound.playing || sound.waiting);
    if (this.heard === heard) return;
    this.heard = heard;
    this.play.innerHTML = heard ? PAUSE_ICON : PLAY_ICON;
    this.play.setAttribute("aria-label", heard ? WORDS.pause : WORDS.play);
  }

  say(second) {
    const said = `${shortClock(second)} / ${shortClock(this.total ?? 0)}`;
    if (this.clock.textContent === said) return;
    this.clock.textContent = said;
    this.bar.setAttribute("aria-valuetext", said);
    this.bar.style.setProperty("--done", `${(100 * second) / Math.max(0.1, this.total ?? 0)}%`);
  }
}

function shortClock(seconds) {
  const whole = Math.round(seconds);
  const [hours, minutes] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60];
  const rest = String(whole % 60).padStart(2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}
