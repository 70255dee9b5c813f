import { format, pictures, tags } from "./formats";

/** What became of added files. */
interface Counts {
  added: number;
  again: number;
  refused: number;
  isCancelled: boolean;
}

/** The screen of all pictures, and adding some. */
export const gallery = {
  hello: "Your pictures, tagged",
  introduction:
    "Choose some pictures and see what they show. Confirm or correct their tags, and the app learns from you. All of it happens here: pictures never leave this device.",
  /** Where the tagger was made from drawings. */
  drawings:
    "This tagger is a demonstration: it knows drawings of shapes, not photographs. “imagetagger serve” alone opens the everyday tagger.",
  orDrop: "Or drop or paste them anywhere.",
  private: "Private: nothing is sent",
  knows: (count: number) => `Knows ${tags(count)}, learns yours`,
  worksOffline: "Works without a network",
  take: "Take a picture",
  choose: "Choose pictures",
  takePictures: "Take pictures",
  takeOne: "Take one picture",
  camera: "Camera",
  taken: (count: number) => (count === 0 ? "Take as many as you like" : `${pictures(count)} taken`),
  cameraRefused:
    "The camera could not be opened. Allow it for this page in the browser's settings, or take one picture at a time.",
  chooseFolder: "Choose a folder",
  folder: "Folder",
  files: "Picture files",
  added: ({ added, again, refused, isCancelled }: Counts) => {
    const parts = [
      added > 0 || again + refused === 0 ? `${pictures(added)} added` : "",
      again > 0 ? `${format.number(again)} already here` : "",
      refused > 0 ? `${format.number(refused)} not added` : "",
    ];
    return `${isCancelled ? "Cancelled. " : ""}${parts.filter(Boolean).join(", ")}`;
  },
  refused: (count: number) =>
    format.form(count, { one: "This file was not added:", other: "These files were not added:" }),
  /** Asks about what other apps, or web pages, shared. */
  shared: (count: number) => `Add ${format.many(count, { one: "shared picture", other: "shared pictures" })}?`,
  sharedBy: "Sent here by another app, or by a web page.",
  addShared: "Add",
  refuseShared: "Do not add",
  search: "Search",
  clearSearch: "Clear the search",
  which: "Which pictures",
  shows: { all: "All", open: "To confirm", confirmed: "Confirmed", unknown: "Unknown" },
  /** What comes first; short, as it stands beside the search. */
  order: "Order",
  orders: {
    added: "Newest",
    taken: "Date taken",
    name: "Name",
    doubt: "Least certain",
    unknown: "Unknown",
  },
  shown: (count: number) => `${pictures(count)} shown`,
  nothing: "No picture here.",
  showAll: "Show all pictures",
  /** Headings: pictures that a search perhaps means, and groups of those to confirm. */
  sections: {
    plain: "Pictures",
    perhaps: "Perhaps",
    likely: "Tags seen once",
    guess: "Tick what is right",
    open: "To look at one by one",
  },
  /** The heading of pictures to confirm with the same tags. */
  sectionOf: (kind: string, names: string) => (kind === "guess" ? `${names}?` : names),
  tickAll: "Tick all",
  oneByOne: "One by one",
  /** The button that confirms the ticked pictures of a heading. */
  confirmTicked: (ticked: number, all: number) => {
    if (ticked === 0 || all === 1) return "Confirm";
    return ticked < all
      ? `Confirm ${format.number(ticked)} of ${format.number(all)}`
      : `Confirm all ${format.number(all)}`;
  },
  /** The mark of a picture that is confirmed with others. */
  tick: (file: string) => `${file} is right`,
  /** The words under a picture: a guess has a question mark. */
  caption: (name: string, kind: "confirmed" | "likely" | "perhaps" | "unknown") => {
    if (kind === "unknown") return `unknown, perhaps ${name}`;
    return kind === "confirmed" ? name : `${name}?`;
  },
  /** A tile, for screen readers. */
  tile: (file: string, name: string | null, kind: "confirmed" | "likely" | "perhaps" | "unknown") => {
    if (kind === "unknown") return name === null ? `${file}: unknown` : `${file}: unknown, perhaps ${name}`;
    if (name === null) return kind === "confirmed" ? `${file}: no tag, confirmed` : `${file}: no tag`;
    return `${file}: ${name}, ${kind}`;
  },
  select: "Select",
  done: "Done",
  selection: "Selection",
  selected: (count: number) => `${format.number(count)} selected`,
  selectAll: "All",
  selectNone: "None",
  remove: "Remove",
  tag: "Tag",
  tagPictures: (count: number) => `Tag ${pictures(count)}`,
  /** Confirms the likely tags of selected pictures. */
  confirmSelected: (count: number) => (count === 0 ? "Confirm" : `Confirm ${format.number(count)}`),
};
