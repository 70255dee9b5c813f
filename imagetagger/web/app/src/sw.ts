/** The service worker: caches every file of the app and its bundle, so that it opens without a network. */

import { addPlugins, cleanupOutdatedCaches, precacheAndRoute } from "workbox-precaching";
import { INCOMPLETE, isShare, storeShared } from "./share_target";

/** A file of the app, as site.py lists it. */
interface Entry {
  url: string;
  revision: string | null;
  integrity: string;
}

declare const self: ServiceWorkerGlobalScope & { __WB_MANIFEST: unknown };

/** A module that is valid with relaxed SIMD, where LiteRT loads its faster build instead of the compatible one. */
const RELAXED_SIMD = [
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 15, 1, 13, 0, 65, 1, 253, 15, 65, 2, 253, 15,
  253, 128, 2, 11,
];

const unused = WebAssembly.validate(new Uint8Array(RELAXED_SIMD)) ? "litert_wasm_compat" : "litert_wasm_internal";

/** The page has fetched most files already: the server is asked whether they changed, and need not send them again. */
const asking = {
  requestWillFetch: async ({ request }: { request: Request }) =>
    request.cache === "reload" ? new Request(request, { cache: "no-cache" }) : request,
};

addPlugins([asking]);
precacheAndRoute(
  (self.__WB_MANIFEST as Entry[]).filter(({ url }) => !url.includes(unused)),
  { ignoreURLParametersMatching: [/./] },
); // a query changes nothing
cleanupOutdatedCaches();

/** Stores what another app shares, and opens the app. */
async function receive(request: Request): Promise<Response> {
  const base = self.registration.scope;
  const isComplete = await request
    .formData()
    .then((form) => storeShared(base, form))
    .then(
      () => true,
      () => false, // of a full device
    );
  return Response.redirect(`${base}?shared${isComplete ? "" : `=${INCOMPLETE}`}`, 303);
}

/** Nothing is sent: neither what is shared, nor anything else. */
self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method === "GET" || request.method === "HEAD") return;
  event.respondWith(isShare(request, self.registration.scope) ? receive(request) : Response.error());
});

self.addEventListener("message", ({ data }) => {
  if (data?.type === "SKIP_WAITING") void self.skipWaiting();
});
