/** Which terms are above tags and terms. See imagetagger/terms/graph.py and paths.py. */

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

/** Ids of a word's broader terms, the broadest first, and of the word. */
export type TermPath = readonly string[];

type Broader = (id: string) => readonly string[];

/**
 * Returns the path of a word, and then those of the usable terms above it that none of these has: of all its parents.
 *
 * A path goes through the nearest usable term above each word, the first one of several.
 *
 * @param broader of a word: the ids of the terms directly above it.
 * @param usable the terms that may be in a path; what is above others counts.
 */
export function termPaths(word: string, broader: Broader, usable: { has(id: string): boolean }): TermPath[] {
  let paths = [termPath(word, broader, usable)];
  for (const term of nearestFirst([word], broader)) {
    if (!usable.has(term) || paths.some((path) => path.includes(term))) continue;
    const own = termPath(term, broader, usable);
    paths = [...paths.filter((path) => path.some((id, i) => id !== own[i])), own];
  }
  return paths;
}

function termPath(word: string, broader: Broader, usable: { has(id: string): boolean }): TermPath {
  const path = [word];
  for (;;) {
    const above = nearestFirst(path, broader).find((id) => usable.has(id));
    if (above === undefined) return path;
    path.unshift(above);
  }
}

/** Returns what is above the first word of a path and not in it, the nearest first. */
function nearestFirst(path: TermPath, broader: Broader): string[] {
  const seen = new Set(path);
  const result: string[] = [];
  let level = path.slice(0, 1);
  while (level.length > 0) {
    level = [...new Set(level.flatMap((id) => broader(id)))].filter((id) => !seen.has(id));
    for (const id of level) seen.add(id);
    result.push(...level);
  }
  return result;
}
