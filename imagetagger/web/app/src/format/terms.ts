/** Which terms are above tags and terms. See imagetagger/terms/graph.py. */

interface Entry {
  broader: readonly string[];
}

/** Returns those of these ids that are terms, and all terms above them. */
export function termsAbove(terms: ReadonlyMap<string, Entry>, ids: readonly string[]): ReadonlySet<string> {
  const result = new Set<string>();
  const waiting = [...ids];
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const term = terms.get(id);
    if (term === undefined || result.has(id)) continue;
    result.add(id);
    waiting.push(...term.broader);
  }
  return result;
}
