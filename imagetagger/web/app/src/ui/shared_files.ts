/** Files that another app shared: the page's side of share_target.ts. */

/** A shared file, and its address in the cache. */
export interface Shared {
  file: File;
  address: string;
}

/** The cache of the service worker that serves this folder. */
const cacheName = (base: string) => `${base}share`;

/** Returns the files that were not dropped yet. */
export async function readShared(base: string): Promise<Shared[]> {
  if (!("caches" in globalThis) || !(await caches.has(cacheName(base)))) return []; // not without HTTPS
  const cache = await caches.open(cacheName(base));
  const requests = await cache.keys();
  return Promise.all(
    requests.map(async ({ url }) => {
      const blob = await (await cache.match(url))?.blob();
      const name = decodeURIComponent(url.split("/").at(-1) ?? "");
      return { file: new File(blob ? [blob] : [], name, { type: blob?.type ?? "" }), address: url };
    }),
  );
}

/** Forgets these shared files, and no others: more may have arrived since they were read. */
export async function dropShared(base: string, shared: readonly Shared[]): Promise<void> {
  if (shared.length === 0) return;
  const cache = await caches.open(cacheName(base));
  await Promise.all(shared.map(({ address }) => cache.delete(address)));
}
