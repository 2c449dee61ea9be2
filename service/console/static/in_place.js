// Without this script the page is loaded anew after each call, and the keys must be typed again. With it they stay in
// their fields, and nowhere else.
"use strict";
const form = document.querySelector("form[data-in-place]");
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const shown = document.querySelector("#answer");
  shown.setAttribute("aria-busy", "true");
  try {
    const response = await fetch(form.action, { method: "POST", body: new URLSearchParams(new FormData(form)) });
    const page = new DOMParser().parseFromString(await response.text(), "text/html");
    const answer = page.querySelector("#answer") ?? page.querySelector("main");
    shown.className = answer.className || "card failure";
    shown.replaceChildren(...answer.childNodes);
    form.elements.jobid.value = page.querySelector("#jobid")?.value ?? form.elements.jobid.value;
  } catch {
    shown.textContent = "The console does not answer.";
  }
  shown.removeAttribute("aria-busy");
  shown.focus();
});
