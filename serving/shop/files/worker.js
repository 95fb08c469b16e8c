"use strict";
// Keeps the last list, and its style, for when there is no connection. Nothing else is kept, and what a page
// posts never passes here.
const CACHE = "sharepicks-1";
const FILES = ["/shop-files/shop.css", "/shop-files/shop.js", "/shop-files/icon.svg"];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(FILES)).then(() => skipWaiting()));
});
addEventListener("activate", (event) => { event.waitUntil(clients.claim()); });
async function tell(id) {
  const page = await clients.get(id);
  if (page) page.postMessage("kept");
}
addEventListener("fetch", (event) => {
  const request = event.request;
  const url = new URL(request.url);
  const isPage = request.mode === "navigate" && !url.search;
  if (request.method !== "GET" || url.origin !== location.origin || !(isPage || FILES.includes(url.pathname))) return;
  event.respondWith(
    fetch(request).then(async (reply) => {
      const cache = await caches.open(CACHE);
      if (reply.ok && !reply.redirected) await cache.put(request, reply.clone());
      else if (reply.status === 401 || reply.status === 403) await cache.delete(request);
      return reply;
    }).catch(async () => {
      const kept = await caches.match(request);
      if (kept && isPage) event.waitUntil(tell(event.resultingClientId));
      return kept || Response.error();
    }),
  );
});
