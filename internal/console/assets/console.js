// What makes pages pleasant. Every page can be read, and every form sent, without it.
"use strict";

// A button with data-copy copies the text of the element it names.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("button[data-copy]");
  if (!button) return;
  const said = button.textContent;
  try {
    await navigator.clipboard.writeText(document.getElementById(button.dataset.copy).textContent);
    button.textContent = "Copied";
  } catch {
    button.textContent = "Not copied: the browser forbids it";
  }
  setTimeout(() => { button.textContent = said; }, 2000);
});

// An element with data-refresh is fetched again every so many seconds, from the address in data-from or of the page, while
// the page can be seen. Only the element of the same id is replaced, if nobody is working in it.
for (const part of document.querySelectorAll("[data-refresh]")) {
  const again = async () => {
    const now = document.getElementById(part.id);
    if (!document.hidden && now && !now.contains(document.activeElement)) {
      try {
        const answer = await fetch(now.dataset.from || location.href, { credentials: "same-origin" });
        const page = new DOMParser().parseFromString(await answer.text(), "text/html");
        const next = page.getElementById(part.id);
        if (answer.ok && next && document.getElementById("pause")?.checked !== true) now.replaceWith(next);
      } catch { /* the server is away; the next try may find it */ }
    }
    setTimeout(again, Number(part.dataset.refresh) * 1000);
  };
  setTimeout(again, Number(part.dataset.refresh) * 1000);
}

// A button of a form with data-unlock is disabled until the field it names holds one of the words in data-word.
for (const button of document.querySelectorAll("button[data-unlock]")) {
  const field = document.getElementById(button.dataset.unlock);
  const look = () => { button.disabled = !button.dataset.word.split(" ").includes(field.value.trim()); };
  field.addEventListener("input", look);
  look();
}

// A form with data-preview is sent, whenever it rests after a change, to the address in data-from, and the element that
// data-preview names is replaced by the one of that id in the answer. Nothing is done there.
for (const form of document.querySelectorAll("form[data-preview]")) {
  let resting, asked = 0;
  const look = async () => {
    const mine = ++asked;
    try {
      const answer = await fetch(form.dataset.from, { method: "POST", credentials: "same-origin", body: new URLSearchParams(new FormData(form)) });
      const page = new DOMParser().parseFromString(await answer.text(), "text/html");
      const next = page.getElementById(form.dataset.preview);
      if (answer.ok && next && mine === asked) document.getElementById(form.dataset.preview).replaceWith(next);
    } catch { /* the button shows it, too */ }
  };
  form.addEventListener("input", () => { clearTimeout(resting); resting = setTimeout(look, 400); });
}
