import type { TagId, TagView } from "../api";
import { normaliseName } from "../lessons/names";
import { type Choice, Combobox } from "./Combobox";
import { complete, fold, named } from "./filter";
import * as words from "./words";

interface Props {
  label: string;
  text: string;
  tags: readonly TagView[];
  /** Tags and new names that are here already. */
  here?: { kept: readonly TagId[]; fresh: readonly string[] };
  /** Whether a dialog gives it the focus. */
  first?: boolean;
  onText(text: string): void;
  onTag(tag: TagId): void;
  /** Takes a name that no tag has; absent where only known tags make sense. */
  onName?(name: string): void;
}

/** Picks one of the tags by name or synonym, or a new name. */
export function TagField({ label, text, tags, here, first, onText, onTag, onName }: Props) {
  const kept = here?.kept ?? [];
  const name = normaliseName(text);
  const exact = named(tags, name);
  const close = complete(
    tags.filter((tag) => tag !== exact && !kept.includes(tag.id)),
    text,
  );
  const choices = (exact === undefined ? close : [exact, ...close]).map((tag): Choice => {
    const known = fold(tag.name).includes(fold(text))
      ? undefined
      : tag.synonyms.find((s) => fold(s).includes(fold(text)));
    const detail = kept.includes(tag.id) ? words.alreadyHere() : known;
    return { key: tag.id, label: tag.name, ...(detail === undefined ? {} : { detail }) };
  });
  const isAgain = here?.fresh.some((other) => other.toLowerCase() === name.toLowerCase()) ?? false;
  const fresh: Choice = isAgain
    ? { key: "\nnew", label: name, detail: words.alreadyHere(), fresh: true }
    : { key: "\nnew", label: words.newTag(name), fresh: true };
  const isNew = onName !== undefined && name !== "" && exact === undefined;
  return (
    <Combobox
      label={label}
      text={text}
      onText={onText}
      choices={isNew ? [...choices, fresh] : choices}
      eager
      {...(first ? { first } : {})}
      onPick={(choice) => {
        onText("");
        if (choice.fresh) onName?.(name);
        else onTag(choice.key);
      }}
      onEnter={() => {
        if (exact === undefined && !isNew) return;
        onText("");
        if (exact === undefined) onName?.(name);
        else onTag(exact.id);
      }}
    />
  );
}
