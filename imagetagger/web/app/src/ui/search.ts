import type { TagId, TagView, TermView } from "../api";
import { termsAbove } from "../format/terms";

type Words = Pick<TermView, "name" | "synonyms">;

/** Tags and broader terms, by id. */
export interface Vocabulary {
  tags: ReadonlyMap<TagId, TagView>;
  terms: ReadonlyMap<TagId, TermView>;
}

/** Text as it is compared: without case, accents and compatibility forms. */
export function fold(text: string): string {
  return text.normalize("NFKD").replace(/\p{M}/gu, "").toLowerCase().trim().replace(/\s+/g, " ");
}

/** How well words match folded text: 0 the name begins with it, 1 a synonym does, 2 a word in one of them, 3 none. */
export function closeness(words: Words, text: string): number {
  const [name = "", ...synonyms] = folded(words);
  if (name.startsWith(text)) return 0;
  if (synonyms.some((synonym) => synonym.startsWith(text))) return 1;
  return [name, ...synonyms].some((each) => beginsWord(each, text)) ? 2 : 3;
}

/** The synonym that text matches where the name does not: it tells why a tag is offered. */
export function matchingSynonym({ name, synonyms }: Words, text: string): string | undefined {
  const query = fold(text);
  const matches = (word: string) => beginsWord(fold(word), query);
  return matches(name) ? undefined : synonyms.find(matches);
}

/**
 * The tags that a search finds; null for an empty one, which finds all.
 *
 * Words of a name, a synonym, or a broader term begin with it. Text that is a term means that term: "bird" finds
 * goldfinches but no birdhouse, beside what has its very name, or a name by the user.
 */
export function matchingTags({ tags, terms }: Vocabulary, text: string): ReadonlySet<TagId> | null {
  const query = fold(text);
  if (query === "") return null;
  const exact = [...terms.values()].filter((term) => folded(term).includes(query));
  const found = exact.length > 0 ? exact : [...terms.values()].filter((term) => closeness(term, query) < 3);
  const result = new Set(found.flatMap((term) => tagsBelow({ tags, terms }, term.id)));
  for (const tag of tags.values()) {
    const isMeant = exact.length === 0 || tag.name !== tag.original || folded(tag).includes(query);
    if (isMeant && closeness(tag, query) < 3) result.add(tag.id);
  }
  return result;
}

/** The broader terms to choose from: those that the text begins a word of, the closest and widest first. */
export function completeTerms(vocabulary: Vocabulary, text: string, limit = 3): { term: TermView; count: number }[] {
  const query = fold(text);
  if (query === "") return [];
  return [...vocabulary.terms.values()]
    .map((term) => ({ term, close: folded(term).includes(query) ? -1 : closeness(term, query) }))
    .filter(({ close }) => close < 2)
    .map((each) => ({ ...each, count: tagsBelow(vocabulary, each.term.id).length }))
    .filter(({ count }) => count > 1)
    .sort((a, b) => a.close - b.close || b.count - a.count)
    .slice(0, limit);
}

/** The tags below a term: those that have it, or a narrower one, as broader term, and the term itself where it is a tag. */
export function tagsBelow(vocabulary: Vocabulary, term: TagId): readonly TagId[] {
  let below = belowOf.get(vocabulary.tags);
  if (below === undefined) {
    below = new Map();
    belowOf.set(vocabulary.tags, below);
    for (const tag of vocabulary.tags.values())
      for (const above of termsAbove(vocabulary.terms, [tag.id, ...tag.broader])) {
        const tags = below.get(above);
        if (tags) tags.push(tag.id);
        else below.set(above, [tag.id]);
      }
  }
  return below.get(term) ?? [];
}

const belowOf = new WeakMap<Vocabulary["tags"], Map<TagId, TagId[]>>();

/** Folded name and synonyms; remembered, as every key press asks for those of a thousand tags. */
function folded(words: Words): readonly string[] {
  let texts = foldedOf.get(words);
  if (texts === undefined) {
    texts = [words.name, ...words.synonyms].map(fold);
    foldedOf.set(words, texts);
  }
  return texts;
}

const foldedOf = new WeakMap<Words, readonly string[]>();

/** Scripts that put no spaces between words. */
const WITHOUT_SPACES = /^[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;

/** Whether a word of folded text begins with a folded query. */
export function beginsWord(text: string, query: string): boolean {
  if (WITHOUT_SPACES.test(query)) return text.includes(query);
  for (let at = text.indexOf(query); at >= 0; at = text.indexOf(query, at + 1))
    if (at === 0 || !/[\p{L}\p{N}]$/u.test(text.slice(0, at))) return true;
  return false;
}
