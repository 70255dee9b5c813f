/** Files that wait in a cache of the browser until they are added: what other apps shared, and what the camera took. */

/** A file that waits, and its address in the cache; null where the cache had no room for it. */
export interface WaitingFile {
  file: File;
  address: string | null;
}

/** Stores a file under an address that ends with its name. */
export async function storeFile(cacheName: string, file: File): Promise<WaitingFile> {
  const cache = await caches.open(cacheName); // not without HTTPS
  const address = `${cacheName}/${crypto.randomUUID()}/${encodeURIComponent(file.name)}`;
  await cache.put(address, new Response(file, { headers: { "Content-Type": file.type } }));
  return { file, address };
}

/** Returns the files that were not dropped yet. */
export async function readFiles(cacheName: string): Promise<WaitingFile[]> {
  if (!("caches" in globalThis) || !(await caches.has(cacheName))) return [];
  const cache = await caches.open(cacheName);
  const requests = await cache.keys();
  return Promise.all(
    requests.map(async ({ url }) => {
      const blob = await (await cache.match(url))?.blob();
      const name = decodeURIComponent(url.split("/").at(-1) ?? "");
      return { file: new File(blob ? [blob] : [], name, { type: blob?.type ?? "" }), address: url };
    }),
  );
}

/** Forgets these files, and no others: more may have arrived since they were read. */
export async function dropFiles(cacheName: string, files: readonly WaitingFile[]): Promise<void> {
  const addresses = files.flatMap(({ address }) => address ?? []);
  if (addresses.length === 0) return;
  const cache = await caches.open(cacheName);
  await Promise.all(addresses.map((address) => cache.delete(address)));
}
