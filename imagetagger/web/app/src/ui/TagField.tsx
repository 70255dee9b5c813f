import type { TagId, TagView } from "../api";
import { normaliseName } from "../lessons/names";
import { type Choice, Combobox } from "./Combobox";
import { complete, findTag, fold } from "./filter";
import * as words from "./words";

interface Props {
  label: string;
  text: string;
  tags: readonly TagView[];
  /** Tags and new names that were chosen already. */
  chosen?: { tags: readonly TagId[]; newNames: readonly string[] };
  /** Whether a dialog gives it the focus. */
  first?: boolean;
  onText(text: string): void;
  onTag(tag: TagId): void;
  /** Takes the name of a new tag; absent where only known tags make sense. */
  onName?(name: string): void;
}

/** A field to pick a tag by name or synonym, or to name a new one. */
export function TagField({ label, text, tags, chosen, first, onText, onTag, onName }: Props) {
  const chosenTags = chosen?.tags ?? [];
  const name = normaliseName(text);
  const exact = findTag(tags, name);
  const close = complete(
    tags.filter((tag) => tag !== exact && !chosenTags.includes(tag.id)),
    text,
  );
  const choices = (exact === undefined ? close : [exact, ...close]).map((tag): Choice => {
    const known = fold(tag.name).includes(fold(text))
      ? undefined
      : tag.synonyms.find((s) => fold(s).includes(fold(text)));
    const detail = chosenTags.includes(tag.id) ? words.alreadyHere() : known;
    return { key: tag.id, label: tag.name, ...(detail === undefined ? {} : { detail }) };
  });
  const isAgain = chosen?.newNames.some((other) => other.toLowerCase() === name.toLowerCase()) ?? false;
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
