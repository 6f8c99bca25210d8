// What tests call in a page, as window.e2e.
"use strict";
(() => {
  const flat = (text) => (text ?? "").replace(/\s+/g, " ").trim();
  const seen = (e) => e.checkVisibility({ visibilityProperty: true, contentVisibilityAuto: true });
  const name = (e) => flat(e.getAttribute("aria-label") || e.innerText || e.value);

  // A press is on a button or link whose whole text this is, or else begins with it: in the content first.
  const pressable = (text) => {
    const all = [...document.querySelectorAll("main button, main a[href], main summary, main input[type=submit]"),
      ...document.querySelectorAll("body button, body a[href], body summary")].filter(seen);
    return all.find((e) => name(e) === text) ?? all.find((e) => name(e).startsWith(text));
  };

  // A field is found by its label; where several have the same one, the first that can be seen.
  const labelled = (label) => {
    const all = [...document.querySelectorAll("label")].filter((l) => l.control && seen(l));
    const l = all.find((l) => flat(l.innerText) === label) ?? all.find((l) => flat(l.innerText).startsWith(label));
    return l?.control ?? [...document.querySelectorAll("[aria-label]")].find((e) => e.getAttribute("aria-label") === label && "value" in e);
  };

  const choose = (select, text) => {
    const option = [...select.options].find((o) => flat(o.text) === text || o.value === text) ?? [...select.options].find((o) => flat(o.text).startsWith(text));
    if (!option) return `no option ${JSON.stringify(text)} among ${[...select.options].map((o) => flat(o.text)).join(", ")}`;
    select.value = option.value;
    select.dispatchEvent(new Event("input", { bubbles: true }));
    select.dispatchEvent(new Event("change", { bubbles: true }));
    return "done";
  };

  window.e2e = {
    ready(label, text) {
      const field = labelled(label);
      if (!field) return `no field ${JSON.stringify(label)} among ${[...document.querySelectorAll("label")].map((l) => flat(l.innerText)).join(", ")}`;
      if (field instanceof HTMLSelectElement) return choose(field, text);
      field.focus();
      if (field.type === "checkbox" || field.type === "radio") {
        if (field.checked !== (text !== "no")) field.click();
        return "done";
      }
      field.select();
      if (text === "") {
        field.value = "";
        field.dispatchEvent(new Event("input", { bubbles: true }));
        return "done";
      }
      return "type";
    },

    value(label) { return labelled(label)?.value ?? ""; },

    place(text) {
      const e = pressable(text);
      if (!e) return { error: `nothing to press says ${JSON.stringify(text)}; the page: ${flat(document.querySelector("main")?.innerText).slice(0, 2000)}` };
      if (e.disabled) return { error: `${JSON.stringify(text)} is disabled` };
      e.scrollIntoView({ block: "center", behavior: "instant" });
      const r = e.getClientRects()[0];
      const x = r.left + r.width / 2, y = r.top + r.height / 2;
      const on = document.elementFromPoint(x, y);
      if (!on || !(e.contains(on) || on.contains(e))) return { error: `${JSON.stringify(text)} is covered by ${on?.outerHTML.slice(0, 200)}` };
      return { x, y };
    },

    // A page that changes by itself can be told to rest (WCAG 2.2, 2.2.2).
    pause() {
      const box = document.getElementById("pause");
      if (box && !box.checked) box.click();
      return true;
    },

    // Where the keyboard can come to, each with a number by which it is known again.
    stops() {
      const all = [...document.querySelectorAll("a[href], button, input, select, textarea, summary, [tabindex='0']")];
      const wanted = all.filter((e) => seen(e) && !e.disabled && e.tabIndex >= 0 && e.type !== "hidden")
        .filter((e) => e.type !== "radio" || e.checked || (!document.querySelector(`input[type=radio][name="${CSS.escape(e.name)}"]:checked`) && e.form?.elements[e.name]?.[0] === e));
      return wanted.map((e) => { e.e2eStop ??= crypto.randomUUID(); return { id: e.e2eStop, html: e.outerHTML.slice(0, 160) }; });
    },

    // Where the keyboard is, and whether it can be seen there.
    focus() {
      const e = document.activeElement;
      if (!e || e === document.body) return { id: "", html: "" };
      const s = getComputedStyle(e), r = e.getBoundingClientRect();
      const ring = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2;
      const inside = r.bottom > 0 && r.right > 0 && r.top < innerHeight && r.left < innerWidth && r.width > 0 && r.height > 0;
      return { id: e.e2eStop ?? "", html: e.outerHTML.slice(0, 160), ring, inside };
    },
  };

  document.addEventListener("securitypolicyviolation", (v) => {
    console.error(`policy: ${v.effectiveDirective} forbade ${v.blockedURI} in ${v.sourceFile}:${v.lineNumber} ${v.sample}`);
  });
})();
