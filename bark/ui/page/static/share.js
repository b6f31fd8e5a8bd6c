// A take for somebody else: a link that fills their form, or its recipe as text.

// The form that the page's address brings; read once, and taken out of the address.
function formOfAddress() {
  const found = /^#form=([\w-]+)$/.exec(location.hash);
  if (!found) return null;
  history.replaceState(null, "", location.pathname + location.search);
  try {
    const bytes = atob(found[1].replace(/-/g, "+").replace(/_/g, "/"));
    return new TextDecoder().decode(Uint8Array.from(bytes, (letter) => letter.charCodeAt(0)));
  } catch {
    return null;
  }
}

async function shareLink(take) {
  const answer = await fetch(`${take.url}/form`).catch(() => null);
  if (!answer) return say(WORDS.unreachable, "fault");
  const { form, detail } = await answer.json();
  if (!answer.ok) return say(detail, "fault");
  const bytes = new TextEncoder().encode(JSON.stringify(form));
  const code = btoa(String.fromCharCode(...bytes)).replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  await copy(`${location.origin}${location.pathname}#form=${code}`, WORDS.linkCopied);
}

async function shareRecipe(take) {
  const lines = [take.text, WORDS.recipe(take)];
  await copy(lines.join("\n"), WORDS.recipeCopied);
}

async function copy(text, done) {
  try {
    await navigator.clipboard.writeText(text);
    say(done);
  } catch {
    window.prompt(WORDS.copyThis, text); // a page that is not served safely has no clipboard
  }
}
