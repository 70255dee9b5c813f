/** Files that another app shared: the page's side of share_target.ts. */

/** The cache of the service worker that serves this folder. */
const cacheName = (base: string) => `${base}share`;

/** Returns the files that were not dropped yet. */
export async function readShared(base: string): Promise<File[]> {
  if (!("caches" in globalThis) || !(await caches.has(cacheName(base)))) return []; // not without HTTPS
  const cache = await caches.open(cacheName(base));
  const requests = await cache.keys();
  return Promise.all(
    requests.map(async (request) => {
      const blob = await (await cache.match(request))?.blob();
      const name = decodeURIComponent(request.url.split("/").at(-1) ?? "");
      return new File(blob ? [blob] : [], name, { type: blob?.type ?? "" });
    }),
  );
}

/** Forgets the shared files. */
export async function dropShared(base: string): Promise<void> {
  await caches.delete(cacheName(base));
}
