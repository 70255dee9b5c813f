import type { PictureId, PictureView, TagId } from "../api";
import { bestGuess, likelyTags } from "./certainty";
import type { Draft } from "./draft";

/** The tags that a picture to confirm probably has: likely ones, or the best guess. */
export interface Proposal {
  certainty: "likely" | "perhaps";
  tags: readonly TagId[];
}

/** Whether the user finds the proposal of these tags right. */
interface Tick {
  tags: string;
  isTicked: boolean;
}

/** Proposals that the user ticked or unticked; likely ones are ticked without. */
export type Ticks = ReadonlyMap<PictureId, Tick>;

/**
 * What is proposed for a picture; null where nothing is suggested, or its user confirmed or chose tags.
 *
 * Where the user rejected the likely tags, the next guess is proposed.
 */
export function proposalOf(picture: PictureView, draft: Draft | undefined): Proposal | null {
  if (picture.confirmed || (draft && draft.tags.length + draft.newNames.length > 0)) return null;
  const likely = likelyTags(picture, draft?.removed);
  if (likely.length > 0) return { certainty: "likely", tags: likely };
  const guess = bestGuess(picture, draft?.removed);
  return guess ? { certainty: "perhaps", tags: [guess.tag] } : null;
}

/** The proposals of pictures that have one. */
export function proposalsOf(
  pictures: ReadonlyMap<PictureId, PictureView>,
  ids: readonly PictureId[],
  drafts: ReadonlyMap<PictureId, Draft>,
): [PictureId, Proposal][] {
  return ids.flatMap((id) => {
    const picture = pictures.get(id);
    const proposal = picture && proposalOf(picture, drafts.get(id));
    return proposal ? [[id, proposal]] : [];
  });
}

/** Whether a proposal is confirmed with others. */
export function isTicked(ticks: Ticks, id: PictureId, { certainty, tags }: Proposal): boolean {
  const tick = ticks.get(id);
  return tick?.tags === tags.join("\n") ? tick.isTicked : certainty === "likely"; // another guess was not looked at yet
}

/** The ticks with those of some pictures set. */
export function withTicks(ticks: Ticks, proposals: Iterable<readonly [PictureId, Proposal]>, isTicked: boolean): Ticks {
  const set = Array.from(proposals, ([id, { tags }]) => [id, { tags: tags.join("\n"), isTicked }] as const);
  return new Map([...ticks, ...set]);
}
