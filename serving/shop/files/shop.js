"use strict";
// Everything here only eases what the page can do without it.
const copied = document.body.dataset.copied;
const seconds = 2;

for (const button of document.querySelectorAll("button.copy")) {
  button.hidden = false;
  const name = button.textContent;
  button.addEventListener("click", async () => {
    const field = document.getElementById(button.dataset.of);
    try {
      await navigator.clipboard.writeText(field.value);
    } catch {
      field.select();
      document.execCommand("copy");
    }
    button.textContent = copied;
    setTimeout(() => { button.textContent = name; }, seconds * 1000);
  });
}

for (const button of document.querySelectorAll("button.send")) {
  if (!navigator.share) continue;
  button.hidden = false;
  button.addEventListener("click", () => {
    navigator.share({ text: document.getElementById(button.dataset.of).value }).catch(() => {});
  });
}

for (const button of document.querySelectorAll("button.another")) {
  button.hidden = document.querySelector(".card.spare[hidden]") === null;
  button.addEventListener("click", () => {
    const next = document.querySelector(".card.spare[hidden]");
    const card = button.closest(".card");
    if (!next) return;
    next.hidden = false;
    next.classList.remove("spare");
    card.replaceWith(next);
    next.querySelector("a.button").focus();
    if (!document.querySelector(".card.spare[hidden]")) {
      for (const other of document.querySelectorAll("button.another")) other.hidden = true;
    }
  });
}

const boxes = [...document.querySelectorAll(".welcome input[type=checkbox]")];
for (const box of boxes) {
  box.addEventListener("change", () => {
    const full = boxes.filter((one) => one.checked).length >= 3;
    for (const one of boxes) one.disabled = full && !one.checked;
  });
}

const offline = document.getElementById("offline");
addEventListener("offline", () => { offline.hidden = false; });
addEventListener("online", () => { offline.hidden = true; });

if ("serviceWorker" in navigator && location.pathname.startsWith("/shop/")) {
  navigator.serviceWorker.addEventListener("message", (event) => { if (event.data === "kept") offline.hidden = false; });
  navigator.serviceWorker.startMessages();
  navigator.serviceWorker.register("/shop-files/worker.js", { scope: "/shop/" }).catch(() => {});
}
