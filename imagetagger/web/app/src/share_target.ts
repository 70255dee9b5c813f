/** The service worker's side of sharing: it stores what another app posts, until the page adds it (ui/receiving.ts). */

/** The field of the form that has the files, as in manifest-share.webmanifest. */
const FIELD = "pictures";

/** The address that is posted to, of the same manifest; also the name of the cache. */
export function shareAddress(scope: string): string {
  return `${scope}share`;
}

/** What the page's address says, as `?shared=incomplete`, where not all files could be stored. */
export const INCOMPLETE = "incomplete";

/** Stores the files of a form, each under an address that ends with its name. */
export async function storeShared(scope: string, form: FormData): Promise<void> {
  const entries = form.getAll(FIELD).filter((entry) => entry instanceof File);
  const files = entries.filter(({ name, size }) => name !== "" || size > 0); // a field without a file has an empty one
  const address = shareAddress(scope);
  const cache = await caches.open(address);
  for (const file of files) {
    const key = `${address}/${crypto.randomUUID()}/${encodeURIComponent(file.name)}`;
    await cache.put(key, new Response(file, { headers: { "Content-Type": file.type } }));
  }
}
