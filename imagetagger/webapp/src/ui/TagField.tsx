import { useState } from "preact/hooks";
import type { TagId, TagView } from "../api";
import { Combobox } from "./Combobox";
import { complete, fold, named } from "./filter";
import * as words from "./words";

interface Props {
  label: string;
  tags: readonly TagView[];
  /** Tags that are not offered. */
  except: readonly TagId[];
  /** Whether a dialog gives it the focus. */
  first?: boolean;
  onTag(tag: TagId): void;
  /** Takes a name that no tag has; absent where only known tags make sense. */
  onName?(name: string): void;
}

/** Picks one of the tags by name or synonym, or a new name. */
export function TagField({ label, tags, except, first, onTag, onName }: Props) {
  const [text, setText] = useState("");
  const offered = tags.filter((tag) => !except.includes(tag.id));
  const name = text.trim().replace(/\s+/g, " ");
  const choices = complete(offered, text).map((tag) => {
    const synonym = fold(tag.name).includes(fold(text))
      ? undefined
      : tag.synonyms.find((s) => fold(s).includes(fold(text)));
    return {
      key: tag.id,
      label: tag.name,
      ...(synonym === undefined ? {} : { detail: synonym }),
    };
  });
  const isNew = onName !== undefined && name !== "" && named(tags, name) === undefined;
  const fresh = isNew ? [{ key: "\nnew", label: words.newTag(name), fresh: true }] : [];
  return (
    <Combobox
      label={label}
      text={text}
      onText={setText}
      choices={[...choices, ...fresh]}
      eager
      {...(first ? { first } : {})}
      onPick={(choice) => {
        setText("");
        if (choice.fresh) onName?.(name);
        else onTag(choice.key);
      }}
    />
  );
}
