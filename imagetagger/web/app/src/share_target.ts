/**
 * The service worker's side of sharing: it stores what another app posts, until the page adds it (ui/receiving.ts).
 *
 * It shares no module with the page: the bundler would make that a file, which a service worker cannot import.
 */

/** The field of the form that has the files, as in manifest-share.webmanifest. */
const FIELD = "pictures";

/** The address that is posted to, of the same manifest; also the name of the cache. */
export function shareAddress(scope: string): string {
  return `${scope}share`;
}

/**
 * Whether a request is a share, as the system posts it: into a window, where the user is asked about it.
 *
 * A web page can post the same form. Its `Origin` and its referrer say so only if the page lets them, and
 * `Sec-Fetch-Site` is set after the service worker.
 */
export function isShare({ method, url, destination }: Request, scope: string): boolean {
  return method === "POST" && url === shareAddress(scope) && destination === "document";
}

/** What the page's address says, as `?shared=incomplete`, where not all files could be stored. */
export const INCOMPLETE = "incomplete";

/** Stores the files of a form, each under an address that ends with its name, as ui/waiting_files.ts reads them. */
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
