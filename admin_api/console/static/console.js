// What the console does beyond plain forms and links. Everything here can be missing and every page still works.
"use strict";
const EVERY = 5000;
const $ = (wanted, within = document) => [...within.querySelectorAll(wanted)];

// Refresh: elements with data-live are brought up to date from the page itself; an unchanged page is one 304.
let tag = null, failures = 0;
function busy() {
  const typing = document.activeElement && document.activeElement.matches("input:not([type=checkbox], [type=file]), textarea, select");
  return document.hidden || typing || $("[data-live] input[type=checkbox]:checked").length > 0
    || $("[data-live] details[open]").length > 0;
}
async function refresh() {
  if (busy()) return;
  try {
    // What the script reads by itself does not keep the session alive.
    const headers = { "X-Refresh": "1", ...(tag && { "If-None-Match": tag }) };
    const answer = await fetch(location.href, { headers, cache: "no-store" });
    if (answer.status === 304) return;
    if (answer.redirected && answer.url.includes("/console/sign-in")) { location.reload(); return; }
    if (!answer.ok) { failures += 1; return; }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (busy()) return;
    tag = answer.headers.get("ETag");
    failures = 0;
    for (const part of $("[data-live]")) {
      const fresh = page.getElementById(part.id);
      if (fresh && fresh.innerHTML !== part.innerHTML) renew(part, document.importNode(fresh, true));
    }
    mark(false);
  } catch { failures += 1; }
  const stale = document.getElementById("stale");
  if (stale) stale.hidden = failures < 2;
}
// Who walks the page by keyboard stays where they are: on the same link, or at the same place where it is gone.
function renew(part, fresh) {
  const reached = "a, button, summary, input, select, textarea";
  const old = document.activeElement, place = part.contains(old) ? $(reached, part).indexOf(old) : -1;
  part.replaceWith(fresh);
  if (place < 0) return;
  const now = $(reached, fresh);
  const same = now.find((one) => one.href && one.href === old.href) || now[place];
  if (same) same.focus({ preventScroll: true });
}
// A page that is shown again because an action was refused has the action's address: there is nothing to read there.
if ($("[data-live]").length && !("refused" in document.body.dataset)) {
  setInterval(refresh, EVERY);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
}

// Ticking rows: a range with shift, all with the box in the head, and the number of ticked rows beside the actions.
let last = null;
document.addEventListener("click", (event) => {
  const box = event.target.closest("input[type=checkbox][data-row]");
  if (!box) return;
  const boxes = $("input[type=checkbox][data-row]");
  if (event.shiftKey && last && boxes.includes(last)) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const one of boxes.slice(from, to + 1)) one.checked = box.checked;
  }
  last = box;
  count();
});
document.addEventListener("change", (event) => {
  if (!event.target.matches("input[data-all]")) return;
  for (const box of $("input[type=checkbox][data-row]")) box.checked = event.target.checked;
  count();
});
function count() {
  const ticked = $("input[type=checkbox][data-row]:checked").length;
  for (const place of $("[data-ticked]")) place.textContent = ticked ? `${ticked} ticked` : "";
}

// Copying, and showing a picture that was chosen before it is sent.
document.addEventListener("click", async (event) => {
  const button = event.target.closest("[data-copy]");
  if (!button || !navigator.clipboard) return;
  await navigator.clipboard.writeText(button.dataset.copy);
  say("Copied");
});
document.addEventListener("change", (event) => {
  if (event.target.matches("input[type=file][data-send]") && event.target.files.length) event.target.form.requestSubmit();
});
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.method !== "post" || event.defaultPrevented) return;
  if (form.dataset.sent) { event.preventDefault(); return; }
  form.dataset.sent = "yes";
  form.setAttribute("aria-busy", "true");
  setTimeout(() => { delete form.dataset.sent; form.removeAttribute("aria-busy"); }, 10000);
});
function say(text) {
  const place = document.getElementById("said");
  if (place) place.textContent = text;
}

// Keys: / searches, ? helps, j and k walk the rows, x ticks, Enter opens, g and a letter go to a page.
let going = false, row = -1;
function mark(leads = true) {
  const rows = $("tr[data-row-link], li[data-row-link]");
  rows.forEach((one, number) => one.classList.toggle("here", number === row));
  if (leads && rows[row]) { const link = rows[row].querySelector("a"); if (link) link.focus({ preventScroll: false }); }
}
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.target.matches("input, textarea, select") && event.target.type !== "checkbox") {
    if (event.key === "Escape") event.target.blur();
    return;
  }
  if (going) {
    going = false;
    const link = $("a[data-go]").find((one) => one.dataset.go === event.key);
    if (link) { event.preventDefault(); location.href = link.href; }
    return;
  }
  const rows = $("tr[data-row-link], li[data-row-link]");
  if (event.key === "/") { const field = document.getElementById("search"); if (field) { event.preventDefault(); field.focus(); } }
  else if (event.key === "?") location.href = "/console/help";
  else if (event.key === "g") { going = true; setTimeout(() => { going = false; }, 1500); }
  else if (event.key === "j" || event.key === "k") {
    row = Math.max(0, Math.min(rows.length - 1, row + (event.key === "j" ? 1 : -1)));
    mark();
  } else if (event.key === "x" && rows[row]) {
    const box = rows[row].querySelector("input[data-row]");
    if (box) { box.checked = !box.checked; last = box; count(); }
  }
});
