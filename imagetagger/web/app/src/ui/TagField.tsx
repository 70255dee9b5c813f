import type { TagId, TagView, TermView } from "../api";
import { normaliseName } from "../format/names";
import { type Choice, Combobox } from "./Combobox";
import { complete, findTag, knownTag } from "./completion";
import { useWords } from "./language";
import { matchingSynonym } from "./search";

interface Props {
  label: string;
  text: string;
  tags: readonly TagView[];
  /** Broader terms, which can be taught as well; absent where only known tags make sense. */
  terms?: ReadonlyMap<TagId, TermView>;
  /** Tags and new names that were chosen already. */
  chosen?: { tags: readonly TagId[]; newNames: readonly string[] };
  /** Whether a dialog gives it the focus. */
  first?: boolean;
  onText(text: string): void;
  onTag(tag: TagId): void;
  /** Takes the name of a new tag; absent where only known tags make sense. */
  onName?(name: string): void;
  /** Called on Enter in the empty field. */
  onDone?(): void;
}

/** A field to pick a tag by name or synonym, or to name a new one, which may be a broader term. */
export function TagField({ label, text, tags, terms, chosen, first, onText, onTag, onName, onDone }: Props) {
  const words = useWords().picture;
  const chosenTags = chosen?.tags ?? [];
  const name = normaliseName(text);
  const term = terms && findTag(terms.values(), name);
  const exact = knownTag(tags, terms, name);
  const close = complete(
    tags.filter((tag) => tag !== exact && !chosenTags.includes(tag.id)),
    text,
  );
  const choices = (exact === undefined ? close : [exact, ...close]).map((tag): Choice => {
    const detail = chosenTags.includes(tag.id) ? words.alreadyHere : matchingSynonym(tag, text);
    return { key: tag.id, label: tag.name, ...(detail === undefined ? {} : { detail }) };
  });
  const isAgain = chosen?.newNames.some((other) => other.toLowerCase() === name.toLowerCase()) ?? false;
  const fresh: Choice = isAgain
    ? { key: "\nnew", label: name, detail: words.alreadyHere, fresh: true }
    : {
        key: "\nnew",
        label: term?.name ?? words.newTag(name),
        ...(term ? { detail: words.broader } : {}),
        fresh: true,
      };
  const isNew = onName !== undefined && name !== "" && exact === undefined;
  return (
    <Combobox
      label={label}
      text={text}
      onText={onText}
      choices={isNew ? (term ? [fresh, ...choices] : [...choices, fresh]) : choices}
      eager
      {...(first ? { first } : {})}
      onPick={(choice) => {
        onText("");
        if (choice.fresh) onName?.(term?.name ?? name);
        else onTag(choice.key);
      }}
      onEnter={() => {
        if (name === "") onDone?.();
        if (exact === undefined && !isNew) return;
        onText("");
        if (exact === undefined) onName?.(term?.name ?? name);
        else onTag(exact.id);
      }}
    />
  );
}
